/**
 * Reading what the engine came by: the directory that was visited, and those above it that are not in the database yet,
 * so that every row has a parent.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { S_IFDIR } from '../../syscalls/constants.js'
import { readDirectoryRows } from '../build/read-directory.js'
import type { IndexStore } from '../database/store.js'

interface Visited {
  /** Rows written, 0 where there is no such directory. */
  readonly rows: number
  /** It was read again, and has directories now that were never read. */
  readonly grown: boolean
}

/** Reads the lower directory at `path`, again where it was read. */
export function readDirectoryNow(stack: LowerStack, store: IndexStore, path: string): Visited {
  return new Visit(stack, store).run(path)
}

class Visit {
  #rows = 0
  #grown = false

  constructor(
    private readonly stack: LowerStack,
    private readonly store: IndexStore,
  ) {}

  run(path: string): Visited {
    let parts: readonly LayerDir[] = this.stack.roots
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
    return { rows: this.#rows, grown: this.#grown }
  }

  #read(path: string, parts: readonly LayerDir[], parent: number): number {
    const rows = readDirectoryRows(this.stack, path, parts)
    if (typeof rows === 'number') return 0
    this.#rows += rows.names.length + 1
    if (this.store.idOf(path) !== 0) {
      const prefix = path === '' ? '' : `${path}/`
      this.#grown ||= rows.directories.some(({ name }) => this.store.idOf(prefix + name) === 0)
    }
    return this.store.put(rows, parent)
  }
}
