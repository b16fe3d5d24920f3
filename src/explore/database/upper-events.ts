/**
 * Which directories of a mount's upper something happened in, as the kernel tells it (inotify): of what is written
 * through a mount too, passed through or not. It says where to look, not what is there; what is written by a mapping
 * it does not say at all. Whoever uses it looks at the whole now and then.
 */
import { type FSWatcher, watch } from 'node:fs'
import { pathBytes } from '../../base/text.js'

/** Directories that are watched at once: those met last. Each takes a watch of the user's (max_user_watches). */
const MOST = 4_000

export class UpperEvents {
  readonly #watchers = new Map<string, FSWatcher>()
  #touched = new Set<string>()
  /** The system has no watch left. */
  #isFull = false
  #isWhole = true

  /** `root`: latin1. `happened` is called once until `take`. */
  constructor(
    private readonly root: string,
    private readonly happened: () => void,
  ) {}

  /** Every directory is watched that was met. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Watches the directory `path` (relative, latin1) from now on, if it can; `isFresh`: it may be another by now. */
  watch(path: string, isFresh: boolean): void {
    const known = this.#watchers.get(path)
    if (known !== undefined && !isFresh) {
      this.#watchers.delete(path)
      this.#watchers.set(path, known)
      return
    }
    if (known !== undefined) this.#drop(path, known)
    if (this.#isFull && this.#watchers.size === 0) return
    if (this.#isFull || this.#watchers.size >= MOST) this.#letGo(this.#watchers.keys().next().value!)
    try {
      const watcher = watch(pathBytes(`${this.root}/${path}`), { persistent: false, encoding: 'buffer' })
      watcher.on('change', () => this.#touch(path))
      watcher.on('error', () => this.#drop(path, watcher))
      this.#watchers.set(path, watcher)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      this.#isFull ||= code === 'ENOSPC' || code === 'EMFILE'
      if (this.#isFull) this.#isWhole = false
    }
  }

  /** The directory is gone, or another one has its name. */
  forget(path: string): void {
    const below = `${path}/`
    for (const [each, watcher] of this.#watchers) if (each === path || each.startsWith(below)) this.#drop(each, watcher)
  }

  /** Directories in which something happened since the last call. */
  take(): ReadonlySet<string> {
    const touched = this.#touched
    this.#touched = new Set()
    return touched
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #letGo(path: string): void {
    this.#isWhole = false
    this.#drop(path, this.#watchers.get(path)!)
  }

  #drop(path: string, watcher: FSWatcher): void {
    watcher.close()
    if (this.#watchers.get(path) === watcher) this.#watchers.delete(path)
  }

  #touch(path: string): void {
    const isFirst = this.#touched.size === 0
    this.#touched.add(path)
    if (isFirst) this.happened()
  }
}
