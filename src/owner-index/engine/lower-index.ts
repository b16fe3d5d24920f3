/**
 * The owner index as the engine's thread has it: a read-only connection, opened at the first visit to a directory that
 * it serves, and a cache of views, bounded by the names in them. It never waits. What is not there yet is asked of the
 * layers, and the writer is told of the visit. Any SQLite error ends its use until the writer has put another database
 * in place.
 */

import { commonPath, type LayerDirs, type LayerSet, LayerSets } from '../../stack/parts.js'
import type { SearchContext } from '../../stack/search.js'
import { native } from '../../syscalls/native.js'
import { codeOf } from '../database/database.js'
import { keyOf, LONGEST_PATH } from '../database/place.js'
import { DirFlag } from '../database/schema.js'
import { isVerified, Slot, State } from '../database/shared-state.js'
import { isStamped } from '../database/stamps.js'
import { DirectoryView } from './directory-view.js'
import { type DirRow, loadRows, ownersOf } from './load-rows.js'
import { CHECKSUM_MISMATCH } from './loaded-rows.js'
import { IndexReader, type Statements } from './reader.js'
import { VerifiedStamps } from './verified-stamps.js'
import { ViewCache } from './view-cache.js'
import { COMPARED, type ViewKeeper } from './view-contract.js'
import { type IndexedDirectory, NEVER } from './view-slot.js'
import { type ToldWriterOptions, WriterClient } from './writer-client.js'

interface LowerIndexOptions extends ToldWriterOptions {
  readonly path: string
  /** The identity that the database must have; null: the writer has seen to it. */
  readonly identity: string | null
  readonly immutable: boolean
  /** When the mount began, ms: what was read after that is believed even when it was racy. */
  readonly since: number
}

export class LowerIndex implements ViewKeeper {
  /** `unseen`: entries answered without a look at any layer; `compares`: directories held against their stamps here. */
  readonly counters = { views: 0, names: 0, loads: 0, misses: 0, mismatches: 0, unseen: 0, compares: 0 }
  readonly #reader: IndexReader
  readonly #views = new ViewCache(this.counters)
  readonly #compared = new VerifiedStamps()
  readonly #sets = new LayerSets()
  /**
   * Directories in which something was not what its row said: the writer's comparison does not count there any more.
   */
  readonly #mistrusted = new Set<string>()
  readonly #writer: WriterClient

  constructor(private readonly options: LowerIndexOptions) {
    const { path, identity, shared } = options
    this.#writer = new WriterClient(options)
    this.#reader = new IndexReader(path, identity, shared, () => this.#forget())
  }

  get immutable(): boolean {
    return this.options.immutable
  }

  /**
   * Whether a directory with so many lower parts gains by a view: one with a single part only where nobody looks at
   * that.
   */
  serves(parts: number): boolean {
    return parts > 1 || (parts === 1 && this.immutable)
  }

  /** Somebody came by a directory that is not served: its rows are for people. It is told once for each directory. */
  came(dir: IndexedDirectory): void {
    dir.ownerView = NEVER
    if (Atomics.load(this.options.shared, Slot.COMPLETE) === 1) return
    const path = commonPath(dir.lowers, LONGEST_PATH)
    if (path !== null) this.#writer.came(path)
  }

  /** The view of the lower parts of `dir`; null where the layers have to be asked. */
  view(c: SearchContext, dir: IndexedDirectory): DirectoryView | null {
    const slot = dir.ownerView
    if (typeof slot !== 'number') {
      if (!slot.dropped) return slot
    } else if (slot === NEVER || slot === Atomics.load(this.options.shared, Slot.GENERATION)) return null
    const generation = Atomics.load(this.options.shared, Slot.GENERATION)
    const path = commonPath(dir.lowers, LONGEST_PATH)
    if (path === null) dir.ownerView = NEVER
    else dir.ownerView = this.#find(c, path, dir.lowers) ?? generation
    return typeof dir.ownerView === 'number' ? null : dir.ownerView
  }

