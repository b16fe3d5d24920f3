/**
 * What snapshots there are, and what may be done with which: containerd's rules, as its own snapshotters have them.
 * What is asked is answered from memory; what changes is in the database before it is in memory.
 * Everything here is synchronous; what else a call does on disk is done by others, before its transaction ends or
 * after.
 */
import { performance } from 'node:perf_hooks'
import type { Connection, Statement } from '../../owner-index/database/database.js'
import type { Labels } from '../wire/messages.js'
import { alreadyThere, invalid, notFound, unfit } from '../wire/refusal.js'
import { closeDatabase, transaction } from './database.js'
import { checkedLabels } from './labels.js'
import { Kind, type Snapshot, type Usage } from './snapshot.js'

interface Row {
  readonly id: number
  readonly key: string
  readonly parent: number | null
  readonly kind: 1 | 2 | 3
  readonly created: number
  readonly updated: number
  readonly labels: string
  readonly inodes: number | null
  readonly size: number | null
}

const SQL = {
  all: 'SELECT id, key, parent, kind, created, updated, labels, inodes, size FROM snapshots ORDER BY id',
  last: "SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'",
  insert: 'INSERT INTO snapshots (id, key, parent, kind, created, updated, labels) VALUES (?, ?, ?, ?, ?, ?, ?)',
  commit: `UPDATE snapshots SET key = ?, parent = ?, kind = ${Kind.COMMITTED}, created = ?, updated = ?, labels = ?,
    inodes = ?, size = ? WHERE id = ?`,
  relabel: 'UPDATE snapshots SET labels = ?, updated = ? WHERE id = ?',
  remove: 'DELETE FROM snapshots WHERE id = ?',
} as const

/** Microseconds since 1970. */
const now = (): number => Math.floor((performance.timeOrigin + performance.now()) * 1000)

export class Records {
  readonly #statements: Readonly<Record<keyof typeof SQL, Statement>>
  /** In the order of their ids. */
  readonly #byId = new Map<number, Snapshot>()
  readonly #byKey = new Map<string, Snapshot>()
  /** How many snapshots stand on one. */
  readonly #children = new Map<number, number>()
  /** Not even one that came to nothing is given again: its directory may be there still. */
  #lastId: number

  constructor(private readonly db: Connection) {
    const prepare = ([name, sql]: [string, string]) => [name, db.prepare(sql)]
    this.#statements = Object.fromEntries(Object.entries(SQL).map(prepare)) as Record<keyof typeof SQL, Statement>
    this.#lastId = (this.#statements.last.get() as { seq: number } | undefined)?.seq ?? 0
    this.#load()
  }

  #load(): void {
    for (const map of [this.#byId, this.#byKey, this.#children]) map.clear()
    const rows = this.#statements.all.all() as Row[]
    const keys = new Map(rows.map(({ id, key }) => [id, key]))
    for (const row of rows) this.#put(snapshotOf(row, keys))
  }

  #put(snapshot: Snapshot): void {
    this.#byId.set(snapshot.id, snapshot)
    this.#byKey.set(snapshot.key, snapshot)
    this.#count(snapshot, 1)
  }

