/** Many random histories (history.ts), one process each: those that differ are named, and the next one is begun. */
import { fileURLToPath } from 'node:url'
import { KINDS, type Kind, runIn } from './in-place.js'

const MAIN = fileURLToPath(new URL('./history-main.js', import.meta.url))

interface Order {
  /** Where they take place: a directory on the filesystem that is meant. */
  readonly at: string
  readonly count: number
  readonly first: number
  readonly steps: number
  readonly kind: string | null
}

/** Runs `count` of them, each kind in turn; how many differed. */
export function runHistories({ at, count, first, steps, kind }: Order): number {
  const kinds = KINDS.filter((each) => kind === null || each === kind)
  let failed = 0
  for (let done = 0; done < count; done++) {
    const each = kinds[done % kinds.length]!
    const seed = first + Math.floor(done / kinds.length)
    const words = runOne(at, seed, steps, each)
    if (words !== '') console.log(`history ${seed}, ${each}: failed\n${words}`)
    if (words !== '') failed++
    if ((done + 1) % 30 === 0) console.log(`${done + 1} of ${count} histories, ${failed} failed`)
  }
  return failed
}

/** What it said, where it failed. */
function runOne(at: string, seed: number, steps: number, kind: Kind): string {
  const { status, stdout, stderr } = runIn(at, kind, (tree) => [MAIN, tree, String(seed), String(steps), kind])
  return status === 0 ? '' : `${stdout}${stderr}` || 'it took too long'
}
