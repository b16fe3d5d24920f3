/**
 * What few nodes have at any one time: further names, a descriptor, opens, content in a second place, a hard-link
 * group. A mount has a node for each inode that the kernel remembers, perhaps a million. So these fields lie in an
 * object of their own. A node gets one with its first unusual field; until then it reads them from a common object of
 * defaults.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import type { Filling } from './filling.js'
import type { PendingCopy } from './pending-copy.js'

/** A further name of a file: the directory it lies in, and its name there. `N`: the node, which imports this file. */
interface AliasOf<N> {
  readonly parent: N
  readonly name: string
}

/** The union's link count of a hard-link group that has names in a lower layer. */
interface LinkGroup {
  nlink: number
}

class Fields<N> {
  others: AliasOf<N>[] | null = null
  contentDir: LayerDir | null = null
  contentName = ''
  links: LinkGroup | null = null
  keys: string[] | null = null
  opens = 0
  writers = 0
  backing = 0
  ghosts = 0
  unlinkedFd = -1
  contentFd = -1
  dataWritable = false
  appendOnly = false
  pageCached = false
  withoutCapabilities = false
  pendingCopy: PendingCopy | null = null
  filling: Filling | null = null
}

const DEFAULTS: Fields<never> = Object.freeze(new Fields<never>())

export abstract class RareFields<N> {
  private fields: Fields<N> = DEFAULTS as Fields<N>

  /** It has nothing of all this. */
  get isUsual(): boolean {
    return this.fields === DEFAULTS
  }

  /** Further names (hard links) where known. */
  get others(): AliasOf<N>[] | null {
    return this.fields.others
  }
  set others(value: AliasOf<N>[] | null) {
    if (value !== this.fields.others) this.writable().others = value
  }

  /** Where the content lies, when only the metadata is at `at` (metacopy). */
  get contentDir(): LayerDir | null {
    return this.fields.contentDir
  }
  set contentDir(value: LayerDir | null) {
    if (value !== this.fields.contentDir) this.writable().contentDir = value
  }

  get contentName(): string {
    return this.fields.contentName
  }
  set contentName(value: string) {
    if (value !== this.fields.contentName) this.writable().contentName = value
  }

  get links(): LinkGroup | null {
    return this.fields.links
  }
  set links(value: LinkGroup | null) {
    if (value !== this.fields.links) this.writable().links = value
  }

  /** Keys under which the table finds it as a hard link. */
  get keys(): string[] | null {
    return this.fields.keys
  }
  set keys(value: string[] | null) {
    if (value !== this.fields.keys) this.writable().keys = value
  }

  /** Opens not yet released. */
  get opens(): number {
    return this.fields.opens
  }
  set opens(value: number) {
    if (value !== this.fields.opens) this.writable().opens = value
  }

  /** Opens for writing not yet released. */
  get writers(): number {
    return this.fields.writers
  }
  set writers(value: number) {
    if (value !== this.fields.writers) this.writable().writers = value
  }

  /** The backing id that all opens share while they are passed through, or 0. */
  get backing(): number {
    return this.fields.backing
  }
  set backing(value: number) {
    if (value !== this.fields.backing) this.writable().backing = value
  }

  /** Nodeids it had before, which somebody still uses. */
  get ghosts(): number {
    return this.fields.ghosts
  }
  set ghosts(value: number) {
    if (value !== this.fields.ghosts) this.writable().ghosts = value
  }

  /** O_PATH descriptor of an upper inode that has lost its name, or -1. */
  get unlinkedFd(): number {
    return this.fields.unlinkedFd
  }
  set unlinkedFd(value: number) {
    if (value !== this.fields.unlinkedFd) this.writable().unlinkedFd = value
  }

  /** The descriptor that serves READ and WRITE, or -1; may be dropped and opened anew at any time. */
  get contentFd(): number {
    return this.fields.contentFd
  }
  set contentFd(value: number) {
    if (value !== this.fields.contentFd) this.writable().contentFd = value
  }

  get dataWritable(): boolean {
    return this.fields.dataWritable
  }
  set dataWritable(value: boolean) {
    if (value !== this.fields.dataWritable) this.writable().dataWritable = value
  }

  /** The upper file may only be appended to (chattr +a): its descriptor writes at the end, whatever the offset. */
  get appendOnly(): boolean {
    return this.fields.appendOnly
  }
  set appendOnly(value: boolean) {
    if (value !== this.fields.appendOnly) this.writable().appendOnly = value
  }

  /** Its content has been put into the kernel's page cache, where it may be still. */
  get pageCached(): boolean {
    return this.fields.pageCached
  }
  set pageCached(value: boolean) {
    if (value !== this.fields.pageCached) this.writable().pageCached = value
  }

  /** It is known to have no file capabilities: the kernel asks before every write. Only setxattr can give it some. */
  get withoutCapabilities(): boolean {
    return this.fields.withoutCapabilities
  }
  set withoutCapabilities(value: boolean) {
    if (value !== this.fields.withoutCapabilities) this.writable().withoutCapabilities = value
  }

  /** Its content on the way up, copied beside the loop. */
  get pendingCopy(): PendingCopy | null {
    return this.fields.pendingCopy
  }
  set pendingCopy(value: PendingCopy | null) {
    if (value !== this.fields.pendingCopy) this.writable().pendingCopy = value
  }

  /** Written to while it is being copied up. */
  get filling(): Filling | null {
    return this.fields.filling
  }
  set filling(value: Filling | null) {
    if (value !== this.fields.filling) this.writable().filling = value
  }

  private writable(): Fields<N> {
    if (this.fields === DEFAULTS) this.fields = new Fields<N>()
    return this.fields
  }
}
