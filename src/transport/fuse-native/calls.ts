/**
 * The callbacks of libfuse's high-level interface, one row each: a path becomes a node, the engine's operation of the
 * same name is called, its answer becomes what fuse-native's C half takes. No rule of a filesystem is decided here;
 * what the interface does not tell (who asks, flags) is filled in with what holds for a mount of one user.
 */
import { Errno } from '../../base/errno.js'
import { fromText, shown } from '../../base/text.js'
import type { Caller, DataPort, Operations, SetAttr } from '../../operations/contract.js'
import { O_RDWR } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { decodeDevice, entryInts, ShortNumbers, statfsInts, statInts } from './answers.js'
import { Paths, type Spot } from './paths.js'

/** uid and gid that are to stay, as 32 bits without a sign. */
const UNCHANGED = 0xffff_ffff
const UINT32 = 0x1_0000_0000
const LARGEST_HANDLE = 0x7fff_ffff

/** What a callback answers: >= 0 or -errno, then what the C half takes beside it. */
export type Answer = number | readonly [result: number, ...more: unknown[]]
// biome-ignore lint/suspicious/noExplicitAny: the arguments are what the C half passes, different for each.
type Callback = (...args: any[]) => Answer

const pair = (low: number, high: number): number => low + high * UINT32

export class Calls {
  readonly #paths: Paths
  readonly #numbers = new ShortNumbers()
  /** Open files: fuse-native keeps 31 bits for a handle. */
  readonly #open = new Map<number, number>()
  #lastHandle = 0

  constructor(
    private readonly operations: Operations,
    /** Everything that is made belongs to this user: who asks is not told. */
    private readonly caller: Caller,
  ) {
    this.#paths = new Paths(operations)
  }

