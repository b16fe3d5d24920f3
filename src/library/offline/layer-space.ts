/**
 * How much each layer holds, and how much of that shows in the merged tree: the rest is hidden by layers above. Files
 * of one hard-link group count once, directories with their entries only.
 */
import { shown } from '../../base/text.js'
import { Layer, LayerDir } from '../../layers/layer-dir.js'
import { DirCache } from '../../layers/real-dir.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import type { LayerReader, PlainLayers } from './layer-reader.js'

/** Directories that are open at a time, as a rule. */
const OPEN = 256

export interface LayerSpace {
  /** -1 is the upper, else the position among the lowers. */
  readonly layer: number
  readonly root: string
  /** What shows of it: entries, bytes by their sizes, bytes on disk. */
  readonly entries: number
  readonly bytes: number
  readonly disk: number
  /** All it holds on disk, and what does not show of that. */
  readonly holds: number
  readonly hidden: number
}

interface Sum {
  entries: number
  bytes: number
  disk: number
  readonly inodes: Set<string>
}

/** The space of every layer below `path`, top first; or -errno. */
export function addLayers(reader: LayerReader, { lowers, upper }: PlainLayers, path: string): LayerSpace[] | number {
  const sums = new Map<number, Sum>()
  const errno = reader.walk(path, ({ type, layer, size, blocks, links, inode }) => {
    const sum = sums.get(layer) ?? { entries: 0, bytes: 0, disk: 0, inodes: new Set() }
    sums.set(layer, sum)
    sum.entries++
    if (type !== S_IFDIR && isNew(sum.inodes, links, inode)) {
      sum.bytes += size
      sum.disk += blocks * 512
    }
  })
  if (errno < 0) return errno
  const roots = upper === null ? lowers : [upper, ...lowers]
  return roots.map((root, at) => {
    const layer = upper === null ? at : at - 1
    const { entries = 0, bytes = 0, disk = 0 } = sums.get(layer) ?? {}
    const holds = heldBelow(root, path)
    return { layer, root: shown(root), entries, bytes, disk, holds, hidden: Math.max(0, holds - disk) }
  })
}

function isNew(inodes: Set<string>, links: number, inode: string): boolean {
  if (links < 2) return true
  if (inodes.has(inode)) return false
  inodes.add(inode)
  return true
}

/** Bytes on disk of all files below the directory `root` (latin1); 0 where it cannot be read. */
export function usedBelow(root: string): number {
  return heldBelow(root, '')
}

/** Bytes on disk of all files in a layer below `path`. */
function heldBelow(root: string, path: string): number {
  const rootFd = native.openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0)
  if (rootFd < 0) return 0
  const layer = new Layer(0, root, rootFd, false)
  const cache = new DirCache(OPEN)
  const names = path.split('/').filter((name) => name !== '')
  const bytes = heldIn(
    cache,
    names.reduce((above, name) => new LayerDir(layer, above, name), layer.root),
  )
  cache.close()
  layer.close()
  return bytes
}

function heldIn(cache: DirCache, top: LayerDir): number {
  const inodes = new Set<string>()
  const waiting = [top]
  let bytes = 0
  for (let dir = waiting.pop(); dir !== undefined; dir = waiting.pop()) {
    cache.beginOperation()
    const fd = cache.fd(dir)
    const entries = fd < 0 ? fd : native.readDirectory(fd, '')
    if (typeof entries === 'number') continue
    const stats = new Float64Array(entries.names.length * STAT_SLOTS)
    native.statMany(fd, entries.names, stats)
    for (const [i, name] of entries.names.entries()) {
      const at = (slot: number): number => stats[i * STAT_SLOTS + slot]!
      const inode = `${at(Stat.DEV_MAJOR)}:${at(Stat.DEV_MINOR)}:${at(Stat.INO_HIGH)}:${at(Stat.INO_LOW)}`
      if ((at(Stat.MODE) & S_IFMT) === S_IFDIR) waiting.push(new LayerDir(dir.layer, dir, name))
      else if (isNew(inodes, at(Stat.NLINK), inode)) bytes += at(Stat.BLOCKS) * 512
    }
  }
  return bytes
}
