/**
 * The operations of a mount with a limit: room is asked for before something comes, and what has come or gone is told
 * to the count after it. Removing is never refused: a whiteout may take the upper a block above the limit. Copy-ups ask
 * by themselves (union/copy-up), new inodes are told where they are published (create.ts).
 */
import { Errno } from '../base/errno.js'
import { FallocateMode } from '../protocol/flags.js'
import { O_NOFOLLOW, O_PATH, O_TRUNC, S_IFDIR, S_IFMT } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { isWhiteoutDevice, Stat } from '../syscalls/stat.js'
import { locate, type Union } from '../union/context/union.js'
import { copyUp } from '../union/copy-up/copy-up.js'
import { contentFd } from '../union/data/content-fd.js'
import { ENTRY_BYTES } from '../union/limit/content-bytes.js'
import type { UpperUsage } from '../union/limit/upper-usage.js'
import type { Node } from '../union/nodes/node.js'
import type { DataPort, Operations } from './contract.js'
import { COPIED_AT_A_TIME } from './open.js'

/** A symbolic link of so many bytes lies in its inode. */
const LONG_LINK = 59
const EXCHANGE = 2
const FREES = FallocateMode.PUNCH_HOLE | FallocateMode.COLLAPSE_RANGE

/** An inode that is about to lose a name. */
interface Victim {
  readonly low: number
  readonly high: number
  readonly node: Node | null
  /** O_PATH, where it has further names; else -1. */
  readonly pin: number
}

/** `plain`, within the limit. */
export function limited(u: Union, plain: Operations, usage: UpperUsage): Operations {
  const it = new Limited(u, usage)
  return {
    ...plain,
    symlink: (caller, parent, name, target) =>
      it.create(parent, name, target.length > LONG_LINK ? ENTRY_BYTES : 0, () =>
        plain.symlink(caller, parent, name, target),
      ),
    mknod: (caller, parent, name, mode, major, minor) =>
      it.create(parent, name, 0, () => plain.mknod(caller, parent, name, mode, major, minor)),
    mkdir: (caller, parent, name, mode) =>
      it.create(parent, name, ENTRY_BYTES, () => plain.mkdir(caller, parent, name, mode)),
    create: (caller, parent, name, mode, flags) =>
      it.create(parent, name, 0, () => plain.create(caller, parent, name, mode, flags)),
    tmpfile: (caller, parent, mode, flags) => it.within(0, 1, () => plain.tmpfile(caller, parent, mode, flags)),
    link: (nodeid, parent, name) => it.link(nodeid, parent, name, () => plain.link(nodeid, parent, name)),
    unlink: (parent, name) => it.remove(parent, name, () => plain.unlink(parent, name)),
    rmdir: (parent, name) => it.remove(parent, name, () => plain.rmdir(parent, name)),
    rename: (from, oldName, to, newName, flags) =>
      it.rename(from, oldName, to, newName, flags, () => plain.rename(from, oldName, to, newName, flags)),
    open: (nodeid, flags) => it.looking(nodeid, (flags & O_TRUNC) !== 0, () => plain.open(nodeid, flags)),
    setattr: (nodeid, changes) => it.looking(nodeid, changes.size !== undefined, () => plain.setattr(nodeid, changes)),
    setFlags: (nodeid, flags) => it.looking(nodeid, true, () => plain.setFlags(nodeid, flags)),
    setxattr: (nodeid, attribute, value, flags, kill) =>
      it.within(value.length + ENTRY_BYTES, 0, () =>
        it.looking(nodeid, true, () => plain.setxattr(nodeid, attribute, value, flags, kill)),
      ),
    removexattr: (nodeid, attribute) => it.looking(nodeid, true, () => plain.removexattr(nodeid, attribute)),
    write: (nodeid, length, offset, kill, port, whole) =>
      plain.write(nodeid, length, offset, kill, it.guarded(port, whole ?? false), whole),
    fallocate: (nodeid, mode, offset, length) =>
      it.allocate(nodeid, mode, offset, length, () => plain.fallocate(nodeid, mode, offset, length)),
    copyFileRange: (from, offsetIn, to, offsetOut, length) =>
      it.copyRange(to, offsetOut, length, (fits) => plain.copyFileRange(from, offsetIn, to, offsetOut, fits)),
    statfs: (nodeid) => it.statfs(() => plain.statfs(nodeid)),
  }
}

