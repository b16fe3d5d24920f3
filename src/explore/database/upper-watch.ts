/**
 * What a mount's upper gains and loses while somebody looks: all its directories are read, or those in which something
 * happened. The index is what was there before. Times of change say what may be new, so that only that is compared.
 */
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { joined } from '../../oci/apply/paths.js'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import type { Filling } from './filling.js'
import { fromColumn } from './index-file.js'
import { note, type Scan, scanOf } from './read-directory.js'
import { nodeAt } from './redirects.js'
import { Flag, Type } from './schema.js'

/** Times of files are coarser than ours, in seconds. */
const SLACK = 0.05

export interface UpperChange {
  readonly change: 'A' | 'C' | 'D'
  /** Latin1, relative. */
  readonly path: string
  readonly bytes: number
  /** Bytes more than before. */
  readonly grown: number
}

interface Before {
  readonly node: number
  readonly type: number
  readonly size: number
}

/** One look. */
interface Look {
  readonly scan: Scan
  readonly changes: UpperChange[]
  /** Directories to read. Of one that is new all is new, whatever its times say. */
  readonly waiting: { readonly path: string; readonly isNew: boolean; readonly isFresh: boolean }[]
  readonly isWhole: boolean
  readonly young: Map<string, string>
  /** What the layer has more than before. */
  bytes: number
  entries: number
}

/** Told of the directories that are read, before they are, and of those that are gone. */
interface Watcher {
  watch(path: string, isFresh: boolean): void
  forget(path: string): void
}

const NOBODY: Watcher = { watch: () => {}, forget: () => {} }

export class UpperWatch {
  /** What changed before this has been seen; seconds. */
  #since: number
  /** What was told and is too young to be known as old: path to signature. */
  #young = new Map<string, string>()
  /** The directories of the upper. */
  readonly #inodes = new Map<string, string>()
  #hasLooked = false

  constructor(
    private readonly filling: Filling,
    private readonly layer: number,
    private readonly root: string,
    private readonly watcher: Watcher = NOBODY,
  ) {
    this.#since = filling.layers[layer]!.begun
  }

  /** What changed since the last look, everywhere or in `directories`. The index has it then. */
  look(directories: Iterable<string> | null = null): UpperChange[] {
    const rootFd = native.openat(AT_FDCWD, this.root, O_PATH | O_DIRECTORY, 0)
    if (rootFd < 0) return []
    const begun = Date.now() / 1000
    const { index, writer } = this.filling
    const look: Look = {
      scan: scanOf(rootFd, writer),
      changes: [],
      waiting: [...(directories ?? [''])].map((path) => ({ path, isNew: false, isFresh: directories !== null })),
      isWhole: directories === null,
      young: directories === null ? new Map() : this.#young,
      bytes: 0,
      entries: 0,
    }
    try {
      writer.begin(this.layer)
      index.together(() => this.#walk(look))
    } finally {
      native.close(rootFd)
    }
    this.#young = look.young
    if (look.isWhole) this.#since = begun
    this.#hasLooked = true
    return look.changes
  }

  #walk(look: Look): void {
    for (let next = look.waiting.pop(); next !== undefined; next = look.waiting.pop()) {
      this.watcher.watch(next.path, next.isFresh)
      const fd = native.openBeneath(look.scan.rootFd, next.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
      if (fd < 0) continue
      try {
        this.#directory(look, fd, next)
      } finally {
        native.close(fd)
      }
    }
    const counted = 'UPDATE layers SET bytes = bytes + ?, entries = entries + ? WHERE layer = ?'
    if (look.changes.length > 0) this.filling.index.sql(counted).run(look.bytes, look.entries, this.layer)
  }

  #directory(look: Look, fd: number, { path, isNew }: Look['waiting'][number]): void {
    const entries = native.readDirectory(fd, '')
    if (typeof entries === 'number') return
    const stats = new Float64Array(entries.names.length * STAT_SLOTS)
    native.statMany(fd, entries.names, stats)
    if (native.statat(fd, '') >= 0 && (isNew || this.#isFresh(native.stat)))
      this.#gone(look, path, new Set(entries.names))
    for (const [i, name] of entries.names.entries()) {
      const stat = stats.slice(i * STAT_SLOTS, (i + 1) * STAT_SLOTS)
      if (stat[Stat.ERRNO] === 0) this.#entry(look, fd, name, path, stat, isNew)
    }
  }

  #entry(look: Look, fd: number, name: string, parent: string, stat: Float64Array, isInNew: boolean): void {
    const isMark = name.startsWith(AUFS_PREFIX)
    const path = joined(parent, isMark && name !== AUFS_OPAQUE ? name.slice(AUFS_PREFIX.length) : name)
    const isDirectory = (stat[Stat.MODE]! & S_IFMT) === S_IFDIR
    const isOther = isDirectory && this.#isOther(path, stat)
    const isFresh = isInNew || isOther || this.#isFresh(stat)
    const before = isFresh ? this.#before(path) : null
    if (isDirectory && (look.isWhole || isFresh)) look.waiting.push({ path, isNew: isOther, isFresh })
    if (!isFresh) return
    const signature = [Stat.CTIME, Stat.CTIME_NS, Stat.SIZE, Stat.INO_LOW].map((slot) => stat[slot]).join()
    const isTold = before !== null && this.#young.get(path) === signature
    look.young.set(path, signature)
    if (isTold) return
    const isThere = isDirectory && before?.type === Type.DIRECTORY
    if (before !== null && !isThere) this.#remove(look, before.node, path)
    note(look.scan, fd, name, joined(parent, name), stat)
    // Of a directory that is there only what it holds is news.
    if (name === AUFS_OPAQUE || isThere) return
    const change = this.#told(path, before)
    look.changes.push(change)
    look.bytes += change.bytes
    look.entries++
  }

  /** Whether the directory is another one than that which was last met as `path`, if there was one. */
  #isOther(path: string, stat: ArrayLike<number>): boolean {
    const inode = `${stat[Stat.INO_HIGH]} ${stat[Stat.INO_LOW]}`
    const known = this.#inodes.get(path)
    this.#inodes.set(path, inode)
    if (known !== undefined) return known !== inode
    // The first look meets what the index has, and what came since.
    return this.#hasLooked || (this.#isFresh(stat) && this.#before(path) === null)
  }

