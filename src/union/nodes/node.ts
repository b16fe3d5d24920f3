/**
 * What the engine remembers of a file for as long as the kernel knows it. A node is one inode of the merged tree. Hard
 * links share it. A name may come to mean another node while this one is still open, so nothing may assume one node per
 * path for ever. It holds where the file lies, never what it contains: attributes are read from the layer each time the
 * kernel, which caches them, asks.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { type OwnerViewSlot, UNTRIED } from '../../owner-index/engine/view-slot.js'
import type { LayerDirs } from '../../stack/parts.js'
import { S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { Children } from './children.js'
import type { Listing } from './listing.js'
import { RareFields } from './rare-fields.js'

/** What a directory is made of. */
export class DirState {
  readonly children = new Children<Node>()
  /** Names in the order readdir tells them; kept while somebody reads it. */
  listing: Listing | null = null
  private redirectMark: string | null = null
  private impureMark = false
  /** What the index knows of the lower parts. */
  ownerView: OwnerViewSlot = UNTRIED
  /** Names searched without a listing, less those that have to be before one is considered again. */
  searches = 0

  constructor(
    private upperPart: LayerDir | null,
    private lowerParts: LayerDirs,
  ) {}

  /** null until copied up. */
  get upper(): LayerDir | null {
    this.follow()
    return this.upperPart
  }
  set upper(part: LayerDir | null) {
    this.follow()
    this.upperPart = part
  }

  /** Top first; empty for a pure upper. */
  get lowers(): LayerDirs {
    this.follow()
    return this.lowerParts
  }
  set lowers(parts: LayerDirs) {
    this.follow()
    this.lowerParts = parts
  }

  /** Where the lower parts are, when not under this name: the redirect mark of the upper. */
  get redirect(): string | null {
    this.follow()
    return this.redirectMark
  }
  set redirect(redirect: string | null) {
    this.redirectMark = redirect
  }

  /** The upper carries the impure mark: some children have an origin. */
  get impure(): boolean {
    this.follow()
    return this.impureMark
  }
  set impure(impure: boolean) {
    this.impureMark = impure
  }

  /**
   * What was in the upper is in a lower layer once that was frozen (union/snapshot). Each directory finds that out when
   * it is used next, so that freezing takes no time for those in memory. One that was removed stays as it is.
   */
  private follow(): void {
    const part = this.upperPart
    if (part !== null && !part.layer.isUpper && !part.pinned) this.sink(part)
  }

  private sink(part: LayerDir): void {
    this.upperPart = null
    this.lowerParts = [part, ...this.lowerParts]
    this.redirectMark = null
    this.impureMark = false
  }

  /** Joins an upper with lowers, or several lowers: as OVL_TYPE_MERGE(). */
  get isMerge(): boolean {
    return this.lowers.length > (this.upper === null ? 1 : 0)
  }
}

/** Above the bits of S_IFMT. */
const IN_UPPER = 1 << 16
const HAS_ORIGIN = 1 << 17
const REMOVED = 1 << 18
const CLAIMS = 1 << 21
const BARE = 1 << 22
/** FS_IMMUTABLE_FL and FS_APPEND_FL, moved up. */
const PROTECTION_SHIFT = 15
const PROTECTION_BITS = 0x30 << PROTECTION_SHIFT

/**
 * The first value of a number field. It keeps V8 from typing the field as a number. Such a field boxes every value, 16
 * bytes each, as soon as one needs more than 31 bits or comes from an array of doubles.
 */
const UNSET = undefined as unknown as number

/** The same number; a small one without an object around it. */
export function smi(number: number): number {
  const small = number | 0
  return small === number ? small : number
}

export class Node extends RareFields<Node> {
  /** How often the kernel was told of it, less what it has forgotten. */
  nlookup = 0
  /** One name it has; `others` are further ones. A node without a name is removed but still in use. */
  parent: Node | null = null
  name = ''
  inodeName = ''
  /** Bytes of its content when it was last looked at, `tight`. */
  size = UNSET
  ino = UNSET
  /** S_IFMT bits, and those below: a million nodes have them. */
  private bits: number
  /** Of a directory what it is made of, of anything else where it lies. */
  private place: DirState | LayerDir | null
  /** Where the ledger has it; 0: nowhere. */
  slot = 0