class Limited {
  constructor(
    private readonly u: Union,
    private readonly usage: UpperUsage,
  ) {}

  within(bytes: number, inodes: number, act: () => number): number {
    const refused = this.usage.admit(bytes, inodes)
    return refused < 0 ? refused : act()
  }

  /** `act`, and then a look at what `node` takes now, where it `looks`. */
  looking(nodeid: number, looks: boolean, act: () => number): number {
    const result = act()
    const node = looks && result >= 0 ? this.u.nodes.get(nodeid) : undefined
    if (node?.isUpper) this.usage.copied(node)
    return result
  }

  create(parent: number, name: string, bytes: number, act: () => number): number {
    const refused = this.usage.admit(bytes + ENTRY_BYTES, 1)
    if (refused < 0) return refused
    const over = this.#hidden(parent, name)
    return this.#done(act(), [parent], over)
  }

  link(nodeid: number, parent: number, name: string, act: () => number): number {
    const refused = this.usage.admit(ENTRY_BYTES, 0)
    if (refused < 0) return refused
    const over = this.#hidden(parent, name)
    const done = this.#done(act(), [parent], over)
    return this.looking(nodeid, this.usage.counting, () => done)
  }

  remove(parent: number, name: string, act: () => number): number {
    const gone = [...this.#hidden(parent, name), ...this.#victims(parent, name)]
    this.usage.exempt = true
    const result = act()
    this.usage.exempt = false
    this.#done(result, [parent], gone)
    if (result >= 0) this.#noteWhiteout(parent, name)
    return result
  }

  rename(from: number, oldName: string, to: number, newName: string, flags: number, act: () => number): number {
    const refused = this.usage.admit(2 * ENTRY_BYTES, 0)
    if (refused < 0) return refused
    const exchange = (flags & EXCHANGE) !== 0
    const gone = exchange ? [] : [...this.#hidden(to, newName), ...this.#victims(to, newName)]
    const result = this.#done(act(), [from, to], gone)
    if (result < 0) return result
    this.#noteWhiteout(from, oldName)
    if (this.usage.counting) this.#noteMoved(to, newName)
    return result
  }

  #noteMoved(parent: number, name: string): void {
    const node = this.u.nodes.get(parent)?.dir?.children.get(name)
    if (node === undefined) return
    if (node.dir !== null) this.usage.moved()
    else this.usage.copied(node)
  }

  /** After an act on entries of `parents`; its result. */
  #done(result: number, parents: readonly number[], gone: readonly Victim[]): number {
    for (const victim of gone) this.#gone(victim, result >= 0)
    if (result < 0) return result
    for (const parent of parents) {
      const upper = this.u.nodes.get(parent)?.dir?.upper
      if (upper != null) this.usage.changed(upper)
    }
    return result
  }

  /** What stands in the upper at `name` and may lose its last name; of a directory, with whiteouts that are files. */
  #victims(parent: number, name: string): Victim[] {
    const dir = this.u.nodes.get(parent)?.dir
    if (dir == null || dir.upper === null) return []
    const fd = this.u.cache.fd(dir.upper)
    const victim = fd < 0 ? null : this.#victim(fd, name, dir.children.get(name) ?? null)
    if (victim === null) return []
    const inside = victim.node?.dir?.upper
    const plain = this.u.whiteouts.writtenAs === 'device' && inside?.aufs !== 'marked'
    return plain || inside == null ? [victim] : [victim, ...this.#inside(this.u.cache.fd(inside))]
  }

  #inside(fd: number): Victim[] {
    const entries = fd < 0 ? fd : native.readDirectory(fd, '')
    if (typeof entries === 'number') return []
    return entries.names.flatMap((name) => this.#victim(fd, name, null) ?? [])
  }

  /** The files by which `name` is hidden, where whiteouts are files. */
  #hidden(parent: number, name: string): Victim[] {
    const dir = this.u.nodes.get(parent)?.dir
    if (dir?.upper == null || (this.u.whiteouts.writtenAs === 'device' && dir.upper.aufs !== 'marked')) return []
    const fd = this.u.cache.fd(dir.upper)
    const shown = dir.children.get(name) !== undefined
    const names = shown ? [`.wh.${name}`] : [`.wh.${name}`, name]
    return fd < 0 ? [] : names.flatMap((each) => this.#victim(fd, each, null) ?? [])
  }

