/**
 * The sums of what is wasted, by the layer that holds it and the one that hides it. Whoever says a number about waste
 * takes it from here: the stack, the waste by instruction, the terminal, `image check`. What counts is told by the view
 * `wasted_entries` of the index, and `image waste` counts the same.
 */
import { Why } from '../database/schema.js'
import type { ViewContext } from './context.js'

interface WastedSum {
  readonly layer: number
  readonly by: number
  /** Else deleted. */
  readonly overwritten: boolean
  readonly bytes: number
  readonly files: number
}

const known = new WeakMap<ViewContext, { readonly version: number; readonly sums: readonly WastedSum[] }>()

/** By layer and hiding layer; nothing while that is not known yet. */
export function wastedSums(context: ViewContext): readonly WastedSum[] {
  const { version, isComplete } = context.filling
  if (!isComplete) return []
  const last = known.get(context)
  if (last?.version === version) return last.sums
  const sql = `SELECT layer, hidden_by, why IN (${Why.REPLACED}, ${Why.PARENT_REPLACED}), sum(bytes), count(*)
    FROM wasted_entries GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
  const rows = context.index.sql(sql).raw().all() as [number, number, number, number, number][]
  const sums = rows.map(([layer, by, isOver, bytes, files]) => ({ layer, by, overwritten: isOver === 1, bytes, files }))
  known.set(context, { version, sums })
  return sums
}

export function sumOf(sums: readonly WastedSum[]): number {
  return sums.reduce((total, { bytes }) => total + bytes, 0)
}
