/**
 * What few nodes have at any one time: further names, a descriptor, opens, content in a second place, a hard-link group. A mount has a
 * node for each inode that the kernel remembers, a million of them perhaps; so these fields lie in an object that a
 * node gets with the first of them that is anything but the usual, and reads them from a common one until then.
 */
import type { RealDir } from '../layers/real-dir.js'
import type { Bringing } from './background-copy.js'
import type { Alias, LinkGroup } from './node.js'

class Fields {
  others: Alias[] | null = null
  data: RealDir | null = null
  dataName = ''
  links: LinkGroup | null = null
  keys: string[] | null = null
  opens = 0
  writers = 0
  backing = 0
  ghosts = 0
  pin = -1
  dataFd = -1
  dataWritable = false
  appendOnly = false
  isStored = false
  withoutCapabilities = false
  bringing: Bringing | null = null
}

const USUAL: Fields = Object.freeze(new Fields())

export abstract class Seldom {
  private fields = USUAL

  /** Further names (hard links) where known. */
  get others(): Alias[] | null {
    return this.fields.others
  }
  set others(value: Alias[] | null) {
    if (value !== this.fields.others) this.own().others = value
  }

  /** Where the content lies, when only the metadata is at `at` (metacopy). */
  get data(): RealDir | null {
    return this.fields.data
  }
  set data(value: RealDir | null) {
    if (value !== this.fields.data) this.own().data = value
  }

  get dataName(): string {
    return this.fields.dataName
  }
  set dataName(value: string) {
    if (value !== this.fields.dataName) this.own().dataName = value
  }

  get links(): LinkGroup | null {
    return this.fields.links
  }
  set links(value: LinkGroup | null) {
    if (value !== this.fields.links) this.own().links = value
  }

  /** Keys under which the table finds it as a hard link. */
  get keys(): string[] | null {
    return this.fields.keys
  }
  set keys(value: string[] | null) {
    if (value !== this.fields.keys) this.own().keys = value
  }

  /** Opens not yet released. */
  get opens(): number {
    return this.fields.opens
  }
  set opens(value: number) {
    if (value !== this.fields.opens) this.own().opens = value
  }

  /** Opens for writing not yet released. */
  get writers(): number {
    return this.fields.writers
  }
  set writers(value: number) {
    if (value !== this.fields.writers) this.own().writers = value
  }

  /** The backing id that all opens share while they are passed through, or 0. */
  get backing(): number {
    return this.fields.backing
  }
  set backing(value: number) {
    if (value !== this.fields.backing) this.own().backing = value
  }

  /** Nodeids it had before, which somebody still uses. */
  get ghosts(): number {
    return this.fields.ghosts
  }
  set ghosts(value: number) {
    if (value !== this.fields.ghosts) this.own().ghosts = value
  }

  /** O_PATH descriptor of an upper inode that has lost its name, or -1. */
  get pin(): number {
    return this.fields.pin
  }
  set pin(value: number) {
    if (value !== this.fields.pin) this.own().pin = value
  }

  /** The descriptor that serves READ and WRITE, or -1; may be dropped and opened anew at any time. */
  get dataFd(): number {
    return this.fields.dataFd
  }
  set dataFd(value: number) {
    if (value !== this.fields.dataFd) this.own().dataFd = value
  }

  get dataWritable(): boolean {
    return this.fields.dataWritable
  }
  set dataWritable(value: boolean) {
    if (value !== this.fields.dataWritable) this.own().dataWritable = value
  }

  /** The upper file may only be appended to (chattr +a): its descriptor writes at the end, whatever the offset. */
  get appendOnly(): boolean {
    return this.fields.appendOnly
  }
  set appendOnly(value: boolean) {
    if (value !== this.fields.appendOnly) this.own().appendOnly = value
  }

  /** Its content has been put into the kernel's page cache, where it may be still. */
  get isStored(): boolean {
    return this.fields.isStored
  }
  set isStored(value: boolean) {
    if (value !== this.fields.isStored) this.own().isStored = value
  }

  /** It is known to have no file capabilities: the kernel asks before every write. Only setxattr can give it some. */
  get withoutCapabilities(): boolean {
    return this.fields.withoutCapabilities
  }
  set withoutCapabilities(value: boolean) {
    if (value !== this.fields.withoutCapabilities) this.own().withoutCapabilities = value
  }

  /** Its content on the way up, copied beside the loop. */
  get bringing(): Bringing | null {
    return this.fields.bringing
  }
  set bringing(value: Bringing | null) {
    if (value !== this.fields.bringing) this.own().bringing = value
  }

  private own(): Fields {
    if (this.fields === USUAL) this.fields = new Fields()
    return this.fields
  }
}
