/**
 * The views in memory, least recently loaded first, bounded by their number and by the names that they hold. What is
 * taken out is marked, so that directories which still point to it ask again.
 */
import type { DirectoryView } from './directory-view.js'

/** Names kept in memory, in all views together. */
const KEPT_NAMES = 20_000
/** Views kept: each costs some hundred bytes even when it is empty. */
export const KEPT_VIEWS = 20_000

/** What a mount tells of its views. */
interface ViewCounters {
  views: number
  names: number
  loads: number
}

export class ViewCache {
  readonly #views = new Map<string, DirectoryView>()

  constructor(private readonly counters: ViewCounters) {}

  /** The view of `path`, which is in use again; undefined where there is none. */
  use(path: string): DirectoryView | undefined {
    const view = this.#views.get(path)
    if (view === undefined) return undefined
    this.#views.delete(path)
    this.#views.set(path, view)
    return view
  }

  keep(path: string, view: DirectoryView): void {
    this.counters.loads++
    this.drop(path)
    this.#views.set(path, view)
    this.counters.names += view.size
    this.counters.views = this.#views.size
    for (const [old, oldest] of this.#views) {
      if (oldest === view || (this.counters.names <= KEPT_NAMES && this.#views.size <= KEPT_VIEWS)) return
      this.drop(old)
    }
  }

  drop(path: string): void {
    const view = this.#views.get(path)
    if (view === undefined) return
    this.#views.delete(path)
    this.counters.names -= view.size
    view.drop()
    this.counters.views = this.#views.size
  }

  clear(): void {
    for (const path of [...this.#views.keys()]) this.drop(path)
  }
}