  #isFresh(stat: ArrayLike<number>): boolean {
    return stat[Stat.CTIME]! + stat[Stat.CTIME_NS]! / 1e9 >= this.#since - SLACK
  }

  /** What the index has at `path` in the upper; null where nothing. */
  #before(path: string): Before | null {
    const { index } = this.filling
    const node = nodeAt(index, path)
    // A directory that was only met on the way to something in it has not been told yet.
    const sql = `SELECT node, type, coalesce(size, 0) AS size FROM entries WHERE node = ? AND layer = ?
      AND flags & ${Flag.IMPLIED} = 0`
    return node === null ? null : ((index.sql(sql).get(node, this.layer) as Before | undefined) ?? null)
  }

  #told(path: string, before: Before | null): UpperChange {
    const now = this.#before(path)
    if (now === null || now.type === Type.NONE) return { change: 'D', path, bytes: 0, grown: -(before?.size ?? 0) }
    const change = before !== null || this.#isBelow(path) ? 'C' : 'A'
    return { change, path, bytes: now.size, grown: now.size - (before?.size ?? 0) }
  }

  #isBelow(path: string): boolean {
    const { index } = this.filling
    const node = nodeAt(index, path)
    const sql = 'SELECT 1 FROM entries WHERE node = ? AND layer < ? AND type <> 0 LIMIT 1'
    return node !== null && index.sql(sql).get(node, this.layer) !== undefined
  }

  /** Takes out of the index what the directory `path` does not hold any more. */
  #gone(look: Look, path: string, names: ReadonlySet<string>): void {
    const { index } = this.filling
    const parent = nodeAt(index, path)
    const sql = `SELECT n.node, n.name, e.type, coalesce(e.size, 0) FROM nodes n JOIN entries e USING (node)
      WHERE n.parent = ? AND e.layer = ? AND e.flags & ${Flag.MOVED} = 0`
    const known = parent === null ? [] : index.sql(sql).raw().all(parent, this.layer)
    for (const [node, name, type, size] of known as [number, unknown, number, number][]) {
      const own = fromColumn(name)
      if (names.has(own) || names.has(`.wh.${own}`)) continue
      const at = joined(path, own)
      this.#remove(look, node, at)
      if (type !== Type.NONE) look.changes.push({ change: 'D', path: at, bytes: 0, grown: -size })
    }
  }

  /** Takes `node` out of the index, and what is below it. */
  #remove(look: Look, node: number, path: string): void {
    const { index } = this.filling
    if (index.sql('SELECT 1 FROM nodes WHERE parent = ? LIMIT 1').get(node) === undefined) return this.#drop(look, node)
    const below = `WITH RECURSIVE below(node) AS (VALUES(?) UNION ALL
      SELECT n.node FROM nodes n JOIN below b ON n.parent = b.node) SELECT node FROM below`
    for (const each of index.sql(below).pluck().all(node) as number[]) this.#drop(look, each)
    this.filling.writer.forget()
    this.watcher.forget(path)
    for (const each of this.#inodes.keys()) if (each === path || each.startsWith(`${path}/`)) this.#inodes.delete(each)
  }

  #drop(look: Look, node: number): void {
    const remove = `DELETE FROM entries WHERE node = ? AND layer = ?
      RETURNING CASE WHEN type = ${Type.FILE} THEN size ELSE 0 END, flags & ${Flag.IMPLIED}`
    const [size = 0, isImplied] = (this.filling.index.sql(remove).raw().get(node, this.layer) ?? []) as number[]
    if (isImplied !== 0) return
    look.bytes -= size
    look.entries--
  }
}
