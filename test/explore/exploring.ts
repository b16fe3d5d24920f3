/** An explorer for a test, closed when that ends, and what a directory shows in it. */
import assert from 'node:assert/strict'
import { Explorer, type Target } from '../../src/explore/explorer.js'
import type { Entry, Tree } from '../../src/explore/views/types.js'

/** Runs `work` once all of `target` is read, without a fault. */
export async function exploring<T>(target: Target, work: (explorer: Explorer) => Promise<T> | T): Promise<T> {
  const explorer = await Explorer.open(target)
  try {
    await explorer.filling.done
    assert.deepEqual(explorer.filling.faults, [])
    return await work(explorer)
  } finally {
    await explorer.close()
  }
}

/** The rows of a directory by name. */
export function rowsOf(explorer: Explorer, words: string): Record<string, Entry> {
  const { rows } = explorer.view(`tree?${words}`) as Tree
  return Object.fromEntries(rows.map((row) => [row.name, row]))
}
