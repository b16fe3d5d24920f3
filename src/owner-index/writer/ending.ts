/** What a database says of the upper, and of its own end, for the mount that comes next. */
import { codeOf } from '../database/database.js'
import { removeMark } from '../database/in-use.js'
import type { IndexStore } from '../database/store.js'

/** What it has of the upper is of another one. */
const STALE = 'upper_stale'

/** From now on nobody follows the upper. The number of rows that this takes. */
export function leaveUpper(store: IndexStore | null): number {
  store?.begin()
  store?.setMeta(STALE, 1)
  store?.setMeta('upper_read', '')
  return 2
}

/** Nobody has read it since. */
export function isLeft(store: IndexStore): boolean {
  return store.meta(STALE) === 1
}

/** It has been read, in the mount that is called so. */
export function upperIsRead(store: IndexStore, mount: string): void {
  store.begin()
  store.setMeta('upper_read', mount)
  store.setMeta(STALE, 0)
}

/** Ends it, as clean where all of it is true; SQLite's code where that fails, or null. */
export function endStore(store: IndexStore, isTrue: boolean): string | null {
  try {
    if (!isTrue) store.close()
    else store.end()
    if (isTrue) removeMark(store.path)
    return null
  } catch (error) {
    return codeOf(error)
  }
}
