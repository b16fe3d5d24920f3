/** Where a file of a layer that went into the one above lies since, by the plan of that merge. */
import type { MergePlan } from './merge-plan.js'

/** What of a plan says so. */
export type MergedPaths = Pick<MergePlan, 'id' | 'into' | 'moves' | 'swaps' | 'pairs'>

/** The path in the layer above of what was at `path`; null: nothing of it is left. Latin1. */
export function pathAfterMerge({ moves, swaps, pairs }: MergedPaths, path: string): string | null {
  const moved = new Map([...moves, ...swaps.map(({ from, to }) => [from, to[0]!] as const)])
  const both = new Map(pairs)
  // A name that a directory of both has, and that has not moved, is hidden.
  const below = (at: string): string | null => {
    const own = moved.get(at) ?? both.get(at)
    if (own !== undefined) return own
    const slash = at.lastIndexOf('/')
    const above = at.slice(0, Math.max(0, slash))
    if (at === '' || both.has(above)) return at === '' ? '' : null
    const to = below(above)
    return to === null ? null : `${to}${to === '' ? '' : '/'}${at.slice(slash + 1)}`
  }
  return moved.get(path) ?? below(path)
}
