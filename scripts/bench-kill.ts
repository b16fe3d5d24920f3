/**
 * `npm run bench:kill [-- KILLS [WORKLOAD]]`: kill -9 of the serving process at random instants under programs that
 * notice what is lost. Prints the kills, what went wrong, and how long nothing was answered.
 */
import { spawnSync } from 'node:child_process'
import { KillGround } from './kill/ground.js'
import { type KillResult, killUnder } from './kill/killing.js'
import { type KillWorkload, killWorkloads } from './kill/workloads.js'

const KILLS = 50
const MODES = ['recover=on', 'recover=on,data=cached', 'recover=on,data=cached,writeback=1'] as const

async function one(options: string, workload: KillWorkload, kills: number): Promise<KillResult> {
  const ground = new KillGround(options, workload)
  try {
    const before = ground.lowerSum()
    ground.mount()
    const result = await killUnder(ground, workload, kills, Date.now() & 0xffff)
    const fault = ground.lowerSum() === before ? result.fault : 'the lower layer has changed'
    return { ...result, fault }
  } finally {
    ground.remove()
  }
}

function figures(pauses: readonly number[]): string {
  const sorted = [...pauses].sort((a, b) => a - b)
  const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(0)
  return `pause ${at(0.5)} ms median, ${at(1)} ms worst`
}

/** What a program in a mount of fuse-overlayfs is told after the first kill; null where that is not installed. */
function peer(): string | null {
  const ground = new KillGround('')
  try {
    const pid = ground.mountPeer()
    if (pid === null) return null
    process.kill(pid, 'SIGKILL')
    const { stderr } = spawnSync('stat', [`${ground.merged}/never-there`], { encoding: 'utf8', timeout: 10_000 })
    return stderr.trim().split(': ').at(-1) ?? ''
  } finally {
    ground.remove()
  }
}

async function main(): Promise<number> {
  const [count = String(KILLS), only = ''] = process.argv.slice(2)
  let faults = 0
  for (const options of MODES)
    for (const workload of killWorkloads) {
      if (!`${options} ${workload.name}`.includes(only)) continue
      if (workload.needs.some((program) => spawnSync('which', [program]).status !== 0)) continue
      const { kills, pauses, done, fault } = await one(options, workload, Number(count))
      if (fault !== null) faults++
      const said = `${done}; ${kills} kills, ${figures(pauses)}, ${fault ?? 'no error'}`
      process.stdout.write(`${options}: ${workload.name}: ${said}\n`)
    }
  const said = 'fuse-overlayfs'.includes(only) ? peer() : null
  if (said !== null) process.stdout.write(`fuse-overlayfs: after the first kill a program is told: ${said}\n`)
  return faults === 0 ? 0 : 1
}

process.exit(await main())
