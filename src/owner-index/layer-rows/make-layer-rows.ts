/**
 * Reads one layer into rows that every mount over it shares: right after it was unpacked, when all of it is in memory,
 * and in `index build`. Each directory is read as it lies there. Those in which names begin with `.wh.`, or whiteouts
 * are attributes, or something lies on another filesystem, have a row that says no more than that they are there.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { Errno } from '../../base/errno.js'
import { LayerDir } from '../../layers/layer-dir.js'
import { isForeign } from '../../layers/marks.js'
import { AUFS_PREFIX } from '../../layers/whiteouts.js'
import { LowerStack } from '../../stack/lower-stack.js'
import { readOpaqueX } from '../../stack/search-state.js'
import { S_IFDIR, S_IFMT, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import { isRacy, STAMP_BYTES, writeStamp } from '../database/stamps.js'
import { LayerDirFlag, NewLayerFile } from './layer-file.js'
import { packListing } from './listing.js'

const STEP_MS = 50

interface MakeLayerRows {
  /** Of the layer, absolute, latin1, as a mount resolves it. */
  readonly path: string
  /** Of marks. */
  readonly prefix: string
  readonly signal?: AbortSignal | undefined
  /** Gets the stat records of each directory's entries, STAT_SLOTS numbers each. */
  readonly seen?: ((stats: Float64Array) => void) | undefined
}

/**
 * Makes the rows of a layer, in place of those it may have; false where there are none now. Losing them loses time
 * only, so nothing is thrown.
 */
export async function makeLayerRows({ path, prefix, signal, seen }: MakeLayerRows): Promise<boolean> {
  const stack = LowerStack.open({ lowers: [path], prefix, redirectDir: 'on' }, true)
  if (!(stack instanceof LowerStack)) return false
  let file: NewLayerFile | null = null
  try {
    // Others see other owners there.
    if (!stack.lowers[0]!.isMapped) file = NewLayerFile.create(stack.lowers[0]!, prefix)
    if (file === null) return false
    if (!(await new LayerReading(stack, file, seen).run(signal))) return false
    file.publish()
    file = null
    return true
  } catch {
    return false
  } finally {
    file?.discard()
    stack.close()
  }
}

interface Waiting {
  readonly dir: LayerDir
  readonly parent: number
}

class LayerReading {
  readonly #waiting: Waiting[]
  /** The filesystem's clock has come so far at least: a change from now on has this time, or a later one. */
  readonly #clock: readonly [seconds: number, nanoseconds: number]

  constructor(
    private readonly stack: LowerStack,
    private readonly file: NewLayerFile,
    private readonly seen: MakeLayerRows['seen'],
  ) {
    const layer = stack.lowers[0]!
    this.#waiting = [{ dir: layer.root, parent: 0 }]
    native.statat(layer.rootFd, '')
    this.#clock = [native.stat[Stat.CTIME]!, native.stat[Stat.CTIME_NS]!]
  }

  /** False when it was called off. */
  async run(signal: AbortSignal | undefined): Promise<boolean> {
    let end = Date.now() + STEP_MS
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      this.#read(next)
      if (Date.now() < end) continue
      await turn()
      if (signal?.aborted) return false
      end = Date.now() + STEP_MS
    }
    return true
  }

  #read({ dir, parent }: Waiting): void {
    this.stack.cache.beginOperation()
    const fd = this.stack.cache.fd(dir)
    // What cannot be read has no row: a mount reads it, or says why it cannot.
    if (fd < 0 || native.statat(fd, '') < 0 || !this.#isOnLayer(native.stat, 0)) return
    const now = Date.now()
    const stamp = Buffer.alloc(STAMP_BYTES)
    writeStamp(stamp, 0)
    let racy = this.#isRacy(native.stat, 0, now)
    readOpaqueX(this.stack, dir, fd)
    const isMarked = this.#isMarked(fd, '')
    const entries = native.readDirectory(fd, '')
    if (typeof entries === 'number') return
    // As the rows of a directory have them, so that they need not be sorted each time.
    const names = entries.names.sort()
    const stats = new Float64Array(names.length * STAT_SLOTS)
    native.statMany(fd, names, stats)
    this.seen?.(stats)
    for (let i = 0; i < names.length; i++) racy ||= this.#isRacy(stats, i * STAT_SLOTS, now)
    const isAufs = names.some((name) => name.startsWith(AUFS_PREFIX))
    const isListed = !isAufs && !dir.xattrWhiteouts && this.#areOnLayer(stats)
    const flags = (isMarked || isAufs ? LayerDirFlag.MARKED : 0) | (racy ? LayerDirFlag.RACY : 0)
    const listing = isListed ? packListing(names, this.#markedFiles(fd, names, stats), stats) : null
    const id = this.file.add(parent, dir.name, stamp, flags, names.length, listing)
    for (const [i, name] of names.entries()) {
      if (typeOf(stats, i) === S_IFDIR) this.#waiting.push({ dir: new LayerDir(dir.layer, dir, name), parent: id })
    }
  }

  /** Whether (fd, name) carries anything that means something to a union, or may. */
  #isMarked(fd: number, name: string): boolean {
    const names = native.listxattr(fd, name)
    if (typeof names === 'number') return names !== -Errno.EOPNOTSUPP
    return names.some((full) => full.startsWith(this.stack.marks.prefix) || isForeign(full))
  }

  #markedFiles(fd: number, names: readonly string[], stats: Float64Array): Uint8Array {
    const isMarked = (name: string, i: number): boolean => typeOf(stats, i) === S_IFREG && this.#isMarked(fd, name)
    return Uint8Array.from(names, (name, i) => (isMarked(name, i) ? 1 : 0))
  }

  #areOnLayer(stats: Float64Array): boolean {
    for (let at = 0; at < stats.length; at += STAT_SLOTS) {
      if (stats[at + Stat.ERRNO] !== 0 || !this.#isOnLayer(stats, at)) return false
    }
    return true
  }

  #isOnLayer(stats: Float64Array, at: number): boolean {
    const { deviceMajor, deviceMinor } = this.stack.lowers[0]!
    return stats[at + Stat.DEV_MAJOR] === deviceMajor && stats[at + Stat.DEV_MINOR] === deviceMinor
  }

  /** Whether what changed so late may change again with the same time. */
  #isRacy(stats: Float64Array, at: number, now: number): boolean {
    const [seconds, nanoseconds] = this.#clock
    const later = stats[at + Stat.CTIME]! - seconds || stats[at + Stat.CTIME_NS]! - nanoseconds
    return later >= 0 && isRacy(stats, at, now)
  }
}

function typeOf(stats: Float64Array, i: number): number {
  return stats[i * STAT_SLOTS + Stat.MODE]! & S_IFMT
}
