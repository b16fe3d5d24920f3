/**
 * Keeps count of what the upper takes up, and refuses what would exceed the limit. The count is a table of all inodes
 * of the upper and their blocks, in native code. Each change is promised the most that it may take, which costs an
 * addition; what it took is looked at only when promises come near the limit, or somebody asks. So the limit is exact,
 * and far from it nearly free.
 *
 * What an upper holds already is counted once, beside the mount. Until then what needs more room than is known waits.
 */
import { Errno, PENDING } from '../../base/errno.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'
import { locate, type Union } from '../context/union.js'
import type { LimitReport, UpperLimit } from '../context/upper-limit.js'
import type { Node } from '../nodes/node.js'
import { contentBytes, ENTRY_BYTES, SECTOR } from './content-bytes.js'
import { limitReport, totalsOf } from './limit-report.js'
import type { KnownUsage, UsageFile } from './usage-file.js'
import { beginWalk, dropEmpty, keepEntries, openRoot } from './walk.js'

/** Directories that have changed and files that were closed, as many as are looked at again later. */
const MOST_DIRECTORIES = 256
const MOST_CLOSED = 1024
/** Walks beside the mount that come to nothing because directories are moved; the next one is made in one go. */
const PATIENCE = 3

export class UpperUsage implements UpperLimit {
  /** What removes something is let through: else a full upper could not be emptied. */
  exempt = false
  readonly id: number
  readonly #changed = new Set<LayerDir>()
  readonly #closed = new Set<Node>()
  /** The kernel writes to them. */
  readonly #passed = new Set<Node>()
  /** What is there is known inode by inode. */
  #isCounted = false
  #walks = 0
  /** A directory was moved while a walk was under way, which may have missed what is in it. */
  #isMissed = false
  #promised = 0

  constructor(
    private u: Union,
    private readonly file: UsageFile | null,
    public size: number,
    public inodes: number,
  ) {
    this.id = native.usageOpen(file?.fd ?? -1)
    native.usageLimit(this.id, size, inodes)
  }

  get isBounded(): boolean {
    return this.size > 0 || this.inodes > 0
  }