  stampsFor(path: string, set: LayerSet): Buffer | null {
    if (this.#compared.has(path, set)) return COMPARED
    const row = this.#row(path, set)
    if (row === null) return null
    return this.#compared.has(path, set) ? COMPARED : this.#stampsOf(row)
  }

  ownersIn(path: string, set: LayerSet): LayerSet | null {
    const row = this.#row(path, set)
    if (row === null || !this.#compared.has(path, set)) return null
    try {
      const owners = ownersOf(this.#reader.current!, row)
      return owners === null ? null : this.#sets.of(owners)
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  compared(path: string, set: LayerSet): void {
    this.#compared.add(path, set)
  }

  comparing(): void {
    this.counters.compares++
  }

  unseen(): void {
    this.counters.unseen++
  }

  mismatch(path: string, name: string, layer: number): void {
    this.counters.mismatches++
    this.#writer.edited(layer, name === '' ? path : join(path, name))
    // What a directory joins stands in the row of its parent.
    if (name === '' && path !== '') this.#suspect(path.slice(0, Math.max(0, path.lastIndexOf('/'))), `${path}//..`, [])
    this.#suspect(path, `${path}//${layer}`, [layer])
  }

  /** Something about the directory at `path` is not as it was read: it is read again, once for each `key`. */
  #suspect(path: string, key: string, edited: readonly number[]): void {
    this.#writer.reread(key, path, edited)
    this.#compared.delete(path)
    this.#mistrusted.add(path)
    this.#views.drop(path)
  }

  /** Opens the database, when it is there: in a quiet moment, so that the first visit need not. */
  prepare(): void {
    this.#connected()
  }

  /** Something of the upper at `path` has changed. */
  touched(path: string): void {
    this.#writer.touched(path)
  }

  /** Tells the writer what it has not been told. */
  flush(): void {
    this.#writer.flush()
  }

  /** Ends the use: the writer may finish. */
  close(): void {
    this.flush()
    this.#reader.close()
    this.options.post({ kind: 'end' })
  }

  /** Ends the use; the change log goes on. */
  leaveToLog(): void {
    this.flush()
    this.#reader.close()
    this.options.post({ kind: 'log-only' })
  }

  /** Ends the use without a word to the writer. */
  abandon(): void {
    this.#reader.close()
  }

  #find(c: SearchContext, path: string, parts: LayerDirs): DirectoryView | null {
    const set = this.#sets.ofParts(parts)
    const row = this.#row(path, set)
    if (row === null) return null
    const due = !this.immutable && !this.#compared.has(path, set)
    if (due && !this.#isUnchanged(c, path, parts, set, row)) return null
    const kept = this.#views.use(path)
    if (!kept?.joins(set)) return this.#load(path, set, row)
    kept.takeUp()
    return kept
  }

  /** The directory's own row, when it is about these layers and can be believed; else the writer is told. */
  #row(path: string, set: LayerSet): DirRow | null {
    const first = this.#read(path)
    const source = this.#reader.current
    // Where its comparison is known of, a row of before that would not do, nor one of another database.
    const ahead = first !== null && isVerified(this.options.shared, first[0]) && !this.#mistrusted.has(path)
    const row = ahead ? this.#read(path) : first
    if (row === null) return null
    const [, packed, readAt, racy, flags] = row
    if ((flags & (DirFlag.REDIRECTED | DirFlag.UNUSABLE)) !== 0) return null
    const same = this.#sets.ofPacked(packed).equals(set)
    const believed = this.immutable || racy === 0 || readAt >= this.options.since
    if (!same || !believed) return this.#missing(path)
    if (ahead && source === this.#reader.current) this.compared(path, set)
    return row
  }

  /** The directory's own row as it stands now; null where there is none, and the writer is told. */
  #read(path: string): DirRow | null {
    const key = keyOf(path)
    if (key === null) return null
    const statements = this.#connected()
    if (statements === null) return this.#early(path)
    try {
      const row = statements.findDir.raw().get(key) as DirRow | undefined
      return row ?? this.#missing(path)
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  /** There may be a database soon: who comes by again finds the directory in it then. */
  #early(path: string): null {
    if (Atomics.load(this.options.shared, Slot.STATE) === State.OPENING) this.#writer.visit(path, 'early')
    return null
  }

  #missing(path: string): null {
    this.counters.misses++
    this.#writer.visit(path)
    return null
  }

  #isUnchanged(c: SearchContext, path: string, parts: LayerDirs, set: LayerSet, row: DirRow): boolean {
    const stamps = this.#stampsOf(row)
    if (stamps === null) return false
    this.comparing()
    for (const [i, part] of [...parts].entries()) {
      const fd = c.cache.fd(part)
      if (fd >= 0 && native.statat(fd, '') >= 0 && isStamped(stamps, i)) continue
      this.mismatch(path, '', part.layer.position)
      return false
    }
    this.compared(path, set)
    return true
  }

  /** The stamps that were read with `row`; null where it has been read anew since. */
  #stampsOf([id, , readAt]: DirRow): Buffer | null {
    try {
      const found = this.#reader.current?.stamps.raw().get(id, readAt) as [Buffer] | undefined
      return found?.[0] ?? null
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  #load(path: string, set: LayerSet, row: DirRow): DirectoryView | null {
    // By the statements with which the row was found, whatever the writer has done meanwhile.
    const statements = this.#reader.current!
    const damaged = { code: `rows of /${path} do not add up` }
    const fail = (error: unknown): void => this.#fail(error === CHECKSUM_MISMATCH ? damaged : error)
    const directory = { set, sets: this.#sets }
    const source = loadRows({ statements, path, row, directory, whole: this.immutable, fail })
    if (source === null) return null
    const view = new DirectoryView(this, path, source, set)
    this.#views.keep(path, view)
    return view
  }

  #connected(): Statements | null {
    try {
      return this.#reader.statements()
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  /** Forgets what was read from a database that is used no more. */
  #forget(): void {
    this.#views.clear()
    this.#writer.forget()
    this.#compared.clear()
  }

  /** Reading failed: nothing more is read from this database. A lock is no damage. */
  #fail(error: unknown): void {
    if (/^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))) return
    this.options.post({ kind: 'damaged', code: codeOf(error) })
    this.#reader.close()
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}
