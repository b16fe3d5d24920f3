/**
 * Reads a whole tree of lower layers into rows: depth first, so that the directories on the way stay open, and in steps, so that
 * whoever reads can do something else in between.
 */
import type { RealDir } from '../layers/real-dir.js'
import type { LowerStack } from './lower-stack.js'
import { readDirectoryRows } from './read-directory.js'
import type { RowSink } from './row-sink.js'

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

  constructor(
    private readonly stack: LowerStack,
    private readonly sink: RowSink,
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
    this.sink.flush()
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
    const id = this.sink.put(rows, parent)
    this.directories++
    this.entries += rows.names.length
    const prefix = path === '' ? '' : `${path}/`
    for (const child of rows.directories)
      this.#waiting.push({ path: prefix + child.name, parent: id, parts: child.parts })
  }
}
