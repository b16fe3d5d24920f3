/**
 * The operations of a union that a kernel overlay has as its lower layer (engine=hybrid). To that overlay each regular
 * file but the smallest is a metacopy with a redirect into the layers, which are its data-only ones: their content
 * never comes here. Each mark is a question that the kernel asks anew for every file it looks up, so a file of one page
 * has none: it is read here, once.
 *
 * No mark of the layers themselves is shown, since the union has heeded them. Attributes that are nested one level
 * deeper in the layers stay as deep as they are, for the overlay above shows them.
 *
 * A nodeid, with its generation, is what the overlay keeps of a file handle. LOOKUP of `.` opens it again, by the inode
 * number in it, where the layer's filesystem gives an inode by its number alone: but only while the overlay is being
 * mounted, when it looks through its hard-link index. Later an inode that is found so would have no name in the FUSE
 * mount, and the kernel (6.16 and newer) calls such a dentry out of date whenever it is used: every access to the file
 * would be ESTALE. Not found, the origin is unknown, and only the inode number depends on it.
 */
import { Errno } from '../base/errno.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { fillAttr } from '../union/context/attributes.js'
import type { MetadataView } from '../union/context/config.js'
import type { Union } from '../union/context/union.js'
import { inodeOfId, lastingId } from '../union/nodes/lasting-id.js'
import { statLasting } from '../union/nodes/lasting-inode.js'
import { Node } from '../union/nodes/node.js'
import type { Operations } from './contract.js'
import { nodeOf } from './directory-of.js'

/** A redirect is a path for the kernel, which takes no longer one. */
const PATH_MAX = 4096

interface MetadataOperations extends Operations {
  /** The overlay is mounted. */
  overlaid(): void
}

/** Files up to this size, in bytes, are read here: a page at most, where asking for marks would cost two questions. */
const SMALL = 4096

/** `plain`, as the overlay above is to see the union. */
export function metadataView(u: Union, plain: Operations, view: MetadataView): MetadataOperations {
  const lower = new MetadataLower(u, plain, view)
  u.nodes.lastingId = lastingId
  return {
    ...plain,
    overlaid: () => lower.overlaid(),
    lookup: (parent, name) => (name === '.' ? lower.reopen(parent) : plain.lookup(parent, name)),
    forget: (nodeid, count) => lower.forget(nodeid, count),
    getxattr: (nodeid, attribute) => lower.getxattr(nodeid, attribute),
    listxattr: (nodeid, uid) => lower.listxattr(nodeid, uid),
  }
}

class MetadataLower {
  /** How often `reopen` has told of a nodeid, less what was forgotten. */
  readonly #reopened = new Map<number, number>()
  readonly #rootFds: number[]
  #isOverlaid = false

  constructor(
    private readonly u: Union,
    private readonly plain: Operations,
    private readonly view: MetadataView,
  ) {
    this.#rootFds = view.roots.map((path) => native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0))
  }

  /** LOOKUP of `.`: the nodeid once more, `attr` filled; -ESTALE where it is not found, or not to be found any more. */
  reopen(nodeid: number): number {
    if (this.#isOverlaid) return -Errno.ESTALE
    const isKnown = this.u.nodes.get(nodeid) !== undefined
    const errno = isKnown ? this.plain.getattr(nodeid) : this.#attributesOf(nodeid)
    if (errno < 0) return errno
    this.#count(nodeid, 1)
    return nodeid
  }

  overlaid(): void {
    this.#isOverlaid = true
  }

  #count(nodeid: number, by: number): void {
    const count = (this.#reopened.get(nodeid) ?? 0) + by
    if (count > 0) this.#reopened.set(nodeid, count)
    else this.#reopened.delete(nodeid)
  }

  /** The kernel forgets all that it was told of a nodeid at once: those told by `reopen` are not the node's. */
  forget(nodeid: number, count: number): void {
    const reopened = Math.min(count, this.#reopened.get(nodeid) ?? 0)
    if (reopened > 0) this.#count(nodeid, -reopened)
    if (count > reopened) this.plain.forget(nodeid, count - reopened)
  }

  /** The attributes of an inode that no name has been looked up of: `attr`; 0 or -ESTALE. */
  #attributesOf(nodeid: number): number {
    if (!statLasting(this.u.lowers, nodeid)) return -Errno.ESTALE
    const { type, ino } = inodeOfId(nodeid)!
    fillAttr(this.u, new Node(nodeid, type, ino, null), native.stat)
    return 0
  }

  getxattr(nodeid: number, attribute: string): Uint8Array | number {
    const { prefix } = this.u.marks
    if (!attribute.startsWith(prefix)) return this.plain.getxattr(nodeid, attribute)
    const mark = attribute.slice(prefix.length)
    if (mark === 'metacopy' || mark === 'redirect') return this.#mark(nodeid, mark)
    if (!mark.startsWith('overlay.')) return -Errno.ENODATA
    return this.plain.getxattr(nodeid, prefix + mark.slice('overlay.'.length))
  }

  /** The marks by which the overlay finds a regular file's content; -ENODATA: it is read here. */
  #mark(nodeid: number, mark: 'metacopy' | 'redirect'): Uint8Array | number {
    const node = nodeOf(this.u, nodeid)
    if (typeof node === 'number') return node
    const isSmall = node.contentDir === null && node.size <= SMALL
    const path = node.type === S_IFREG && !isSmall ? this.#wayTo(node) : null
    if (path === null) return -Errno.ENODATA
    return mark === 'redirect' ? Buffer.from(path, 'latin1') : this.#metacopyOf(node)
  }

  /** With the digest that the layer's own metacopy has. */
  #metacopyOf(node: Node): Uint8Array {
    if (node.contentDir === null) return NO_DIGEST
    const fd = this.u.cache.fd(node.inodeDir!)
    const own = fd < 0 ? fd : this.u.marks.get(fd, node.inodeName, 'metacopy')
    return typeof own === 'number' ? NO_DIGEST : own
  }

  /** The path of the content of `node` in the overlay's data-only layers; null where none leads there. */
  #wayTo(node: Node): string | null {
    const dir = node.contentDir ?? node.inodeDir!
    const name = node.contentDir === null ? node.inodeName : node.contentName
    const place = this.view.places[dir.layer.position]
    if (place === undefined) return null
    const path = [place.below, dir.path(), name].filter((part) => part !== '').join('/')
    if (path.length + 1 >= PATH_MAX) return null
    for (let root = 0; root < place.root; root++) if (this.#isFile(root, path)) return null
    return `/${path}`
  }

  /** Whether an earlier root has a regular file there, which the overlay would take. */
  #isFile(root: number, path: string): boolean {
    const fd = native.openBeneath(this.#rootFds[root]!, path, O_PATH, 0)
    if (fd < 0) return false
    const isFile = native.statat(fd, '') >= 0 && (native.stat[Stat.MODE]! & S_IFMT) === S_IFREG
    native.close(fd)
    return isFile
  }

  listxattr(nodeid: number, uid: number): string[] | number {
    const { prefix } = this.u.marks
    const names = this.plain.listxattr(nodeid, uid)
    if (typeof names === 'number') return names
    // A name with the marks' prefix is one that was nested.
    return names.map((name) => (name.startsWith(prefix) ? `${prefix}overlay.${name.slice(prefix.length)}` : name))
  }
}

const NO_DIGEST = new Uint8Array(0)
