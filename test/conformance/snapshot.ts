/**
 * A canonical picture of a tree: what a user can see of it, sorted, one line per file. Two mounts show the same when
 * their pictures are equal; a lower layer was not written when its pictures before and after are. Left out is what two
 * right answers may differ in: atime, ctime, inode numbers (but hard-link groups are kept), directory sizes and link
 * counts, and the marks union filesystems leave in their layers.
 */
import { S } from './numbers.js'
import type { Probe } from './probe.js'

interface Seen {
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly size: number
  readonly mtime: bigint
  readonly rdev: number
  readonly ino: string
  /** A hash of the content, or a link's target. */
  readonly content: string
  /** `name=value`, sorted. */
  readonly xattrs: readonly string[]
}

export interface SnapshotOptions {
  /** Times of directories: two filesystems that did the same acts one after another differ in them. Default true. */
  readonly directoryTimes?: boolean
  /** Times of every file. Default true. */
  readonly times?: boolean
}

/** All files in `root` as the probe sees them, unsorted. */
function see(probe: Probe, root: string): Seen[] {
  const tokens = probe.call('snapshot', root)
  const all: Seen[] = []
  for (let at = 0; at < tokens.length; ) {
    const [path = '', mode, uid, gid, nlink, size, mtime = '', rdev, ino = '', content = '', count] = tokens.slice(
      at,
      at + 11,
    )
    at += 11 + Number(count)
    all.push({
      path: path === root ? '.' : path.slice(root.length + 1),
      mode: Number(mode),
      uid: Number(uid),
      gid: Number(gid),
      nlink: Number(nlink),
      size: Number(size),
      mtime: BigInt(mtime),
      rdev: Number(rdev),
      ino,
      content,
      xattrs: tokens.slice(at - Number(count), at).sort(),
    })
  }
  return all
}

const isDirectory = (seen: Seen): boolean => (seen.mode & S.IFMT) === S.IFDIR

const isMark = (pair: string): boolean => /^(trusted|user)\.overlay\.|^user\.stratafs\./.test(pair)

/** The first path of each hard-link group, by inode number. */
function groups(all: readonly Seen[]): Map<string, string> {
  const first = new Map<string, string>()
  for (const seen of all) if (!isDirectory(seen) && !first.has(seen.ino)) first.set(seen.ino, seen.path)
  return first
}

/** The picture: lines that compare equal when the trees do. */
export function snapshot(probe: Probe, root: string, options: SnapshotOptions = {}): string[] {
  const all = see(probe, root).sort((a, b) => (a.path < b.path ? -1 : 1))
  const first = groups(all)
  return all.map((seen) => {
    const isTimed = options.times !== false && (options.directoryTimes !== false || !isDirectory(seen))
    const links = isDirectory(seen) ? '' : ` nlink=${seen.nlink} same-as=${first.get(seen.ino)}`
    const xattrs = seen.xattrs.filter((pair) => !isMark(pair)).map((pair) => JSON.stringify(pair))
    const times = isTimed ? ` mtime=${seen.mtime}` : ''
    const head = `${seen.path} ${seen.mode.toString(8)} ${seen.uid}:${seen.gid}${links} size=${seen.size}${times}`
    return `${head} rdev=${seen.rdev} ${seen.content} ${xattrs.join(' ')}`.trimEnd()
  })
}

/** Everything about a tree but access times: for layers that nothing may write to. */
export function fingerprint(probe: Probe, root: string): string[] {
  return see(probe, root)
    .map((seen) => JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
    .sort()
}
