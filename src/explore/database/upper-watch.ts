/**
 * What a mount's upper gains and loses while somebody looks. Its directories are read again and again, at a pace that
 * follows what that costs; the index is what was there before. Times of change say what may be new, so that only that
 * is compared.
 */
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { joined } from '../../oci/apply/paths.js'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import type { Filling } from './filling.js'
import { countLayer } from './filling.js'
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
  readonly type: number
  readonly size: number
  readonly mtime: number
  readonly lower: number
}

export class UpperWatch {
  /** What changed before this has been seen; seconds. */
  #since = Date.now() / 1000
  /** What was told and is too young to be known as old: path to signature. */
  #young = new Map<string, string>()

  constructor(
    private readonly filling: Filling,
    private readonly layer: number,
    private readonly root: string,
  ) {}

  /** What changed since the last look. The index has it then. */
  look(): UpperChange[] {
    const rootFd = native.openat(AT_FDCWD, this.root, O_PATH | O_DIRECTORY, 0)
    if (rootFd < 0) return []
    const begun = Date.now() / 1000
    const changes: UpperChange[] = []
    const { index, writer } = this.filling
    const young = new Map<string, string>()
    try {
      writer.begin(this.layer)
      index.together(() => this.#walk(scanOf(rootFd, writer), changes, young))
    } finally {
      native.close(rootFd)
    }
    this.#young = young
    this.#since = begun
    if (changes.length > 0) countLayer(index, this.layer)
    return changes
  }

  #walk(scan: Scan, changes: UpperChange[], young: Map<string, string>): void {
    const waiting = ['']
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const fd = native.openBeneath(scan.rootFd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
      if (fd < 0) continue
      try {
        this.#directory(scan, fd, path, waiting, changes, young)
      } finally {
        native.close(fd)
      }
    }
  }

  #directory(
    scan: Scan,
    fd: number,
    path: string,
    waiting: string[],
    changes: UpperChange[],
    young: Map<string, string>,
  ): void {
    const entries = native.readDirectory(fd, '')
    if (typeof entries === 'number') return
    const stats = new Float64Array(entries.names.length * STAT_SLOTS)
    native.statMany(fd, entries.names, stats)
    if (native.statat(fd, '') >= 0 && this.#isNew(native.stat)) this.#gone(path, new Set(entries.names), changes)
    for (const [i, name] of entries.names.entries()) {
      const stat = stats.slice(i * STAT_SLOTS, (i + 1) * STAT_SLOTS)
      const at = joined(
        path,
        name !== AUFS_OPAQUE && name.startsWith(AUFS_PREFIX) ? name.slice(AUFS_PREFIX.length) : name,
      )
      const signature = [Stat.CTIME, Stat.CTIME_NS, Stat.SIZE, Stat.INO_LOW].map((slot) => stat[slot]).join()
      const isDirectory = (stat[Stat.MODE]! & 0o170000) === 0o040000
      if (isDirectory) waiting.push(at)
      if (!this.#isNew(stat)) continue
      young.set(at, signature)
      if (this.#young.get(at) === signature) continue
      const before = this.#before(at)
      note(scan, fd, name, joined(path, name), stat)
      // Of a directory that is there only what it holds is news.
      if (name !== AUFS_OPAQUE && (!isDirectory || before === null)) changes.push(this.#told(at, before))
    }
  }

  #isNew(stat: ArrayLike<number>): boolean {
    return stat[Stat.CTIME]! + stat[Stat.CTIME_NS]! / 1e9 >= this.#since - SLACK
  }

  /** What the index has at `path` in the upper; null where nothing. */
  #before(path: string): Before | null {
    const { index } = this.filling
    const node = nodeAt(index, path)
    const sql = 'SELECT type, coalesce(size, 0) AS size, mtime FROM entries WHERE node = ? AND layer = ?'
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
  #gone(path: string, names: ReadonlySet<string>, changes: UpperChange[]): void {
    const { index } = this.filling
    const parent = nodeAt(index, path)
    const sql = `SELECT n.node, n.name, e.type, coalesce(e.size, 0) FROM nodes n JOIN entries e USING (node)
      WHERE n.parent = ? AND e.layer = ? AND e.flags & ${Flag.MOVED} = 0`
    const known = parent === null ? [] : index.sql(sql).raw().all(parent, this.layer)
    for (const [node, name, type, size] of known as [number, unknown, number, number][]) {
      const own = fromColumn(name)
      if (names.has(own) || names.has(`.wh.${own}`)) continue
      this.#remove(node)
      const at = joined(path, own)
      if (type !== Type.NONE) changes.push({ change: 'D', path: at, bytes: 0, grown: -size })
    }
  }

  #remove(node: number): void {
    const { index } = this.filling
    const below = `WITH RECURSIVE below(node) AS (VALUES(?) UNION ALL
      SELECT n.node FROM nodes n JOIN below b ON n.parent = b.node) SELECT node FROM below`
    for (const each of index.sql(below).pluck().all(node))
      index.sql('DELETE FROM entries WHERE node = ? AND layer = ?').run(each, this.layer)
    this.filling.writer.forget()
  }
}
