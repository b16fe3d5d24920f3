/**
 * The operations of a union that a kernel overlay has as its lower layer (engine=hybrid). To that overlay each regular
 * file but the smallest is a metacopy with a redirect into the layers, which are its data-only ones: their content
 * never comes here. Each mark is a question that the kernel asks anew for every file it looks up, so a file of one page
 * has none: it is read here, once.
 *
 * No mark of the layers themselves is shown, since the union has heeded them. Attributes that are nested one level
 * deeper in the layers stay as deep as they are, for the overlay above shows them.
 */
import { Errno } from '../base/errno.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { MetadataView } from '../union/context/config.js'
import type { Union } from '../union/context/union.js'
import type { Node } from '../union/nodes/node.js'
import type { Operations } from './contract.js'
import { nodeOf } from './directory-of.js'

/** A redirect is a path for the kernel, which takes no longer one. */
const PATH_MAX = 4096

/** Files up to this size, in bytes, are read here: a page at most, where asking for marks would cost two questions. */
const SMALL = 4096

/** `plain`, as the overlay above is to see the union. */
export function metadataView(u: Union, plain: Operations, view: MetadataView): Operations {
  const lower = new MetadataLower(u, plain, view)
  return {
    ...plain,
    getxattr: (nodeid, attribute) => lower.getxattr(nodeid, attribute),
    listxattr: (nodeid, uid) => lower.listxattr(nodeid, uid),
  }
}

class MetadataLower {
  readonly #rootFds: number[]

  constructor(
    private readonly u: Union,
    private readonly plain: Operations,
    private readonly view: MetadataView,
  ) {
    this.#rootFds = view.roots.map((path) => native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0))
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
    const isSmall = node.contentDir === null && node.size <= (this.view.small ?? SMALL)
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
