/**
 * A tree of any size as one list of rows, for the page and the terminal: directories know how many entries they have,
 * and hold the pages that were looked at. So a million rows cost what is on the screen.
 */
import type { Entry, Tree } from './types.js'

const PAGE = 200
/** Rows that are gone through for directories to open. */
const MOST_LOOKED_AT = 20_000

interface Directory {
  /** As routes have it. */
  readonly path: string
  readonly depth: number
  total: number
  readonly pages: Map<number, readonly Entry[]>
  /** Pages that were asked for, and the version they were asked at. */
  readonly asked: Map<number, number>
  /** Open directories in it, by position. */
  readonly open: Map<number, Directory>
}

export interface Row {
  readonly directory: Directory
  readonly index: number
  /** Null while its page is on its way. */
  readonly entry: Entry | null
  readonly depth: number
}

function directoryAt(path: string, depth: number): Directory {
  return { path, depth, total: 0, pages: new Map(), asked: new Map(), open: new Map() }
}

export class TreeModel {
  readonly root: Directory
  version = 0
  error: string | null = null
  isLoaded = false

  /** `load` asks for the view `tree?…`, and hands over its answer or why there is none, now or later. */
  constructor(
    path: string,
    private readonly load: (question: string, done: (answer: Tree | Error) => void) => void,
    private readonly changed: () => void,
  ) {
    this.root = directoryAt(path || '/', 0)
    this.#need(this.root, 0)
  }

  get count(): number {
    return countOf(this.root)
  }

  /** What was answered at an older version is asked again when it is looked at. */
  renew(version: number): void {
    if (version === this.version) return
    this.version = version
    this.#need(this.root, 0)
    this.changed()
  }

  rowAt(at: number): Row {
    let directory = this.root
    let left = at
    for (;;) {
      const inside = this.#child(directory, left)
      if (typeof inside === 'number') return this.#row(directory, inside)
      directory = inside.directory
      left = inside.left
    }
  }

  /** The position in `directory` of its row `at`, or the open directory that holds it. */
  #child(directory: Directory, at: number): number | { directory: Directory; left: number } {
    let passed = 0
    for (const [index, child] of [...directory.open].sort((a, b) => a[0] - b[0])) {
      if (at <= index + passed) return at - passed
      const size = countOf(child)
      const left = at - passed - index - 1
      if (left < size) return { directory: child, left }
      passed += size
    }
    return at - passed
  }

  #row(directory: Directory, index: number): Row {
    const page = Math.floor(index / PAGE)
    this.#need(directory, page)
    const entry = directory.pages.get(page)?.[index % PAGE] ?? null
    return { directory, index, entry, depth: directory.depth }
  }

  isOpen({ directory, index }: Row): boolean {
    return directory.open.has(index)
  }

  /** Paths of the directories that are open. */
  openPaths(): Set<string> {
    const paths = new Set<string>()
    const collect = (directory: Directory) => {
      for (const child of directory.open.values()) {
        paths.add(child.path)
        collect(child)
      }
    }
    collect(this.root)
    return paths
  }

  /** Opens those again, where they are in what has been loaded and near the top. */
  reopen(paths: ReadonlySet<string>): void {
    let left = paths.size
    for (let at = 0; left > 0 && at < Math.min(this.count, MOST_LOOKED_AT); at++) {
      const row = this.rowAt(at)
      if (row.entry?.kind !== 'directory' || !paths.has(this.pathOf(row))) continue
      this.toggle(row)
      left--
    }
  }

  pathOf({ directory, entry }: Row): string {
    return entry === null ? directory.path : joinValue(directory.path, entry)
  }

  toggle(row: Row): void {
    const { directory, index, entry } = row
    if (directory.open.delete(index)) return this.changed()
    if (entry?.kind !== 'directory') return
    const child = directoryAt(joinValue(directory.path, entry), directory.depth + 1)
    directory.open.set(index, child)
    this.#need(child, 0)
  }

  #need(directory: Directory, page: number): void {
    if (directory.asked.get(page) === this.version) return
    directory.asked.set(page, this.version)
    this.load(`path=${directory.path}&offset=${page * PAGE}&limit=${PAGE}`, (answer) => {
      this.isLoaded = true
      if (answer instanceof Error) this.error = answer.message
      else {
        this.error = null
        directory.total = answer.total
        directory.pages.set(page, answer.rows)
      }
      this.changed()
    })
  }
}

/** A path as views take it, from a directory's and a name. */
export function joinValue(directory: string, name: { readonly name: string; readonly raw?: string }): string {
  const own = name.raw ?? encodeURIComponent(name.name)
  return `${directory === '/' || directory === '' ? '' : directory}/${own}`
}

function countOf(directory: Directory): number {
  let count = directory.total
  for (const child of directory.open.values()) count += countOf(child)
  return count
}
