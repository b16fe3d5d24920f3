/**
 * What the number of layers costs: the same files in stacks of 1, 8, 64 and 200 layers, and packages of this machine in
 * 40, mounted by stratafs with and without its index, by kernel overlayfs and by fuse-overlayfs, in turn, round by
 * round, and asked the same: a walk with stat, stats of files picked at random, lookups of names that are nowhere, and
 * listings of directories that join all layers (and the looks at files and directories that index=on promises for each,
 * without any union); once when the kernel has forgotten names, once when nothing is in memory. Prints medians, each
 * with its ratio to kernel overlayfs, and how times grow from the first stack to the last made one. Then how fast an
 * index is built, how large it is, and memory with a million entries.
 */
import { realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchBuild, benchMillion } from './bench-index/capacity.js'
import {
  type Errands,
  FORGOTTEN,
  type Forgotten,
  MEASURES,
  type Measure,
  median,
  NO_ERRANDS,
  planErrands,
  timeOf,
} from './bench-index/measures.js'
import { madeStack, packageStack } from './bench-index/stacks.js'
import { type Place, type Subject, subjects, unmountLeft } from './bench-index/subjects.js'
import { givenFolder, superviseIn } from './bench-index/supervise.js'

const USAGE = `usage: npm run bench:index [-- [OPTION…] [LAYERS…]]

Mounts stacks of 1, 8, 64 and 200 layers (or of as many as are named) and one of packages of this machine by kernel overlayfs,
fuse-overlayfs and stratafs, and prints what walks, stats, absent names and listings take,
with names forgotten and with nothing in memory. Needs root.

  --rounds N                    rounds of each [5]
  --only layers|build|million   one part only
  --help                        this

BENCH_DIR is where layers are made; it should lie on a disk [the temp folder].

example: BENCH_DIR=/var/tmp npm run bench:index -- --only layers --rounds 3 1 200`

/** What was changed within this time is not believed by an index on the next mount. */
const SETTLE_MS = 2500

type Medians = Record<Measure, number>
/** By what was forgotten, medians by subject. */
type Results = ReadonlyMap<Forgotten, ReadonlyMap<string, Medians>>

/** Measures and prints; a subject that cannot mount this stack is left out, aloud. */
async function benchStack(label: string, place: Place, rounds: number): Promise<Results> {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SETTLE_MS)
  let errands: Errands | null = null
  const able: Subject[] = []
  for (const subject of subjects()) {
    try {
      await subject.prepare(place)
      subject.mount(place)
      if (!subject.bare) errands ??= planErrands(place)
      subject.unmount(place)
      able.push(subject)
    } catch (error) {
      unmountLeft(place)
      console.log(`${label}: ${subject.name} cannot mount (${String(error).split('\n')[0]})`)
    }
  }
  const plan: Errands = errands ?? NO_ERRANDS
  const results = new Map(FORGOTTEN.map((what) => [what, measureAll(able, place, plan, rounds, what)]))
  for (const [what, each] of results) print(`${label}, ${what}`, each)
  return results
}

function measureAll(
  able: readonly Subject[],
  place: Place,
  errands: Errands,
  rounds: number,
  what: Forgotten,
): Map<string, Medians> {
  const kinds = Object.keys(MEASURES) as Measure[]
  const times = new Map(able.map(({ name }) => [name, kinds.map((): number[] => [])]))
  for (let round = 0; round < rounds; round++) {
    for (const [at, kind] of kinds.entries()) {
      for (const subject of able) times.get(subject.name)![at]!.push(timeOf(subject, place, kind, errands, what))
    }
  }
  const medians = (each: number[][]): Medians =>
    Object.fromEntries(kinds.map((kind, at) => [kind, median(each[at]!)])) as Medians
  return new Map([...times].map(([name, each]) => [name, medians(each)]))
}

const measuresOf = (times: Medians): Measure[] => Object.keys(times) as Measure[]

function print(label: string, results: ReadonlyMap<string, Medians>): void {
  const [reference] = results.values()
  for (const [name, times] of results) {
    const cells = measuresOf(times).map((kind) => {
      const ratio = (times[kind] / reference![kind]).toFixed(2)
      return `${kind} ${times[kind].toFixed(1).padStart(6)} ms ${ratio.padStart(5)}x`
    })
    console.log(`${label.padEnd(18)} ${name.padEnd(24)} ${cells.join('   ')}`)
  }
}

/** How each subject's times grew from the first stack to the last. */
function printGrowth(label: string, first: ReadonlyMap<string, Medians>, last: ReadonlyMap<string, Medians>): void {
  for (const [name, times] of last) {
    const before = first.get(name)
    if (before === undefined) continue
    const cells = measuresOf(times).map((kind) => `${kind} ${(times[kind] / before[kind]).toFixed(2)}x`)
    console.log(`${label.padEnd(18)} ${name.padEnd(24)} ${cells.join('   ')}`)
  }
}

async function benchLayers(base: string, counts: readonly number[], rounds: number): Promise<void> {
  const all: Results[] = []
  for (const count of counts) {
    const place = madeStack(join(base, `n${count}`), count)
    all.push(await benchStack(`${count} layers`, place, rounds))
    rmSync(place.base, { recursive: true })
  }
  for (const what of counts.length > 1 ? FORGOTTEN : []) {
    printGrowth(`${counts[0]} to ${counts.at(-1)}, ${what}`, all[0]!.get(what)!, all.at(-1)!.get(what)!)
  }
  const real = packageStack(join(base, 'real'))
  if (real === null) return console.log('no dpkg here: no real packages')
  await benchStack('packages', real, rounds)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' }, help: { type: 'boolean' } },
    allowPositionals: true,
  })
  if (values.help === true) return console.log(USAGE)
  const folder = givenFolder()
  if (folder === undefined) {
    process.exitCode = await superviseIn(process.env.BENCH_DIR ?? tmpdir())
    return
  }
  // As mounts resolve it: an index is about layers under one path.
  const base = realpathSync(folder)
  const counts = positionals.length > 0 ? positionals.map(Number) : [1, 8, 64, 200]
  const wants = (part: string): boolean => values.only === undefined || values.only === part
  process.env.STRATAFS_STACKS = join(base, 'shared')
  if (wants('layers')) await benchLayers(base, counts, Number(values.rounds))
  if (wants('build')) await benchBuild(base)
  if (wants('million')) await benchMillion(join(base, 'million'))
}

await main()
