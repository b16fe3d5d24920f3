/**
 * What a layer takes on disk: inodes and bytes, each inode once, directories and the root too, as containerd counts. A
 * layer that is committed is counted by the reading that makes its rows; nobody walks it again.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { Layer, LayerDir } from '../../layers/layer-dir.js'
import { defaultPrefix } from '../../layers/marks.js'
import { DirCache } from '../../layers/real-dir.js'
import { makeLayerRows } from '../../owner-index/layer-rows/make-layer-rows.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { isWhiteoutDevice, STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import { inodeKey } from '../../union/nodes/inode-numbers.js'
import type { Usage } from '../records/snapshot.js'

/** Directories that are open at a time, as a rule. */
const OPEN = 256
/** Others are answered after so long. */
const STEP_MS = 20

/** Adds up stat records. */
export class UsageCount {
  readonly #linked = new Set<string>()
  #inodes = 0
  #blocks = 0

  /** Counts the records of `stats`, STAT_SLOTS numbers each. */
  readonly add = (stats: Float64Array): void => {
    for (let at = 0; at < stats.length; at += STAT_SLOTS) {
      // All whiteouts are names of one device, in the workdir: they count for nothing, as in a mount that keeps count.
      if (stats[at + Stat.ERRNO] !== 0 || isWhiteoutDevice(stats, at)) continue
      const isLinked = stats[at + Stat.NLINK]! > 1 && (stats[at + Stat.MODE]! & S_IFMT) !== S_IFDIR
      if (isLinked && !this.#isNew(stats.subarray(at, at + STAT_SLOTS))) continue
      this.#inodes++
      this.#blocks += stats[at + Stat.BLOCKS]!
    }
  }

  #isNew(record: Float64Array): boolean {
    const key = inodeKey(record)
    if (this.#linked.has(key)) return false
    this.#linked.add(key)
    return true
  }

  /** With the root `path` (latin1) itself, which is in no directory of the layer. */
  total(path: string): Usage {
    const isThere = native.statat(AT_FDCWD, path) >= 0
    const blocks = this.#blocks + (isThere ? native.stat[Stat.BLOCKS]! : 0)
    return { inodes: this.#inodes + (isThere ? 1 : 0), size: blocks * 512 }
  }
}

/** Makes the rows of the layer at `path` (latin1), for every mount that will be over it; what it takes. */
export async function readLayer(path: string): Promise<Usage> {
  const count = new UsageCount()
  const isRead = await makeLayerRows({ path, prefix: defaultPrefix(null), seen: count.add })
  return isRead ? count.total(path) : measureTree(path)
}

/** What the tree at `path` (latin1) takes, by a walk. Throws StratafsError. */
export async function measureTree(path: string): Promise<Usage> {
  const rootFd = native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0)
  if (rootFd < 0) throw new StratafsError(`${shown(path)} cannot be opened`)
  const layer = new Layer(0, path, rootFd, false)
  const cache = new DirCache(OPEN)
  const count = new UsageCount()
  const waiting = [layer.root]
  let end = Date.now() + STEP_MS
  for (let dir = waiting.pop(); dir !== undefined; dir = waiting.pop()) {
    if (Date.now() > end) {
      await turn()
      end = Date.now() + STEP_MS
    }
    cache.beginOperation()
    const fd = cache.fd(dir)
    const entries = fd < 0 ? fd : native.readDirectory(fd, '')
    if (typeof entries === 'number') continue
    const stats = new Float64Array(entries.names.length * STAT_SLOTS)
    native.statMany(fd, entries.names, stats)
    count.add(stats)
    for (const [i, name] of entries.names.entries())
      if ((stats[i * STAT_SLOTS + Stat.MODE]! & S_IFMT) === S_IFDIR) waiting.push(new LayerDir(layer, dir, name))
  }
  cache.close()
  layer.close()
  return count.total(path)
}
