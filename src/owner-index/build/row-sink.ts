/**
 * Where the rows of a walk over a whole tree go: into a database at hand, in transactions of some thousand rows; or, in
 * a build, into one that a thread of its own writes once the tree has turned out to be large (build-sink.ts).
 */
import type { DirectoryRows } from '../database/rows.js'
import type { IndexStore } from '../database/store.js'

export interface RowSink {
  /** Takes the rows of one directory; returns the directory's id. `parent`: its parent's id, 0 for the root. */
  put(rows: DirectoryRows, parent: number): number
  /** Whether rows can be put in place of others of the same directory. */
  readonly replaces: boolean
  /** Nothing that has been put is held back any longer. */
  flush(): void
}

const ROWS_PER_TRANSACTION = 8000

/** Puts rows in place of those that a database may have already. */
export class StoreSink implements RowSink {
  readonly replaces = true
  #rows = 0

  constructor(private readonly store: IndexStore) {}

  put(rows: DirectoryRows, parent: number): number {
    this.store.begin()
    const id = this.store.put(rows, parent)
    this.#rows += rows.names.length + 1
    if (this.#rows >= ROWS_PER_TRANSACTION) this.flush()
    return id
  }

  flush(): void {
    this.#rows = 0
    this.store.commit()
  }
}
