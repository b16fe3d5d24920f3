/**
 * The tree that a union shows to the kernel overlay above it, written as an EROFS image: by the same operations that
 * answer the overlay where it stands on the FUSE mount, so that the two cannot differ. Regular files are metacopies,
 * but for those to which no redirect can lead: they are in the image whole.
 */
import { Errno } from '../../../base/errno.js'
import { errnoWords } from '../../../base/errno-words.js'
import type { InodeFacts, Xattr } from '../../../erofs/format.js'
import { type ImageWriter, NotInImage, type OpenDirectory } from '../../../erofs/image-writer.js'
import type { Attr, DataPort, Operations } from '../../../operations/contract.js'
import { FUSE_ROOT_ID } from '../../../protocol/opcodes.js'
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../../syscalls/constants.js'
import { native } from '../../../syscalls/native.js'

/** By these the overlay finds a file's content. */
const MARKS = ['metacopy', 'redirect'] as const
/** A file to which no redirect leads is in the image itself, up to this many bytes. */
const MOST_CONTENT = 2 ** 30

/** A name, and what stands under it. */
interface Child {
  readonly name: string
  readonly nodeid: number
  readonly facts: InodeFacts
  nid: number
}

/** A directory on the way from the root to where the walk is. */
interface Level {
  readonly path: string
  readonly nodeid: number
  readonly open: OpenDirectory
  readonly parentNid: number
  readonly children: readonly Child[]
  /** Of `children`, the next that may be a directory. */
  next: number
}

export interface TreeChoices {
  /** The marks'. */
  readonly prefix: string
  /** Asked at each directory. */
  isGivenUp(): boolean
}

/** Writes the whole tree; its root. Throws NotInImage, with what has no place in an image, or when it is given up. */
export function writeTree(operations: Operations, writer: ImageWriter, choices: TreeChoices): OpenDirectory {
  return new TreeWriter(operations, writer, choices).write()
}

class TreeWriter {
  /** By nodeid, of what has several names: the kernel would know one inode. */
  readonly #linked = new Map<number, number>()

  constructor(
    private readonly operations: Operations,
    private readonly writer: ImageWriter,
    private readonly choices: TreeChoices,
  ) {}

  write(): OpenDirectory {
    this.#check('', this.operations.getattr(FUSE_ROOT_ID))
    const root = this.#enter('', FUSE_ROOT_ID, factsOf(this.operations.attr), null)
    const way = [root]
    for (let level = way.at(-1); level !== undefined; level = way.at(-1)) {
      const child = this.#nextDirectory(level)
      if (child === null) this.#leave(way.pop()!)
      else way.push(this.#enter(pathOf(level.path, child.name), child.nodeid, child.facts, level.open.nid, child))
    }
    return root.open
  }

  #nextDirectory(level: Level): Child | null {
    for (; level.next < level.children.length; level.next++) {
      const child = level.children[level.next]!
      if (isDirectory(child)) {
        level.next++
        return child
      }
    }
    return null
  }

