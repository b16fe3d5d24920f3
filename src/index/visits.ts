/**
 * Reading what the engine came by: the directory that was visited, and those above it that are not in the database yet, so that
 * every row has a parent.
 */
import type { RealDir } from '../layers/real-dir.js'
import { S_IFDIR } from '../syscalls/constants.js'
import type { LowerStack } from './lower-stack.js'
import { readDirectoryRows } from './read-directory.js'
import type { IndexStore } from './store.js'

/** Reads the lower directory at `path`, again where it was read; the number of rows written, 0 where there is no such directory. */
export function readVisited(stack: LowerStack, store: IndexStore, path: string): number {
  return new Visit(stack, store).run(path)
}

class Visit {
  #rows = 0

  constructor(
    private readonly stack: LowerStack,
    private readonly store: IndexStore,
  ) {}

  run(path: string): number {
    let parts: readonly RealDir[] = this.stack.roots
    let at = ''
    let id = this.store.idOf('')
    if (path === '' || id === 0) id = this.#read('', parts, 0)
    for (const name of path === '' ? [] : path.split('/')) {
      this.stack.cache.beginOperation()
      const found = this.stack.search(parts, name)
      if (found.type !== S_IFDIR || id === 0) break
      parts = found.lowers
      at = at === '' ? name : `${at}/${name}`
      const known = this.store.idOf(at)
      id = known === 0 || at === path ? this.#read(at, parts, id) : known
    }
    return this.#rows
  }

  #read(path: string, parts: readonly RealDir[], parent: number): number {
    const rows = readDirectoryRows(this.stack, path, parts)
    if (typeof rows === 'number') return 0
    this.#rows += rows.names.length + 1
    return this.store.put(rows, parent)
  }
}
