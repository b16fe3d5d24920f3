/** One name in the merged tree up to a layer, from its rows. */
import { fromColumn, type IndexFile } from '../database/index-file.js'
import { Type, Why } from '../database/schema.js'
import { told } from './context.js'
import type { Change, Entry, Kind, Reason } from './types.js'

export interface EntryRow {
  readonly layer: number
  readonly type: number
  readonly mode: number | null
  readonly uid: number | null
  readonly gid: number | null
  readonly size: number | null
  readonly mtime: number | null
  readonly link: unknown
  readonly xattrs: string | null
  readonly flags: number
  readonly hidden_by: number | null
  readonly why: number | null
  readonly hash: Buffer | null
  readonly place: number | null
}

const KINDS: Readonly<Record<number, Kind>> = {
  [Type.NONE]: 'whiteout',
  [Type.FIFO]: 'fifo',
  [Type.CHAR]: 'char',
  [Type.DIRECTORY]: 'directory',
  [Type.BLOCK]: 'block',
  [Type.FILE]: 'file',
  [Type.SYMLINK]: 'symlink',
  [Type.SOCKET]: 'socket',
  [Type.LINK]: 'link',
}

const REASONS: Readonly<Record<number, Reason>> = {
  [Why.REPLACED]: 'replaced',
  [Why.DELETED]: 'deleted',
  [Why.OPAQUE]: 'opaque',
  [Why.PARENT_DELETED]: 'parent-deleted',
  [Why.PARENT_REPLACED]: 'parent-replaced',
}

export function kindOf(type: number): Kind {
  return KINDS[type] ?? 'file'
}

export function reasonOf(why: number | null): Reason {
  return REASONS[why ?? Why.REPLACED]!
}

export function modeText(mode: number | null): string {
  return (mode ?? 0).toString(8).padStart(4, '0')
}

/**
 * What all names of a file share is told by the first of them, whatever a tar says of the others. Of `entries e`, with
 * INODES joined to it.
 */
export const INODES = 'LEFT JOIN entries i ON i.node = e.target AND i.layer = e.layer'
export const INODE = {
  mode: 'coalesce(i.mode, e.mode)',
  uid: 'coalesce(i.uid, e.uid)',
  gid: 'coalesce(i.gid, e.gid)',
  size: 'coalesce(i.size, e.size)',
  mtime: 'coalesce(i.mtime, e.mtime)',
  xattrs: 'CASE WHEN i.node IS NULL THEN e.xattrs ELSE i.xattrs END',
} as const

/** The rows of a node up to `layer`, topmost first. */
export function rowsOf(index: IndexFile, node: number, layer: number): EntryRow[] {
  const sql = `SELECT e.layer, e.type, ${INODE.mode} AS mode, ${INODE.uid} AS uid, ${INODE.gid} AS gid, e.size,
    ${INODE.mtime} AS mtime, e.link, ${INODE.xattrs} AS xattrs, e.flags, e.hidden_by, e.why, e.hash, e.place
    FROM entries e ${INODES} WHERE e.node = ? AND e.layer <= ? ORDER BY e.layer DESC`
  return index.sql(sql).all(node, layer) as EntryRow[]
}

/** What hides the row for who looks up to `layer`; null where it shows. */
export function ghostOf(row: EntryRow, layer: number): Entry['ghost'] {
  if (row.hidden_by === null || row.hidden_by > layer) return null
  return { by: row.hidden_by, why: reasonOf(row.why) }
}

/** The entry `node` up to `layer`; null where no layer up to there has it. */
export function entryAt(index: IndexFile, node: number, layer: number): Entry | null {
  const rows = rowsOf(index, node, layer)
  const present = rows.filter(({ type }) => type !== Type.NONE)
  const shown = present.find((row) => ghostOf(row, layer) === null)
  const row = shown ?? present[0] ?? rows[0]
  if (row === undefined) return null
  const sizes = row.type === Type.DIRECTORY || present.length === 0 ? sumsOf(index, node, layer) : NOTHING
  const own = rows.find((each) => each.layer === layer)
  return {
    node,
    ...told(fromColumn(index.sql('SELECT name FROM nodes WHERE node = ?').pluck().get(node))),
    kind: kindOf(row.type),
    layer: row.layer,
    layers: present.map((each) => each.layer),
    size: sizes.shows + (shown?.type === Type.FILE ? (shown.size ?? 0) : 0),
    hidden: sizes.hidden + hiddenBytes(present, shown),
    own: sizes.own + (own?.type === Type.FILE ? (own.size ?? 0) : 0),
    mode: modeText(row.mode),
    uid: row.uid ?? 0,
    gid: row.gid ?? 0,
    mtime: row.mtime,
    link: row.link === null ? null : told(fromColumn(row.link)).name,
    change: changeOf(rows, layer),
    ghost: shown === undefined ? (ghostOf(row, layer) ?? { by: row.layer, why: 'deleted' }) : null,
    xattrs: row.xattrs === null ? [] : Object.keys(JSON.parse(row.xattrs) as object),
  }
}

function hiddenBytes(present: readonly EntryRow[], shown: EntryRow | undefined): number {
  const others = present.filter((row) => row !== shown && row.type === Type.FILE && row.hidden_by !== null)
  return others.reduce((sum, { size }) => sum + (size ?? 0), 0)
}

const NOTHING = { shows: 0, hidden: 0, own: 0 }

function sumsOf(index: IndexFile, node: number, layer: number): typeof NOTHING {
  const sql = `SELECT coalesce(sum(CASE WHEN hidden_by > ? THEN bytes END), 0),
    coalesce(sum(CASE WHEN hidden_by <= ? THEN bytes END), 0), coalesce(sum(CASE WHEN layer = ? THEN bytes END), 0)
    FROM sums WHERE node = ? AND layer <= ?`
  const [shows, hidden, own] = index.sql(sql).raw().get(layer, layer, layer, node, layer) as [number, number, number]
  return { shows, hidden, own }
}

/** What `layer` did to the name; `rows` up to it. As CHANGE in tree.ts, which filters by it. */
function changeOf(rows: readonly EntryRow[], layer: number): Change {
  const own = rows.find((row) => row.layer === layer)
  const before = rows.filter((row) => row.layer < layer && row.type !== Type.NONE)
  const under = before.some(({ hidden_by }) => hidden_by === null || hidden_by >= layer)
  if (own !== undefined && own.type !== Type.NONE) return under ? 'C' : 'A'
  return before.some(({ hidden_by }) => hidden_by === layer) ? 'D' : 'U'
}