  /** Places the directory, and whatever in it is none. */
  #enter(path: string, nodeid: number, facts: InodeFacts, parentNid: number | null, as?: Child): Level {
    if (this.choices.isGivenUp()) throw new NotInImage('more: it was given up')
    const children = this.#childrenOf(path, nodeid)
    const xattrs = this.#xattrsOf(path, nodeid)
    const open = this.#placed(path, () => this.writer.begin(facts, xattrs, withDots(children.map(({ name }) => name))))
    if (as !== undefined) as.nid = open.nid
    for (const child of children) if (!isDirectory(child)) child.nid = this.#place(pathOf(path, child.name), child)
    return { path, nodeid, open, parentNid: parentNid ?? open.nid, children, next: 0 }
  }

  #leave({ open, parentNid, children, nodeid }: Level): void {
    const mode = S_IFDIR
    const dots = [
      { name: '.', nid: open.nid, mode },
      { name: '..', nid: parentNid, mode },
    ]
    const entries = [...dots, ...children.map(({ name, nid, facts }) => ({ name, nid, mode: facts.mode }))]
    this.writer.finish(open, entries.sort(byName))
    // What has several names is known until the end, so that all of them lead to one node.
    for (const { nodeid: child, facts } of children)
      if (!this.#linked.has(child) && (facts.mode & S_IFMT) !== S_IFDIR) this.operations.forget(child, 1)
    if (nodeid !== FUSE_ROOT_ID) this.operations.forget(nodeid, 1)
  }

  #childrenOf(path: string, nodeid: number): Child[] {
    const { operations } = this
    const children: Child[] = []
    const without: string[] = []
    const errno = operations.readdir(nodeid, 0, true, {
      add: (name, _cookie, _ino, _type, child) => {
        if (child > 0) children.push({ name, nodeid: child, facts: factsOf(operations.attr), nid: 0 })
        else if (name !== '.' && name !== '..') without.push(name)
        return true
      },
    })
    this.#check(path, errno)
    for (const name of without) {
      const child = operations.lookup(nodeid, name)
      this.#check(pathOf(path, name), child)
      if (child > 0) children.push({ name, nodeid: child, facts: factsOf(operations.attr), nid: 0 })
    }
    return children.sort(byName)
  }

  #place(path: string, { nodeid, facts }: Child): number {
    const known = this.#linked.get(nodeid)
    if (known !== undefined) return known
    const own = this.#xattrsOf(path, nodeid)
    const hasContent = (facts.mode & S_IFMT) === S_IFREG && facts.size > 0
    const marks = hasContent ? this.#marksOf(path, nodeid) : []
    const xattrs = [...own, ...(marks ?? [])]
    const target = this.#targetOf(path, nodeid, facts)
    const sized = target === undefined ? facts : { ...facts, size: target.length }
    const nid = this.#placed(path, () =>
      marks === null ? this.#whole(path, nodeid, facts, own) : this.writer.add(sized, xattrs, target),
    )
    if (facts.nlink > 1) this.#linked.set(nodeid, nid)
    return nid
  }

  /** By which the overlay finds a file's content; null: no redirect leads there. */
  #marksOf(path: string, nodeid: number): Xattr[] | null {
    const isMarked = this.operations.getxattr(nodeid, this.choices.prefix + MARKS[0]) !== -Errno.ENODATA
    return isMarked ? MARKS.map((mark) => this.#xattrOf(path, nodeid, this.choices.prefix + mark)) : null
  }

  #whole(path: string, nodeid: number, facts: InodeFacts, xattrs: readonly Xattr[]): number {
    if (facts.size > MOST_CONTENT) throw new NotInImage('the content, to which no redirect leads,')
    return this.writer.addWhole(facts, xattrs, (into, offset) => {
      const port: DataPort = {
        read: (fd, length, at) => native.pread(fd, into, 0, length, at),
        write: () => -Errno.EROFS,
      }
      const read = this.operations.read(nodeid, into.length, offset, port)
      if (read !== into.length) throw unread(path, read < 0 ? read : -Errno.EIO)
    })
  }

  #targetOf(path: string, nodeid: number, { mode }: InodeFacts): Uint8Array | undefined {
    if ((mode & S_IFMT) !== S_IFLNK) return undefined
    const target = this.operations.readlink(nodeid)
    if (typeof target === 'number') throw unread(path, target)
    return Buffer.from(target, 'latin1')
  }

  #xattrsOf(path: string, nodeid: number): Xattr[] {
    const names = this.operations.listxattr(nodeid, 0)
    if (names === -Errno.EOPNOTSUPP) return []
    if (typeof names === 'number') throw unread(path, names)
    return names.map((name) => this.#xattrOf(path, nodeid, name))
  }

  #xattrOf(path: string, nodeid: number, name: string): Xattr {
    const value = this.operations.getxattr(nodeid, name)
    if (typeof value !== 'number') return { name, value }
    throw unread(path, value)
  }

  #placed<T>(path: string, place: () => T): T {
    try {
      return place()
    } catch (error) {
      throw error instanceof NotInImage ? new NotInImage(`${error.message} of /${path}`) : error
    }
  }

  #check(path: string, errno: number): void {
    if (errno < 0) throw unread(path, errno)
  }
}

function unread(path: string, errno: number): NotInImage {
  return new NotInImage(`/${path}, which cannot be read (${errnoWords(errno)})`)
}

function withDots(names: readonly string[]): string[] {
  return [...names, '.', '..'].sort()
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}

function pathOf(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}

function isDirectory({ facts }: Child): boolean {
  return (facts.mode & S_IFMT) === S_IFDIR
}

function factsOf({ mode, uid, gid, nlink, size, mtime, mtimeNs, rdevMajor, rdevMinor }: Attr): InodeFacts {
  return { mode, uid, gid, nlink, size, mtime, mtimeNs, rdevMajor, rdevMinor }
}
