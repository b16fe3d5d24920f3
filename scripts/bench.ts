/**
 * `npm run bench`: measures this project's mounts beside kernel overlayfs and its peers. Here is the order of a run;
 * what is measured is in bench/workloads.ts and bench/own-workloads.ts, on whom in bench/sides.ts.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type AnyWorkload, measuresOf } from './bench/any-workload.js'
import { type Arguments, HELP, readArguments } from './bench/arguments.js'
import { contenders } from './bench/contenders.js'
import type { Results } from './bench/figures.js'
import { Ground } from './bench/ground.js'
import { machine } from './bench/machine.js'
import { manyProcesses } from './bench/many-processes.js'
import { prepare, type Sizes } from './bench/material.js'
import { further, memory, pageCache, start } from './bench/own-workloads.js'
import { page, table } from './bench/page.js'
import { plot } from './bench/plot.js'
import { measure } from './bench/rounds.js'
import { stepWorkloads } from './bench/workloads.js'

const FULL: Sizes = { big: 512, layers: 64, shared: 300 }
const QUICK: Sizes = { big: 64, layers: 8, shared: 30 }

function fail(words: string): number {
  process.stderr.write(`bench: ${words}\n`)
  return 1
}

/** On a terminal one line that changes; else nothing but the end. */
function tell(done: number, of: number, words: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K[${done}/${of}] ${words}`)
}

async function main(): Promise<number> {
  const args = readArguments(process.argv.slice(2))
  if (args === null) {
    process.stdout.write(`${HELP}\n`)
    return 0
  }
  if ('error' in args) return fail(`${args.error} (--help shows how)`)
  // A host of ours that stays after its last mount would be waited for as a daemon that does not end.
  process.env.STRATAFS_HOST_IDLE = '0'
  const sizes = args.quick ? QUICK : FULL
  const wanted = (id: string) => args.only.length === 0 || args.only.some((word) => id.includes(word))
  const all: AnyWorkload[] = [...stepWorkloads(sizes), ...manyProcesses, start, further, memory, pageCache]
  const workloads = all.filter((workload) => measuresOf(workload).some((one) => wanted(one.id)))
  if (args.list) {
    for (const one of workloads.flatMap(measuresOf)) process.stdout.write(`${one.id.padEnd(22)} ${one.title}\n`)
    return 0
  }
  if (workloads.length === 0) return fail(`nothing is named ${args.only.join(' or ')}: --list names the measures`)
  if (process.getuid?.() !== 0) return fail('only root can mount kernel overlayfs and drop caches: run it with sudo')
  if (args.rootfs !== null && !existsSync(args.rootfs)) return fail(`--rootfs ${args.rootfs} does not exist`)
  return onGround(args, async (ground) => {
    const { sides, missing } = await contenders(args)
    if (sides.length === 0) return fail(`no side is named ${args.sides.join(' or ')} (--help lists them)`)
    tell(0, 0, 'preparing what is worked on')
    const material = await prepare(args.folder, ground.folder, args.rootfs, sizes)
    const measured = await measure({ sides, workloads, wanted, rounds: args.rounds, ground, material, tell })
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    const named = sides.map(({ name, about }) => ({ name, about }))
    report(args, {
      machine: await machine(args.folder),
      sides: named,
      rows: measured.rows,
      missing: [...missing, ...measured.missing],
    })
    return 0
  })
}

/** Runs `work` on a ground that is left in any case, also when the run is interrupted. */
async function onGround(args: Arguments, work: (ground: Ground) => Promise<number>): Promise<number> {
  const ground = new Ground(args.folder)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      ground.leave()
      process.exit(130)
    })
  }
  try {
    return await work(ground)
  } finally {
    ground.leave()
  }
}

function report(args: Arguments, results: Results): void {
  process.stdout.write(args.json ? `${JSON.stringify(results, null, 2)}\n` : `${table(results)}\n`)
  if (!args.page) return
  const docs = fileURLToPath(new URL('../../docs/', import.meta.url))
  writeFileSync(`${docs}benchmarks.json`, `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(`${docs}benchmarks.md`, page(results))
  writeFileSync(`${docs}benchmarks.svg`, plot(results))
}

try {
  process.exit(await main())
} catch (error) {
  process.exit(fail((error as Error).message))
}
