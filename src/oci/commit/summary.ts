/** What a layer would hold, before it is written: how many entries and bytes, altogether and below each directory. */
import { shown } from '../../base/text.js'
import { contentSize, type LayerEntry } from './entries.js'

interface DirectorySum {
  /** With a leading slash. */
  readonly path: string
  /** In it and below. */
  entries: number
  whiteouts: number
  /** Of file contents. */
  bytes: number
}

export interface Summary {
  readonly entries: number
  readonly whiteouts: number
  readonly bytes: number
  readonly sockets: readonly string[]
  /** Every directory of the layer, by path. */
  readonly directories: readonly DirectorySum[]
}

/** Adds up `entries`. */
export function summarize(entries: Iterable<LayerEntry>): Summary {
  const sums = new Map<string, DirectorySum>()
  const sockets: string[] = []
  for (const entry of entries) {
    if (entry.kind === 'socket') sockets.push(shown(entry.path))
    else for (const directory of above(entry.path)) count(sums, directory, entry)
  }
  const root = sums.get('/')!
  return {
    entries: root.entries,
    whiteouts: root.whiteouts,
    bytes: root.bytes,
    sockets,
    directories: [...sums.values()],
  }
}

function count(sums: Map<string, DirectorySum>, path: string, entry: LayerEntry): void {
  const sum = sums.get(path) ?? { path: shown(path), entries: 0, whiteouts: 0, bytes: 0 }
  sums.set(path, sum)
  sum.entries++
  if (entry.kind === 'whiteout') sum.whiteouts++
  sum.bytes += contentSize(entry)
}

/** The directories that hold `path`, the root first. */
function above(path: string): string[] {
  const directories = ['/']
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1))
    directories.push(`/${path.slice(0, slash)}`)
  return directories
}