  #drop(snapshot: Snapshot): void {
    this.#byId.delete(snapshot.id)
    this.#byKey.delete(snapshot.key)
    this.#count(snapshot, -1)
  }

  #count({ parent }: Snapshot, more: number): void {
    if (parent !== null) this.#children.set(parent.id, (this.#children.get(parent.id) ?? 0) + more)
  }

  /** `act` as one transaction. Where it comes to nothing, or nobody knows, memory is what the database says. */
  #change(act: () => void): void {
    try {
      transaction(this.db, act)
    } catch (error) {
      this.#load()
      throw error
    }
  }

  /** The snapshot `key`. Throws Refusal. */
  get(key: string): Snapshot {
    const found = this.find(key)
    if (found === null) throw notFound(`snapshot ${key}`)
    return found
  }

  find(key: string): Snapshot | null {
    return this.#byKey.get(key) ?? null
  }

  withId(id: number): Snapshot | null {
    return this.#byId.get(id) ?? null
  }

  all(): Snapshot[] {
    return [...this.#byId.values()]
  }

  /** Ids of what lies below, top first. */
  chain(id: number): number[] {
    const ids: number[] = []
    for (let at = this.withId(id)?.parent ?? null; at !== null; at = this.withId(at.id)?.parent ?? null) ids.push(at.id)
    return ids
  }

  /** A new snapshot above `parent` (`''`: nothing). `make` lays it out on disk before it is remembered. */
  create(kind: 1 | 2, key: string, parent: string, labels: Labels, make: (made: Snapshot) => void): Snapshot {
    if (key === '') throw invalid('a snapshot needs a key')
    const checked = checkedLabels(labels)
    const below = parent === '' ? null : this.#committed(parent)
    if (this.find(key) !== null) throw alreadyThere(`snapshot ${key}`)
    const time = now()
    const made: Snapshot = {
      id: ++this.#lastId,
      key,
      parent: below === null ? null : { id: below.id, key: below.key },
      kind,
      created: time,
      updated: time,
      labels: checked,
      usage: null,
    }
    this.#change(() => {
      const text = JSON.stringify(checked)
      this.#statements.insert.run(made.id, key, below?.id ?? null, kind, time, time, text)
      this.#put(made)
      make(made)
    })
    return made
  }

  #committed(key: string): Snapshot {
    const found = this.find(key)
    if (found === null) throw notFound(`parent snapshot ${key}`)
    if (found.kind !== Kind.COMMITTED) throw invalid(`parent ${key} is not a committed snapshot`)
    return found
  }

  /** The active snapshot `key` if it could be committed as `name` now. Throws Refusal. */
  committable(key: string, name: string, parent: string): Snapshot {
    if (name === '') throw invalid('a committed snapshot needs a name')
    if (this.find(name) !== null) throw alreadyThere(`committed snapshot ${name}`)
    const active = this.get(key)
    if (active.kind !== Kind.ACTIVE) throw unfit(`snapshot ${key} is not active`)
    if (parent === '' || parent === active.parent?.key) return active
    if (active.parent !== null) throw invalid(`snapshot ${key} has parent ${active.parent.key}, not ${parent}`)
    this.#committed(parent)
    return active
  }

  /** Commits. Labels replace those there were. `parent`: of one that was prepared without; `''`: as it is. */
  commit(key: string, name: string, parent: string, labels: Labels, usage: Usage): Snapshot {
    const checked = checkedLabels(labels)
    const active = this.committable(key, name, parent)
    const { id, parent: before } = active
    const below = parent === '' ? before : this.#committed(parent)
    const time = now()
    const committed: Snapshot = {
      id,
      key: name,
      parent: below === null ? null : { id: below.id, key: below.key },
      kind: Kind.COMMITTED,
      created: time,
      updated: time,
      labels: checked,
      usage,
    }
    this.#change(() => {
      const text = JSON.stringify(checked)
      this.#statements.commit.run(name, below?.id ?? null, time, time, text, usage.inodes, usage.size, id)
    })
    this.#replace(active, committed)
    return committed
  }

  /** Keeps the place in the order. */
  #replace(before: Snapshot, after: Snapshot): void {
    this.#byKey.delete(before.key)
    this.#count(before, -1)
    this.#put(after)
  }

  /** Forgets the snapshot `key`: what it was. */
  remove(key: string): Snapshot {
    const found = this.get(key)
    if ((this.#children.get(found.id) ?? 0) > 0) throw unfit(`snapshot ${key}: cannot remove snapshot with child`)
    this.#change(() => void this.#statements.remove.run(found.id))
    this.#drop(found)
    this.#children.delete(found.id)
    return found
  }

  /** Gives `key` the labels of `labels` that `paths` name (`labels`, `labels.NAME`); all where none is named. */
  update(key: string, labels: Labels, paths: readonly string[]): Snapshot {
    const found = this.get(key)
    let next: Record<string, string> = { ...found.labels }
    for (const path of paths.length === 0 ? ['labels'] : paths) {
      if (path === 'labels') next = { ...labels }
      else if (path.startsWith('labels.')) next[path.slice(7)] = labels[path.slice(7)] ?? ''
      else throw invalid(`cannot update ${path} of snapshot ${key}: only labels can be`)
    }
    const updated: Snapshot = { ...found, labels: checkedLabels(next), updated: now() }
    this.#change(() => void this.#statements.relabel.run(JSON.stringify(updated.labels), updated.updated, found.id))
    this.#replace(found, updated)
    return updated
  }

  close(): void {
    closeDatabase(this.db)
  }
}

/** `keys`: of every snapshot, by id. */
function snapshotOf({ parent, labels, inodes, size, ...row }: Row, keys: ReadonlyMap<number, string>): Snapshot {
  return {
    ...row,
    parent: parent === null ? null : { id: parent, key: keys.get(parent) ?? '' },
    labels: JSON.parse(labels) as Labels,
    usage: inodes === null || size === null ? null : { inodes, size },
  }
}
