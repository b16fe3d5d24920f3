/**
 * Reads a whole tree of lower layers into the database: depth first, so that the directories on the way stay open, and in
 * transactions of some thousand rows. A build goes into a file of its own, which takes its place by one rename when it is
 * whole; of two builds at once the last one wins, and both were whole.
 */
import type { RealDir } from '../layers/real-dir.js'
import type { LowerStack } from './lower-stack.js'
import { readDirectoryRows } from './read-directory.js'
import type { IndexStore } from './store.js'

const ROWS_PER_TRANSACTION = 8000

export interface BuildProgress {
  readonly directories: number
  readonly entries: number
  /** Directories found and not read yet. */
  readonly waiting: number
  /** What could not be read: path and -errno. */
  readonly failures: readonly { readonly path: string; readonly errno: number }[]
}

interface Waiting {
  readonly path: string
  readonly parent: number
  readonly parts: readonly RealDir[]
}

/** A walk over a stack that can be done in steps. */
export class TreeWalk {
  directories = 0
  entries = 0
  readonly failures: { path: string; errno: number }[] = []
  readonly #waiting: Waiting[]
  #rows = 0

  /** `fresh`: the database holds no directory yet. */
  constructor(
    private readonly stack: LowerStack,
    private readonly store: IndexStore,
    private readonly fresh: boolean,
  ) {
    this.#waiting = [{ path: '', parent: 0, parts: stack.roots }]
  }

  /** Reads directories for about `milliseconds`; true when the tree is done. */
  step(milliseconds: number): boolean {
    const end = Date.now() + milliseconds
    while (this.#waiting.length > 0) {
      this.#next(this.#waiting.pop()!)
      if (Date.now() >= end) break
    }
    if (this.#waiting.length > 0) return false
    this.store.commit()
    return true
  }

  get progress(): BuildProgress {
    const { directories, entries, failures } = this
    return { directories, entries, failures, waiting: this.#waiting.length }
  }

  #next({ path, parent, parts }: Waiting): void {
    const rows = readDirectoryRows(this.stack, path, parts)
    if (typeof rows === 'number') {
      this.failures.push({ path, errno: rows })
      return
    }
    this.store.begin()
    const id = this.fresh ? this.store.add(rows, parent) : this.store.put(rows, parent)
    this.#rows += rows.names.length + 1
    this.directories++
    this.entries += rows.names.length
    const prefix = path === '' ? '' : `${path}/`
    for (const child of rows.directories)
      this.#waiting.push({ path: prefix + child.name, parent: id, parts: child.parts })
    if (this.#rows < ROWS_PER_TRANSACTION) return
    this.#rows = 0
    this.store.commit()
  }
}
