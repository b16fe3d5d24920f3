/** What every view works with: the index, the stack, and lists that were made for one order and are paged through. */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { Filling } from '../database/filling.js'
import { fromColumn, type IndexFile } from '../database/index-file.js'
import { nodeAt } from '../database/redirects.js'
import { ROOT } from '../database/schema.js'
import type { Source } from '../sources/types.js'
import { encoded, type Query } from './query.js'

/** Lists that are kept. */
const KEPT = 8

interface Listing {
  readonly table: string
  readonly total: number
  readonly version: number
}

export class ViewContext {
  readonly #listings = new Map<string, Listing>()
  #made = 0

  constructor(
    readonly source: Source,
    readonly index: IndexFile,
    readonly filling: Filling,
  ) {}

  /** The topmost layer. */
  get top(): number {
    return this.source.layers.length - 1
  }

  /** The layer up to which a question looks. */
  layerOf(query: Query): number {
    return query.number('layer', this.top, 0, Math.max(0, this.top))
  }

  /** The node of the path in `query`. Throws StratafsError. */
  nodeOf(query: Query): number {
    const node = nodeAt(this.index, query.path)
    if (node !== null) return node
    const way = this.filling.isComplete ? '' : ' (its layers are still being read)'
    throw new StratafsError(`no layer has /${shown(query.path)}${way}`, 'NOT_FOUND')
  }

  /** The path of a node, latin1, with its slash. */
  pathOf(node: number): string {
    if (node === ROOT) return '/'
    const sql = 'SELECT n.name, n.parent, p.path FROM nodes n JOIN nodes p ON p.node = n.parent WHERE n.node = ?'
    const [name, parent, path] = this.index.sql(sql).raw().get(node) as [unknown, number, unknown]
    const above = parent === ROOT ? '' : path === null ? this.pathOf(parent) : fromColumn(path)
    return `${above}/${fromColumn(name)}`
  }

  /**
   * The nodes from `offset` on of the list that `sql` selects in order; the list is made once for `key` and kept for a
   * while.
   */
  page(key: string, sql: string, values: readonly unknown[], query: Query): { total: number; nodes: number[] } {
    const listing = this.#listings.get(key)
    const { version } = this.filling
    const { table, total } = listing?.version === version ? listing : this.#list(key, sql, values, version)
    const select = `SELECT node FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ?`
    return { total, nodes: this.index.sql(select).pluck().all(query.offset, query.limit) as number[] }
  }

  #list(key: string, sql: string, values: readonly unknown[], version: number): Listing {
    this.#drop(key)
    const [oldest] = this.#listings.keys()
    if (this.#listings.size >= KEPT && oldest !== undefined) this.#drop(oldest)
    const table = `temp.listing_${this.#made++ % (KEPT * 2)}`
    this.index.exec(`DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table}(seq INTEGER PRIMARY KEY, node INTEGER)`)
    this.index.together(() => this.index.sql(`INSERT INTO ${table}(node) ${sql}`).run(...values))
    const total = this.index.sql(`SELECT count(*) FROM ${table}`).pluck().get() as number
    const listing = { table, total, version }
    this.#listings.set(key, listing)
    return listing
  }

  #drop(key: string): void {
    const listing = this.#listings.get(key)
    if (listing === undefined) return
    this.#listings.delete(key)
    this.index.exec(`DROP TABLE IF EXISTS ${listing.table}`)
  }
}

/** A name (latin1) as a view tells it. */
export function told(name: string): { readonly name: string; readonly raw?: string } {
  const text = shown(name)
  return text.includes('\ufffd') ? { name: text, raw: encoded(name) } : { name: text }
}

/** `SELECT …` as somebody may paste it: its values in their places. */
export function pasted(sql: string, values: readonly (string | number)[]): string {
  let at = 0
  const text = sql.replace(/\?/g, () => {
    const value = values[at++]!
    return typeof value === 'number' ? String(value) : `'${value.replace(/'/g, "''")}'`
  })
  return text.replace(/\s+/g, ' ').trim()
}