  constructor(
    public id: number,
    type: number,
    ino: number,
    dir: DirState | null,
  ) {
    super()
    this.bits = type
    this.place = dir
    this.size = 0
    this.ino = smi(ino)
  }

  /** S_IFMT bits. */
  get type(): number {
    return this.bits & S_IFMT
  }

  /** A directory: what it is made of. */
  get dir(): DirState | null {
    return this.type === S_IFDIR ? (this.place as DirState | null) : null
  }

  /** Not a directory: where the inode lies. */
  get inodeDir(): LayerDir | null {
    return this.type === S_IFDIR ? null : (this.place as LayerDir | null)
  }
  set inodeDir(value: LayerDir | null) {
    this.place = value
    this.mark(BARE, false)
  }

  /** It lies in a lower layer, where nothing changes, and was found to have no extended attributes at all. */
  get isBare(): boolean {
    return (this.bits & BARE) !== 0
  }
  foundBare(): void {
    if (this.type !== S_IFDIR && !this.inUpper && this.place !== null) this.mark(BARE, true)
  }

  /** Where the inode lies is the upper. */
  get inUpper(): boolean {
    if ((this.bits & IN_UPPER) === 0) return false
    if (this.place === null || this.type === S_IFDIR || (this.place as LayerDir).layer.isUpper) return true
    // Without a name it was left out of the layer that its directory has become.
    return this.removed && this.unlinkedFd >= 0
  }
  set inUpper(value: boolean) {
    this.mark(IN_UPPER, value)
  }

  /** The upper was copied from a lower inode, as its origin mark says. */
  get hasOrigin(): boolean {
    return (this.bits & HAS_ORIGIN) !== 0
  }
  set hasOrigin(value: boolean) {
    this.mark(HAS_ORIGIN, value)
  }

  /** All its names are gone. */
  get removed(): boolean {
    return (this.bits & REMOVED) !== 0
  }
  set removed(value: boolean) {
    this.mark(REMOVED, value)
  }

  /** Its number is another inode's on disk, told by a mark, and claimed in `u.claims`. */
  get claims(): boolean {
    return (this.bits & CLAIMS) !== 0
  }
  set claims(value: boolean) {
    this.mark(CLAIMS, value)
  }

  /** FS_IMMUTABLE_FL and FS_APPEND_FL. */
  get protection(): number {
    return (this.bits & PROTECTION_BITS) >> PROTECTION_SHIFT
  }
  set protection(flags: number) {
    this.bits = (this.bits & ~PROTECTION_BITS) | ((flags << PROTECTION_SHIFT) & PROTECTION_BITS)
  }

  private mark(bit: number, value: boolean): void {
    this.bits = value ? this.bits | bit : this.bits & ~bit
  }

  get isUpper(): boolean {
    return this.dir === null ? this.inUpper : this.dir.upper !== null
  }
}

/** Gives `node` the name `name` in `parent`. */
export function addName(node: Node, parent: Node, name: string): void {
  if (node.parent === null) {
    node.parent = parent
    node.name = name
  }
  const isOwn = node.parent === parent && node.name === name
  if (!isOwn) {
    node.others ??= []
    node.others.push({ parent, name })
  }
  parent.dir!.children.set(name, node, isOwn)
  node.removed = false
}

/** Takes one name from `node`; returns whether it has another one that is known. */
export function dropName(node: Node, parent: Node, name: string): boolean {
  parent.dir!.children.delete(name)
  if (node.parent === parent && node.name === name) {
    const next = node.others?.pop()
    node.parent = next?.parent ?? null
    node.name = next?.name ?? ''
  } else if (node.others !== null) {
    node.others = node.others.filter((alias) => alias.parent !== parent || alias.name !== name)
  }
  return node.parent !== null
}