  #victim(fd: number, name: string, node: Node | null): Victim | null {
    const { stat } = native
    if (native.statat(fd, name) < 0) return null
    const type = stat[Stat.MODE]! & S_IFMT
    if (isWhiteoutDevice(stat)) return null
    const [low, high] = [stat[Stat.INO_LOW]!, stat[Stat.INO_HIGH]!]
    const linked = type !== S_IFDIR && stat[Stat.NLINK]! > 1
    return { low, high, node, pin: linked ? native.openat(fd, name, O_PATH | O_NOFOLLOW, 0) : -1 }
  }

  /** What is still open counts until it is closed (`freed`). */
  #gone({ low, high, node, pin }: Victim, done: boolean): void {
    const isOpen = node !== null && node.unlinkedFd >= 0
    if (pin >= 0) {
      if (done && !isOpen) native.usageFreed(this.usage.id, pin)
      native.close(pin)
    } else if (done && !isOpen) native.usageDrop(this.usage.id, low, high)
  }

  #noteWhiteout(parent: number, name: string): void {
    const { writtenAs } = this.u.whiteouts
    const upper = this.u.nodes.get(parent)?.dir?.upper
    if (writtenAs === 'device' || upper == null) return
    const fd = this.u.cache.fd(upper)
    if (fd >= 0) native.usageNote(this.usage.id, fd, writtenAs === 'aufs' ? `.wh.${name}` : name)
  }

  /** `port`, which writes as much as fits. `whole`: all or nothing, for a page that was written to long ago. */
  guarded(port: DataPort, whole: boolean): DataPort {
    const { usage } = this
    return {
      read: (fd, length, offset) => port.read(fd, length, offset),
      write: (fd, length, offset, killSuid, skip) => {
        const fits = usage.fitting(fd, offset, length)
        if (fits < 0) return fits
        if (fits < length && whole) return -Errno.ENOSPC
        const written = port.write(fd, fits, offset, killSuid, skip)
        usage.wrote(fd)
        return written
      },
    }
  }

  allocate(nodeid: number, mode: number, offset: number, length: number, act: () => number): number {
    const file = (mode & FREES) !== 0 ? 0 : this.#writable(nodeid)
    if (file < 0) return file
    const fits = file > 0 ? this.usage.fitting(file, offset, length) : length
    if (fits < 0) return fits
    return fits < length ? -Errno.ENOSPC : this.looking(nodeid, true, act)
  }

  copyRange(nodeid: number, offset: number, length: number, act: (length: number) => number): number {
    const file = this.#writable(nodeid)
    if (file < 0) return file
    const most = Math.min(length, COPIED_AT_A_TIME)
    const fits = file > 0 ? this.usage.fitting(file, offset, most) : most
    return fits < 0 ? fits : this.looking(nodeid, true, () => act(fits))
  }

  /** A descriptor of a file that is to be written to; 0: the operation itself will say why there is none. */
  #writable(nodeid: number): number {
    this.u.cache.beginOperation()
    const node = this.u.nodes.get(nodeid)
    if (node === undefined || node.dir !== null || node.protection !== 0) return 0
    const up = copyUp(this.u, node)
    if (up < 0) return up
    const at = locate(this.u, node)
    return at < 0 ? 0 : Math.max(contentFd(this.u, node, true), 0)
  }

  /** As XFS shows a project's limit: of the size given, what is used and what is left; no more than the disk has. */
  statfs(act: () => number): number {
    const errno = act()
    if (errno < 0) return errno
    const { fsstat } = this.u
    const { size, inodes, usedBytes, usedInodes } = this.usage.report()
    if (size !== null) {
      fsstat.blocks = Math.floor(size / fsstat.frsize)
      fsstat.bfree = Math.max(0, Math.floor((size - (usedBytes ?? 0)) / fsstat.frsize))
      fsstat.bavail = Math.min(fsstat.bavail, fsstat.bfree)
    }
    if (inodes !== null) {
      fsstat.files = inodes
      fsstat.ffree = Math.max(0, inodes - (usedInodes ?? 0))
    }
    return errno
  }
}