  /** Nodes held and files open. */
  counters(): Record<string, number> {
    return { held: this.#paths.size, open: this.#open.size }
  }

  /** By fuse-native's names. Each has what it is given after the signal. */
  readonly table: Readonly<Record<string, Callback>> = {
    getattr: (path) => this.#stat(this.#paths.find(path)),
    fgetattr: (path, handle) => this.#statOpen(path, handle),
    readlink: (path) => this.#readlink(path),
    readdir: (path) => this.#readdir(path),
    statfs: () => this.#statfs(),
    mknod: (path, mode, device) => this.#mknod(path, mode, device),
    mkdir: (path, mode) => this.#make(path, (at) => this.operations.mkdir(this.caller, at.parent, at.name, mode)),
    symlink: (target, path) => this.#symlink(target, path),
    link: (from, to) => this.#link(from, to),
    unlink: (path) => (this.#paths.unhide(path) ? 0 : this.#remove(path, 'unlink')),
    rmdir: (path) => this.#remove(path, 'rmdir'),
    rename: (from, to) => this.#rename(from, to),
    chmod: (path, mode) => this.#setattr(this.#paths.find(path), { mode: mode & 0o7777 }),
    chown: (path, uid, gid) => this.#setattr(this.#paths.find(path), owners(uid, gid)),
    truncate: (path, low, high) => this.#setattr(this.#paths.find(path), { size: pair(low, high) }),
    ftruncate: (path, handle, low, high) => this.#setattr(this.#node(path, handle), { size: pair(low, high) }),
    utimens: (path, ...times) => this.#setattr(this.#paths.find(path), timesOf(times)),
    open: (path, flags) => this.#openFile(path, flags),
    create: (path, mode) => this.#create(path, mode),
    release: (_path, handle) => this.#release(handle),
    read: (path, handle, buffer, length, low, high) => [
      this.operations.read(this.#node(path, handle), length, pair(low, high), portOf(buffer)),
      0,
      buffer.buffer,
    ],
    write: (path, handle, buffer, length, low, high) => [
      this.operations.write(this.#node(path, handle), length, pair(low, high), false, portOf(buffer)),
      0,
      buffer.buffer,
    ],
    fsync: (path, datasync, handle) => this.operations.fsync(this.#node(path, handle), datasync !== 0),
    fsyncdir: (path, datasync) => this.#on(path, (node) => this.operations.fsyncdir(node, datasync !== 0)),
    getxattr: (path, name, value) => [this.#getxattr(path, name, value), value.buffer],
    listxattr: (path, list) => [this.#listxattr(path, list), list.buffer],
    setxattr: (path, name, value, _position, flags) => [this.#setxattr(path, name, value, flags), value.buffer],
    removexattr: (path, name) => this.#on(path, (node) => this.operations.removexattr(node, fromText(name))),
  }

  /** Gives back every node and open file. */
  close(): void {
    for (const handle of [...this.#open.keys()]) this.#release(handle)
    this.#paths.leaveAll()
  }

  #on(path: string, act: (nodeid: number) => number): number {
    const nodeid = this.#paths.find(path)
    return nodeid < 0 ? nodeid : act(nodeid)
  }

  /** The node of an open file, which may have lost its path. */
  #node(path: string, handle: number): number {
    return this.#open.get(handle) ?? this.#paths.find(path)
  }

  /** `operations.attr`, for the node just looked at. */
  #stat(found: number): Answer {
    const { attr } = this.operations
    return found < 0 ? found : [0, statInts(attr, this.#numbers.of(attr.ino))]
  }

  #statOpen(path: string, handle: number): Answer {
    const nodeid = this.#open.get(handle)
    return this.#stat(nodeid === undefined ? this.#paths.find(path) : this.operations.getattr(nodeid))
  }

  #readlink(path: string): Answer {
    const nodeid = this.#paths.find(path)
    const target = nodeid < 0 ? nodeid : this.operations.readlink(nodeid)
    if (typeof target === 'number') return target
    const text = shown(target)
    return text.includes('\ufffd') ? -Errno.EILSEQ : [0, text]
  }

  /** The whole directory at once: libfuse keeps it for the open directory. */
  #readdir(path: string): Answer {
    const names: string[] = []
    const stats: Uint32Array[] = []
    const add = (name: string, _cookie: number, ino: number, type: number): boolean => {
      names.push(shown(name))
      stats.push(entryInts(type, this.#numbers.of(ino)))
      return true
    }
    const errno = this.#on(path, (node) => this.operations.readdir(node, 0, false, { add }))
    return errno < 0 ? errno : [0, names, stats]
  }

  #statfs(): Answer {
    const errno = this.operations.statfs(1)
    return errno < 0 ? errno : [0, statfsInts(this.operations.fsstat)]
  }

  #mknod(path: string, mode: number, device: number): Answer {
    const [major, minor] = decodeDevice(device)
    return this.#make(path, (at) => this.operations.mknod(this.caller, at.parent, at.name, mode, major, minor))
  }

  #symlink(target: string, path: string): Answer {
    if (target.includes('\ufffd')) return -Errno.EILSEQ
    return this.#make(path, (at) => this.operations.symlink(this.caller, at.parent, at.name, fromText(target)))
  }

  #link(from: string, to: string): Answer {
    const nodeid = this.#paths.find(from)
    return nodeid < 0 ? nodeid : this.#make(to, (at) => this.operations.link(nodeid, at.parent, at.name))
  }

  #make(path: string, make: (at: Spot) => number): number {
    const at = this.#paths.spot(path)
    if (at.parent < 0) return at.parent
    const made = make(at)
    return made < 0 ? made : made === 0 ? -Errno.EIO : this.#kept(made)
  }

  #kept(nodeid: number): number {
    this.#paths.hold(nodeid)
    return 0
  }

  #remove(path: string, how: 'unlink' | 'rmdir'): number {
    const at = this.#paths.spot(path)
    if (at.parent < 0) return at.parent
    this.#paths.leave(at)
    return this.operations[how](at.parent, at.name)
  }

  #rename(from: string, to: string): number {
    if (this.#paths.isHiding(from, to)) return this.#hide(from, to)
    const old = this.#paths.spot(from)
    if (old.parent < 0) return old.parent
    const next = this.#paths.spot(to)
    if (next.parent < 0) return next.parent
    this.#paths.leave(next)
    return this.operations.rename(old.parent, old.name, next.parent, next.name, 0)
  }

  /** libfuse means to remove an open file: it is removed, and lives on for those who have it open. */
  #hide(from: string, to: string): number {
    const nodeid = this.#paths.find(from)
    if (nodeid < 0) return nodeid
    const errno = this.#remove(from, 'unlink')
    if (errno >= 0) this.#paths.hide(to, nodeid)
    return errno
  }

