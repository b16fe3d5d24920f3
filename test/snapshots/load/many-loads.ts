/** Loads (load.ts) one after the other until they have lasted long enough, of each kind in turn. */
import { fileURLToPath } from 'node:url'
import { KINDS, runIn } from '../in-place.js'
import type { LoadResult } from './load.js'

const MAIN = fileURLToPath(new URL('./load-main.js', import.meta.url))

/** Loads mounts below `at` for `seconds` in all; how many faults there were. */
export function runLoads(at: string, seconds: number, first: number, kind: string | null): number {
  const kinds = KINDS.filter((each) => kind === null || each === kind)
  let [faults, took, snapshots, settled, refused] = [0, 0, 0, 0, 0]
  const pauses: number[] = []
  for (let round = 0; took < seconds; round++) {
    const each = kinds[round % kinds.length]!
    const left = String(Math.max(1, seconds - took))
    const ended = runIn(at, each, (tree) => [MAIN, tree, left, String(first + round), each])
    if (ended.status !== 0) console.log(`load ${first + round}, ${each}: ended\n${ended.stdout}${ended.stderr}`)
    if (ended.status !== 0) return faults + 1
    const result = JSON.parse(ended.stdout) as LoadResult
    for (const words of result.faults) console.log(`load ${first + round}, ${each}: ${words}`)
    faults += result.faults.length
    took += result.seconds
    snapshots += result.snapshots
    refused += result.refused
    settled += result.settled
    pauses.push(...result.pauses)
    const share = `${took.toFixed(0)} of ${seconds} s`
    console.log(
      `${share}, ${each}: ${result.snapshots} snapshots, ${result.settled} settled, ${result.refused} refused, ${faults} faults so far`,
    )
  }
  pauses.sort((a, b) => a - b)
  const at90 = (pauses[Math.floor(pauses.length * 0.9)] ?? 0).toFixed(1)
  const middle = (pauses[pauses.length >> 1] ?? 0).toFixed(1)
  console.log(
    `${snapshots} snapshots, ${settled} settled, ${refused} refused, ${faults} faults; each took ${middle} ms, 9 of 10 at most ${at90}`,
  )
  return faults
}
