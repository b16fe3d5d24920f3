/**
 * The one context object of a mount: layers, nodes, descriptors, rules and counters. The union's work is done by
 * functions that take it as their first argument, one file per topic: search and lookup, attributes, copy-up, names,
 * data. All of it runs on the engine's thread, each operation to its end, so nothing here is ever seen half changed.
 */
import { Errno } from '../../base/errno.js'
import type { IdMapping } from '../../layers/id-mapping.js'
import type { Layer, LayerDir } from '../../layers/layer-dir.js'
import type { MarkStore } from '../../layers/marks.js'
import type { DirCache } from '../../layers/real-dir.js'
import type { Traps } from '../../layers/traps.js'
import type { Whiteouts, WrittenAs } from '../../layers/whiteouts.js'
import type { Workdir } from '../../layers/workdir.js'
import type { LowerIndex } from '../../owner-index/engine/lower-index.js'
import type { SearchContext } from '../../stack/found.js'
import { S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import type { InodeNumbers } from '../nodes/inode-numbers.js'
import type { Node } from '../nodes/node.js'
import { NodeTable } from '../nodes/node-table.js'
import { OriginClaims } from '../nodes/origin-claims.js'
import type { UnionConfig } from './config.js'
import type { ContentFds } from './content-fds.js'
import { type DataMode, type DataModeRequest, defaultMode } from './data-mode.js'
import { correctFilling } from './filling-stat.js'
import { PrefetchedCopies } from './prefetched-copies.js'
import { WalkAhead } from './read-ahead-state.js'
import type { Attr, DataBinding, FsStat, Opened } from './results.js'
import type { UpperLimit } from './upper-limit.js'

type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFunction = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void

/** What the upper's filesystem and this process can do, found out by trying when the mount is set up. */
export interface UpperCapabilities {
  /** How whiteouts are written. */
  readonly whiteouts: WrittenAs
  /** O_TMPFILE in the upper. */
  readonly tmpfile: boolean
  /** Marks can be set. */
  readonly xattrs: boolean
  /** fsuid and fsgid can be changed. */
  readonly changeIds: boolean
}

interface UnionCounters {
  copyUps: number
  copyUpBytes: number
  /** Copy-ups that had been made before they were wanted. */
  copyUpsAhead: number
  whiteouts: number
  /** Files opened in passthrough mode, each counted once while it is open. */
  passedThrough: number
  /** Files copied up while they were passed through. */
  ghosts: number
}

export interface Writable {
  readonly layer: Layer
  readonly work: Workdir
  readonly capabilities: UpperCapabilities
}

export class Union {
  readonly nodes = new NodeTable()
  readonly attr: Attr = emptyAttr()
  readonly opened: Opened = { fh: 0, flags: 0, backing: 0 }
  readonly fsstat: FsStat = { bsize: 0, frsize: 0, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, namelen: 255 }
  readonly counters: UnionCounters = {
    copyUps: 0,
    copyUpBytes: 0,
    copyUpsAhead: 0,
    whiteouts: 0,
    passedThrough: 0,
    ghosts: 0,
  }
  /** The stat record of what was last searched for, kept while the lower parts are looked at. */
  readonly topStat = new Float64Array(STAT_SLOTS)
  /** The name half of the place that `placeOf` returned. */
  locatedName = ''
  /** Files that are passed through and open for writing. */
  readonly passedToWriters = new Set<Node>()
  /** Files that were passed through to be read and written: a mapping may write to them after the last close. */
  readonly perhapsMapped = new Set<Node>()
  /** Directories with a listing, least recently used first. */
  readonly listings = new Set<Node>()
  /** Lower hard-link groups of which names were hidden while nothing of them was in the upper: key to count. */
  readonly hiddenLinks = new Map<string, number>()
  /** Lower files of one name that are in the hard-link index all the same, by key. */
  readonly singled = new Set<string>()
  /** Upper inodes that have their number from a mark. */
  readonly claims = new OriginClaims()
  readonly downgrades: string[] = []
  root!: Node
  /** Nodes whose content is on its way up. */
  readonly pendingCopies = new Set<Node>()
  /** Nodes that are written to while they are copied up. */
  readonly filling = new Set<Node>()
  /** How file data goes, once the connection has begun. */
  data: DataMode = defaultMode
  /** Answers for lower directories that join several layers; null: each layer is asked. */
  lowerIndex: LowerIndex | null = null
  /** Counts what the upper takes up; null: the mount has no limit. */
  limit: UpperLimit | null = null
  /** The ids this process runs with. */
  readonly ownUid = process.getuid?.() ?? 0
  readonly ownGid = process.getgid?.() ?? 0
  /** How many small lower files are read, lately, of those looked up (page-cache.ts). */
  readers = 0
  /** Files that are made before somebody asks for them. */
  readonly ahead = new PrefetchedCopies()
  /** Directories that are read before somebody asks for them. */
  readonly walk = new WalkAhead()
  /** Ends the giving up of descriptors where none is free. */
  stopMakingRoom: () => void = () => undefined
  /** See SearchContext; set up with read-ahead, which lies above this file. */
  searching: NonNullable<SearchContext['searching']> = () => false
  /** The last `childOf` filled `attr`. */
  attrFresh = false
  /** Until then (`performance.now()`) copies are brought up by another thread: see copy-up/sync-content.ts. */
  diskIsSlowUntil = 0
  /** The nodeid of the directory that was listed last with attributes; 0: none. */
  listedLast = 0

  constructor(
    public config: UnionConfig,
    public lowers: readonly Layer[],
    /** null: the mount is read-only. */
    public writable: Writable | null,
    readonly cache: DirCache,
    readonly marks: MarkStore,
    readonly whiteouts: Whiteouts,
    readonly inodes: InodeNumbers,
    readonly binding: DataBinding,
    readonly log: LogFunction,
    readonly uids: IdMapping,
    readonly gids: IdMapping,
    /** What is wanted for file data. */
    readonly dataWish: DataModeRequest,
    readonly files: ContentFds,
    readonly dataLayers: readonly Layer[],
    public traps: Traps,
  ) {}

  /** Says once, in the log and in `inspect`, what this mount does without. */
  degrade(what: string): void {
    this.downgrades.push(what)
    this.log('warn', what)
  }

  /** Where redirects of directories may be written. */
  get redirects(): boolean {
    return this.config.redirectDir === 'on' && (this.writable?.capabilities.xattrs ?? false)
  }

  /** Whether anything is to be on disk before it is said to be there. */
  get syncs(): boolean {
    return this.config.fsync && !this.config.volatile && !(this.writable?.layer.isMemory ?? false)
  }
}

/** A descriptor for `node`'s place, with the name in `u.placeName` ('' for the descriptor itself); or -errno. */
export function locate(u: Union, node: Node): number {
  u.locatedName = ''
  if (node.unlinkedFd >= 0) return node.unlinkedFd
  if (node.dir !== null) return u.cache.fd(topDir(node))
  u.locatedName = node.inodeName
  return u.cache.fd(node.inodeDir!)
}

/** The directory that gives a merged directory its attributes: the upper, or the topmost lower. */
export function topDir(node: Node): LayerDir {
  return node.dir!.upper ?? node.dir!.lowers.at(0)!
}

/** Stats `node` where it lies; fills `native.stat`. -ESTALE: by now something of another type lies there. */
export function statNode(u: Union, node: Node): number {
  const fd = locate(u, node)
  const errno = fd < 0 ? fd : native.statat(fd, u.locatedName)
  if (errno < 0) return errno
  if (node.filling !== null) correctFilling(native.stat, node.filling.target)
  return (native.stat[Stat.MODE]! & S_IFMT) === node.type ? errno : -Errno.ESTALE
}

export function emptyAttr(): Attr {
  return {
    lasting: true,
    ino: 0,
    mode: 0,
    nlink: 0,
    uid: 0,
    gid: 0,
    rdevMajor: 0,
    rdevMinor: 0,
    size: 0,
    sizeLow: 0,
    blocks: 0,
    blksize: 0,
    atime: 0,
    atimeNs: 0,
    mtime: 0,
    mtimeNs: 0,
    ctime: 0,
    ctimeNs: 0,
    btime: 0,
    btimeNs: 0,
  }
}