  #setattr(nodeid: number, changes: SetAttr): number {
    return nodeid < 0 ? nodeid : this.operations.setattr(nodeid, changes)
  }

  #openFile(path: string, flags: number): Answer {
    const nodeid = this.#paths.find(path)
    const errno = nodeid < 0 ? nodeid : this.operations.open(nodeid, flags)
    return errno < 0 ? errno : [0, this.#handle(nodeid)]
  }

  #create(path: string, mode: number): Answer {
    const at = this.#paths.spot(path)
    if (at.parent < 0) return at.parent
    const nodeid = this.operations.create(this.caller, at.parent, at.name, mode, O_RDWR)
    if (nodeid <= 0) return nodeid < 0 ? nodeid : -Errno.EIO
    this.#paths.hold(nodeid)
    return [0, this.#handle(nodeid)]
  }

  #handle(nodeid: number): number {
    do this.#lastHandle = (this.#lastHandle % LARGEST_HANDLE) + 1
    while (this.#open.has(this.#lastHandle))
    this.#open.set(this.#lastHandle, nodeid)
    return this.#lastHandle
  }

  #release(handle: number): number {
    const nodeid = this.#open.get(handle)
    if (nodeid === undefined) return 0
    this.#open.delete(handle)
    return this.operations.release(nodeid, nodeid)
  }

  /** libfuse passes on what does not fit as if it did, so it is refused here. */
  #getxattr(path: string, name: string, into: Buffer): number {
    const nodeid = this.#paths.find(path)
    const value = nodeid < 0 ? nodeid : this.operations.getxattr(nodeid, fromText(name))
    if (typeof value === 'number') return value
    if (into.length === 0) return value.length
    if (value.length > into.length) return -Errno.ERANGE
    into.set(value)
    return value.length
  }

  #listxattr(path: string, into: Buffer): number {
    const nodeid = this.#paths.find(path)
    const names = nodeid < 0 ? nodeid : this.operations.listxattr(nodeid, this.caller.uid)
    if (typeof names === 'number') return names
    const list = names.map((name) => `${name}\0`).join('')
    if (into.length === 0) return list.length
    return list.length > into.length ? -Errno.ERANGE : into.write(list, 'latin1')
  }

  #setxattr(path: string, name: string, value: Buffer, flags: number): number {
    return this.#on(path, (node) => this.operations.setxattr(node, fromText(name), value, flags, false))
  }
}

function owners(uid: number, gid: number): SetAttr {
  return { ...(uid === UNCHANGED ? {} : { uid }), ...(gid === UNCHANGED ? {} : { gid }) }
}

/** Two times in ms (low and high halves; negative before 1970), access time first. */
function timesOf(halves: readonly number[]): SetAttr {
  const [atime, mtime] = [0, 2].map((at) => (halves[at] as number) + ((halves[at + 1] as number) | 0) * UINT32)
  const seconds = (ms: number) => Math.floor(ms / 1000)
  const nanoseconds = (ms: number) => (ms - seconds(ms) * 1000) * 1_000_000
  return {
    atime: seconds(atime as number),
    atimeNs: nanoseconds(atime as number),
    mtime: seconds(mtime as number),
    mtimeNs: nanoseconds(mtime as number),
  }
}

/** The way of a READ's or WRITE's bytes: libfuse's own buffer, which JavaScript has until the call is answered. */
function portOf(buffer: Buffer): DataPort {
  return {
    read: (fd, length, offset) => native.pread(fd, buffer, 0, length, offset),
    write: (fd, length, offset, _killSuid, skip = 0) => native.pwrite(fd, buffer, skip, length, offset),
  }
}