  /** The connection has begun: what is written beside the engine counts, too. */
  begin(): void {
    this.u.binding.count(this.id)
    if (!this.#isCounted) this.count()
  }

  /** Uses what the file said; where that is not all, the upper is counted by `count`. */
  know({ guess: [bytes, inodes], entries }: KnownUsage): void {
    if (entries !== null) native.usageLoad(this.id, entries)
    native.usageGuess(this.id, bytes, inodes)
    this.#isCounted = entries !== null
    this.file?.begin(bytes, inodes)
  }

  change(size: number, inodes: number): void {
    this.size = size
    this.inodes = inodes
    native.usageLimit(this.id, size, inodes)
  }

  /** Counts everything, beside the mount where there is a thread to be had. */
  count(wakeFd = this.u.binding.wakeFd): void {
    if (this.counting) return
    this.#isCounted = false
    this.#isMissed = false
    if (beginWalk(this.id, this.u.writable!, wakeFd) < 0) return
    // Files without a name are met by no walk.
    for (const node of this.u.nodes.values()) if (node.unlinkedFd >= 0) this.parked(node.unlinkedFd)
    if (wakeFd < 0) this.tend()
  }

  /** Things have gone that nobody told of, one by one: counts anew, beside the mount. */
  countAgain(): void {
    if (this.counting) this.moved()
    else this.count()
  }

  get counting(): boolean {
    return native.usageSeen(this.id) >= 0
  }

  tend(): void {
    if (!this.#isCounted && !this.counting && this.#walks === 0) this.count()
    const result = native.usageWalked(this.id, false)
    if (result === -Errno.EINPROGRESS || result === -Errno.ENOENT) return
    if (result >= 0 && !this.#isMissed) return this.#counted()
    // The last attempt is made while nothing else is served.
    this.#walks++
    if (this.#walks <= PATIENCE) this.count()
    else if (this.#walks === PATIENCE + 1) this.count(-1)
    else this.u.log('error', 'what the upper holds cannot be counted', { errno: result })
  }

  #counted(): void {
    this.#walks = 0
    this.#isCounted = true
    const { usedBytes, usedInodes } = this.report()
    this.u.log('info', 'what the upper holds has been counted', { bytes: usedBytes, inodes: usedInodes })
  }

  admit(bytes: number, inodes: number): number {
    if (native.usageTake(this.id, bytes, inodes) === 1 || this.exempt) return 0
    this.tend()
    this.settle()
    if (native.usageTake(this.id, bytes, inodes) === 1) return 0
    return this.counting ? PENDING : -Errno.ENOSPC
  }

  admitCopy(node: Node, stat: Float64Array, size: number | null): number {
    this.#promised = contentBytes(node, stat, size)
    return this.admit(this.#promised + (node.dir === null ? 0 : ENTRY_BYTES) + ENTRY_BYTES, 1)
  }

  admitBuilt(fd: number): number {
    if (native.statat(fd, '') < 0) return 0
    const more = native.stat[Stat.BLOCKS]! * SECTOR - this.#promised
    return more > 0 ? this.admit(more, 0) : 0
  }

  copied(node: Node): void {
    const fd = locate(this.u, node)
    if (fd >= 0) native.usageNote(this.id, fd, this.u.locatedName)
    const above = node.parent?.dir?.upper
    if (above != null) this.changed(above)
  }

  came(stat: Float64Array): void {
    native.usageSet(this.id, stat[Stat.INO_LOW]!, stat[Stat.INO_HIGH]!, stat[Stat.BLOCKS]!)
  }

  marked(fd: number, name: string): void {
    native.usageNote(this.id, fd, name)
  }

  changed(dir: LayerDir): void {
    this.#changed.add(dir)
    if (this.#changed.size >= MOST_DIRECTORIES) this.#settleDirectories()
  }

  moved(): void {
    this.#isMissed = true
  }

  closed(node: Node): void {
    if (this.u.nodes.get(node.id) !== node || node.unlinkedFd >= 0) return this.#noteFile(node)
    this.#closed.add(node)
    if (this.#closed.size <= MOST_CLOSED) return
    const oldest = this.#closed.values().next().value!
    this.#closed.delete(oldest)
    this.#noteFile(oldest)
  }

  passed(node: Node): void {
    this.#passed.add(node)
    if (this.#passed.size % MOST_CLOSED === 0) this.#settlePassed()
  }

  #settlePassed(): void {
    for (const node of this.#passed) {
      this.#noteFile(node)
      if (node.backing === 0) this.#passed.delete(node)
    }
  }

  leaves(node: Node): void {
    if (this.#closed.delete(node) || this.#passed.delete(node)) this.#noteFile(node)
  }

  parked(fd: number): void {
    if (native.statat(fd, '') >= 0) this.came(native.stat)
  }

  freed(fd: number): void {
    native.usageFreed(this.id, fd)
  }

  freezing(): void {
    this.refresh()
    this.exempt = true
  }

  frozen(dirs: Iterable<LayerDir>): void {
    this.exempt = false
    for (const dir of dirs) this.#changed.add(dir)
    this.settle()
  }

  /** The upper of `last` was exchanged for that of `next`, which serves from now on. */
  moveTo(next: Union, last: Union): void {
    this.u = next
    this.#changed.clear()
    this.#closed.clear()
    native.usageNote(this.id, next.writable!.layer.rootFd, '')
    // What was done since is thrown away, unless it was frozen before.
    if (!dropEmpty(this.id, last.writable!.layer.rootFd)) this.countAgain()
  }

  /** Also one that a snapshot holds by now: filesystems take their time with what was written before. */
  #noteFile(node: Node): void {
    const { inodeDir } = node
    if (node.unlinkedFd >= 0) return this.parked(node.unlinkedFd)
    if (inodeDir === null || (!node.inUpper && !inodeDir.layer.isSnapshot)) return
    const fd = this.u.cache.fd(inodeDir)
    if (fd >= 0) native.usageNote(this.id, fd, node.inodeName)
  }

  /** Holds all promises against what is there. */
  settle(): void {
    this.u.binding.settleWritten()
    this.#settleDirectories()
    native.usageSettled(this.id)
  }

  #settleDirectories(): void {
    for (const dir of this.#changed) {
      const fd = this.u.cache.fd(dir)
      if (fd >= 0) native.usageNote(this.id, fd, '')
    }
    this.#changed.clear()
  }

  /** What can be written at `offset` of the file `fd`: all of `length`, less near the limit, -ENOSPC, or PENDING. */
  fitting(fd: number, offset: number, length: number): number {
    if (native.usageTake(this.id, length + 2 * ENTRY_BYTES, 0) === 1) return length
    this.tend()
    this.settle()
    const fits = native.usageFits(this.id, fd, offset, length)
    if (fits >= length) return length
    if (this.counting) return PENDING
    return fits > 0 ? fits : -Errno.ENOSPC
  }

  wrote(fd: number): void {
    native.usageNote(this.id, fd, '')
  }

  /** With what filesystems took and gave back by themselves since files were written. */
  refresh(): void {
    this.tend()
    for (const node of this.#closed) this.#noteFile(node)
    this.#settlePassed()
    for (const node of this.u.perhapsMapped) this.#noteFile(node)
    for (const node of this.u.files.nodes) if (node.dataWritable) native.usageNote(this.id, node.contentFd, '')
    this.settle()
  }

  report(): LimitReport {
    this.refresh()
    return limitReport(this.id, this.size, this.inodes)
  }

  end(of: unknown): void {
    const { u, file } = this
    if (of !== u) return
    const counted = !this.counting
    if (!counted) native.usageWalked(this.id, true)
    this.#closeAll()
    const { fsync, volatile } = u.config
    const synced = (fsync || volatile) && withFd(openRoot(u), (fd) => native.syncfs(fd)) >= 0
    this.refresh()
    const [bytes, , entries] = totalsOf(this.id)
    // A volatile upper that is not on disk stays marked as such, and what is said of it counts for nothing.
    const keeps = counted && Number.isFinite(bytes) && (synced || !volatile)
    if (keeps && file !== null) keepEntries(this.id, entries, u, file)
    native.usageClose(this.id)
    file?.close()
  }

  /** What has no name goes with its descriptor; what a filesystem has set aside for writers it takes back. */
  #closeAll(): void {
    for (const node of this.u.nodes.values()) {
      if (node.contentFd >= 0 && node.dataWritable) {
        const fd = node.contentFd
        node.contentFd = -1
        native.close(fd)
        this.#closed.add(node)
      }
      if (node.unlinkedFd >= 0) native.usageFreed(this.id, node.unlinkedFd)
    }
  }
}
