/** One path down its layers: every version there is, and why it shows or does not. */
import { fromColumn } from '../database/index-file.js'
import { Flag, Type } from '../database/schema.js'
import { pasted, told, type ViewContext } from './context.js'
import { type EntryRow, ghostOf, kindOf, modeText, rowsOf } from './entry.js'
import type { Query } from './query.js'
import type { FileView, Version } from './types.js'

export function fileView(context: ViewContext, query: Query): FileView {
  const layer = context.layerOf(query)
  const rows = rowsOf(context.index, context.nodeOf(query), layer)
  const { name: path, raw } = told(`/${query.path}`)
  const top = rows.find((row) => row.type !== Type.NONE && ghostOf(row, layer) === null)
  const versions = rows.map((row) => versionOf(context, row, top, layer))
  const sql = pasted('SELECT * FROM files WHERE path = ? ORDER BY layer DESC', [path])
  return { path, ...(raw === undefined ? {} : { raw }), versions, sql }
}

function versionOf({ source }: ViewContext, row: EntryRow, top: EntryRow | undefined, layer: number): Version {
  const ghost = ghostOf(row, layer)
  const isPart = row.type === Type.DIRECTORY && ghost === null
  return {
    layer: row.layer,
    label: source.layers[row.layer]!.label,
    kind: kindOf(row.type),
    mode: modeText(row.mode),
    uid: row.uid ?? 0,
    gid: row.gid ?? 0,
    size: row.size ?? 0,
    mtime: row.mtime,
    link: row.link === null ? null : told(fromColumn(row.link)).name,
    xattrs: row.xattrs === null ? {} : (JSON.parse(row.xattrs) as Record<string, string>),
    ghost,
    shows: row === top || isPart,
    whiteout: (row.flags & Flag.WHITEOUT) !== 0,
    opaque: (row.flags & (Flag.OPAQUE | Flag.REDIRECT)) !== 0,
    metacopy: (row.flags & Flag.METACOPY) !== 0,
    content: row.hash === null ? null : row.hash.toString('hex'),
  }
}
