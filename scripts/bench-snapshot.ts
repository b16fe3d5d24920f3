/**
 * `npm run bench:snapshot`: what it takes to keep a tree as it is, and to go back to it, with 10, 10,000 and 200,000
 * files that were changed (the upper), and to branch off it, beside what people use for it. Every contender's tree is
 * known to the kernel, and ten files are written in between. Prints medians, growth from the smallest to the largest,
 * and ratios.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { contenders } from './bench-snapshot/contenders.js'
import { type Contender, Ground, run } from './bench-snapshot/places.js'

const USAGE = `usage: npm run bench:snapshot [-- [OPTION…] [FILES…]]

Times making a snapshot and going back to it with 10, 10,000 and 200,000 files (or as many as are named) in the upper,
beside cp, tar, btrfs, podman and docker where those are there. Needs root.

  --rounds N    rounds of each; medians are printed [3]
  --only WORD   contenders with this in their name alone
  --help        this

BENCH_DIR is where trees are made; it should lie on a disk [the temp folder].

example: BENCH_DIR=/var/tmp npm run bench:snapshot -- --rounds 1 10 10000`

interface Figures {
  readonly keep: number
  readonly restore: number
  /** null: it has no branches. */
  readonly branch: number | null
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean' },
  },
})

async function timeOf(act: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await act()
  return performance.now() - begun
}

async function once(contender: Contender, count: number): Promise<Figures> {
  const ground = new Ground()
  try {
    const tree = await contender.prepare(ground, count)
    try {
      // What making the tree has left to be written is not what keeping it costs.
      run('sync', '-f', tree.at)
      run('sync', '-f', ground.at)
      const keep = await timeOf(() => tree.keep())
      const branch = tree.branch === undefined ? null : await timeOf(() => tree.branch!())
      mkdirSync(join(tree.at, 'since'))
      for (let at = 0; at < 10; at++) writeFileSync(join(tree.at, 'since', String(at)), 'changed')
      run('sync', '-f', tree.at)
      return { keep, branch, restore: await timeOf(() => tree.restore()) }
    } finally {
      await tree.end()
    }
  } finally {
    ground.remove()
  }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1]!

async function main(): Promise<void> {
  const counts = positionals.length > 0 ? positionals.map(Number) : [10, 10_000, 200_000]
  const able = contenders.filter(({ name, missing }) => {
    if (missing !== null) console.log(`${name}: left out, ${missing}`)
    return missing === null && name.includes(values.only)
  })
  const results = new Map<string, Figures[]>(able.map(({ name }) => [name, []]))
  for (const count of counts)
    for (const contender of able) {
      const rounds: Figures[] = []
      for (let round = 0; round < Number(values.rounds); round++) rounds.push(await once(contender, count))
      const figures = medians(rounds)
      results.get(contender.name)!.push(figures)
      const told = ACTS.flatMap((act) => (figures[act] === null ? [] : `${WORDS[act]} ${figures[act].toFixed(1)} ms`))
      console.log(`${count} files, ${contender.name}: ${told.join(', ')}`)
    }
  for (const act of ACTS) print(act, counts, results)
}

const ACTS = ['keep', 'branch', 'restore'] as const
const WORDS = { keep: 'keeping the tree', branch: 'branching off', restore: 'going back' } as const

function medians(rounds: readonly Figures[]): Figures {
  const branches = rounds.flatMap(({ branch }) => branch ?? [])
  return {
    keep: median(rounds.map((each) => each.keep)),
    branch: branches.length === 0 ? null : median(branches),
    restore: median(rounds.map((each) => each.restore)),
  }
}

/** A table: milliseconds for each size, growth, and the largest as a multiple of the first contender's. */
function print(act: keyof Figures, counts: readonly number[], results: ReadonlyMap<string, readonly Figures[]>): void {
  const rows = [...results].flatMap(([name, figures]) => {
    const times = figures.flatMap((each) => each[act] ?? [])
    return times.length === 0 ? [] : [{ name, times }]
  })
  console.log(`\n${WORDS[act]}, ms`.padEnd(28), ...counts, 'growth', 'multiple')
  for (const { name, times } of rows) {
    const growth = times.at(-1)! / times[0]!
    const multiple = times.at(-1)! / rows[0]!.times.at(-1)!
    const words = [...times.map((time) => time.toFixed(1)), growth.toFixed(2), multiple.toFixed(1)]
    console.log(name.padEnd(26), words.join('  '))
  }
}

if (values.help) console.log(USAGE)
else await main()
