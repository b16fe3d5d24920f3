/** Entries of all layers by name, owner, time, layer, size, mode bits and attributes. */
import { StratafsError } from '../../base/failure.js'
import { Type } from '../database/schema.js'
import { pasted, told, type ViewContext } from './context.js'
import { entryAt, INODE, INODES } from './entry.js'
import type { Query } from './query.js'
import type { Found, Search } from './types.js'

type Value = string | number

interface Condition {
  readonly sql: string
  readonly values: readonly Value[]
}

const KINDS: Readonly<Record<string, number>> = {
  file: Type.FILE,
  directory: Type.DIRECTORY,
  symlink: Type.SYMLINK,
  link: Type.LINK,
  char: Type.CHAR,
  block: Type.BLOCK,
  fifo: Type.FIFO,
  socket: Type.SOCKET,
}

/** What `query` looks for; without a condition nothing. */
export function searchView(context: ViewContext, query: Query): Search {
  const conditions = conditionsOf(query)
  const { version } = context.filling
  if (conditions.length === 0) return { total: 0, offset: 0, rows: [], version, sql: '' }
  const where = conditions.map(({ sql }) => sql).join(' AND ')
  const values = conditions.flatMap((each) => each.values)
  const ghosts = query.flag('ghosts') ? '' : ' AND e.hidden_by IS NULL'
  const sql = `SELECT DISTINCT e.node FROM entries e JOIN nodes n ON n.node = e.node ${INODES}
    WHERE e.type <> 0 AND ${where}${ghosts}`
  const { total, nodes } = context.page(query.key, sql, values, query)
  const rows = nodes.flatMap((node) => foundAt(context, node) ?? [])
  return { total, offset: query.offset, rows, version, sql: pasted(`${sql.replace('e.node', 'e.*, n.name')}`, values) }
}

function foundAt(context: ViewContext, node: number): Found[] {
  const entry = entryAt(context.index, node, context.top)
  return entry === null ? [] : [{ ...entry, path: told(context.pathOf(node)).name }]
}

function conditionsOf(query: Query): Condition[] {
  const found: Condition[] = []
  const add = (sql: string, ...values: Value[]) => found.push({ sql, values })
  const name = query.text('name')
  if (name !== null) add("n.name LIKE ? ESCAPE '!'", pattern(name))
  for (const [key, column] of [
    ['uid', INODE.uid],
    ['gid', INODE.gid],
    ['in', 'e.layer'],
  ] as const)
    if (query.get(key) !== null) add(`${column} = ?`, query.number(key, 0))
  if (query.get('larger') !== null) add(`${INODE.size} >= ?`, query.number('larger', 0))
  if (query.get('smaller') !== null) add(`${INODE.size} <= ?`, query.number('smaller', 0))
  if (query.get('after') !== null) add(`${INODE.mtime} >= ?`, timeOf(query, 'after'))
  if (query.get('before') !== null) add(`${INODE.mtime} < ?`, timeOf(query, 'before'))
  if (query.flag('setuid')) add(`${INODE.mode} & 3072 <> 0 AND e.type IN (${Type.FILE}, ${Type.LINK})`)
  if (query.flag('writable')) add(`${INODE.mode} & 2 <> 0 AND e.type <> ${Type.SYMLINK} AND ${INODE.mode} & 512 = 0`)
  if (query.flag('xattrs')) add(`${INODE.xattrs} IS NOT NULL`)
  const kind = query.text('kind')
  if (kind !== null) add('e.type = ?', kindNumber(kind))
  return found
}

function kindNumber(kind: string): number {
  const type = KINDS[kind]
  if (type !== undefined) return type
  throw new StratafsError(`kind=${kind}: give one of ${Object.keys(KINDS).join(', ')}`, 'INVALID_ARGUMENT')
}

/** `*` and `?` as in a shell; without them, a part of the name. */
function pattern(name: string): string {
  const plain = name.replace(/[!%_]/g, '!$&')
  return /[*?]/.test(name) ? plain.replace(/\*/g, '%').replace(/\?/g, '_') : `%${plain}%`
}

function timeOf(query: Query, key: string): number {
  const text = query.text(key)!
  const time = Date.parse(text)
  if (!Number.isNaN(time)) return Math.floor(time / 1000)
  throw new StratafsError(`${key}=${text}: give a day or time as 2026-01-31 or 2026-01-31T12:00`, 'INVALID_ARGUMENT')
}
