/**
 * What snapshots there are, and what may be done with which: containerd's rules, as its own snapshotters have them.
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
  readonly parentKey: string | null
  readonly kind: 1 | 2 | 3
  readonly created: number
  readonly updated: number
  readonly labels: string
  readonly inodes: number | null
  readonly size: number | null
}

const SELECT = `SELECT s.id, s.key, s.parent, p.key AS parentKey, s.kind, s.created, s.updated, s.labels, s.inodes,
  s.size
  FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent`

const SQL = {
  byKey: `${SELECT} WHERE s.key = ?`,
  byId: `${SELECT} WHERE s.id = ?`,
  all: `${SELECT} ORDER BY s.id`,
  chain: `WITH RECURSIVE chain (id, depth) AS (SELECT parent, 0 FROM snapshots WHERE id = ? AND parent IS NOT NULL
    UNION ALL SELECT s.parent, depth + 1 FROM snapshots s JOIN chain c ON s.id = c.id WHERE s.parent IS NOT NULL)
    SELECT id FROM chain ORDER BY depth`,
  child: 'SELECT 1 FROM snapshots WHERE parent = ? LIMIT 1',
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
  /** Not even one that came to nothing is given again: its directory may be there still. */
  #lastId: number

  constructor(private readonly db: Connection) {
    const prepare = ([name, sql]: [string, string]) => [name, db.prepare(sql)]
    this.#statements = Object.fromEntries(Object.entries(SQL).map(prepare)) as Record<keyof typeof SQL, Statement>
    this.#lastId = (this.#statements.last.get() as { seq: number } | undefined)?.seq ?? 0
  }

  /** The snapshot `key`. Throws Refusal. */
  get(key: string): Snapshot {
    const found = this.find(key)
    if (found === null) throw notFound(`snapshot ${key}`)
    return found
  }

  find(key: string): Snapshot | null {
    const row = this.#statements.byKey.get(key) as Row | undefined
    return row === undefined ? null : snapshotOf(row)
  }

  withId(id: number): Snapshot | null {
    const row = this.#statements.byId.get(id) as Row | undefined
    return row === undefined ? null : snapshotOf(row)
  }

  all(): Snapshot[] {
    return (this.#statements.all.all() as Row[]).map(snapshotOf)
  }

  /** Ids of what lies below, top first. */
  chain(id: number): number[] {
    return (this.#statements.chain.all(id) as { id: number }[]).map((row) => row.id)
  }

  /** A new snapshot above `parent` (`''`: nothing). `make` lays it out on disk before it is remembered. */
  create(kind: 1 | 2, key: string, parent: string, labels: Labels, make: (made: Snapshot) => void): Snapshot {
    if (key === '') throw invalid('a snapshot needs a key')
    const text = JSON.stringify(checkedLabels(labels))
    return transaction(this.db, () => {
      const below = parent === '' ? null : this.#committed(parent)
      if (this.find(key) !== null) throw alreadyThere(`snapshot ${key}`)
      const time = now()
      this.#statements.insert.run(++this.#lastId, key, below?.id ?? null, kind, time, time, text)
      const made = this.get(key)
      make(made)
      return made
    })
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
    const text = JSON.stringify(checkedLabels(labels))
    return transaction(this.db, () => {
      const { id, parent: before } = this.committable(key, name, parent)
      const below = parent === '' ? before : this.#committed(parent)
      const time = now()
      this.#statements.commit.run(name, below?.id ?? null, time, time, text, usage.inodes, usage.size, id)
      return this.get(name)
    })
  }

  /** Forgets the snapshot `key`: what it was. */
  remove(key: string): Snapshot {
    return transaction(this.db, () => {
      const found = this.get(key)
      if (this.#statements.child.get(found.id) !== undefined)
        throw unfit(`snapshot ${key}: cannot remove snapshot with child`)
      this.#statements.remove.run(found.id)
      return found
    })
  }

  /** Gives `key` the labels of `labels` that `paths` name (`labels`, `labels.NAME`); all where none is named. */
  update(key: string, labels: Labels, paths: readonly string[]): Snapshot {
    return transaction(this.db, () => {
      const found = this.get(key)
      let next: Record<string, string> = { ...found.labels }
      for (const path of paths.length === 0 ? ['labels'] : paths) {
        if (path === 'labels') next = { ...labels }
        else if (path.startsWith('labels.')) next[path.slice(7)] = labels[path.slice(7)] ?? ''
        else throw invalid(`cannot update ${path} of snapshot ${key}: only labels can be`)
      }
      this.#statements.relabel.run(JSON.stringify(checkedLabels(next)), now(), found.id)
      return this.get(key)
    })
  }

  close(): void {
    closeDatabase(this.db)
  }
}

function snapshotOf({ parent, parentKey, labels, inodes, size, ...row }: Row): Snapshot {
  return {
    ...row,
    parent: parent === null ? null : { id: parent, key: parentKey ?? '' },
    labels: JSON.parse(labels) as Labels,
    usage: inodes === null || size === null ? null : { inodes, size },
  }
}
