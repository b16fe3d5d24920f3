/**
 * What a transport asks of the engine: one method per request a filesystem gets, named as the system calls. Both
 * transports speak to this interface and to nothing behind it. Every method runs to its end without `await`, so each is
 * atomic against the others. A number returned is >= 0 or -errno. Answers that are more than a number are left in the
 * one scratch object named by the method (`attr`, `opened`, `fsstat`): copy them out before the next call.
 */
import type { Attr, DataModeAgreed, FsStat, Opened } from '../union/context/results.js'

export {
  type Attr,
  type DataBinding,
  type DataModeAgreed as DataTerms,
  type FsStat,
  type Opened,
  unbound,
} from '../union/context/results.js'

/** Who asks: ids as the kernel gave them; `umask` is 0 where the request carries none. */
export interface Caller {
  uid: number
  gid: number
  pid: number
  umask: number
}

/** SETATTR's changes: only what is present is set. `atimeNow`/`mtimeNow`: the time of the act. */
export interface SetAttr {
  mode?: number
  uid?: number
  gid?: number
  size?: number
  atime?: number
  atimeNs?: number
  atimeNow?: boolean
  mtime?: number
  mtimeNs?: number
  mtimeNow?: boolean
  /** FATTR_KILL_SUIDGID: clear setuid, and setgid where group-executable. */
  killSuidGid?: boolean
  /** Clear setgid also where the group may not execute: whoever writes is not of it. */
  killSetgid?: boolean
  /**
   * Who changes the size, with `killSuidGid`: of those who are not of the file's group setgid is cleared also there.
   */
  writer?: { readonly gid: number; readonly pid: number }
}

/** Takes directory entries; returns false when full: that entry was not taken. */
export interface EntrySink {
  /** `cookie` is the offset that continues after this entry; `type` is DT_*. With `nodeid` > 0, the engine's `attr`
   * holds its attributes (READDIRPLUS); `.`, `..` and entries that could not be looked up have nodeid 0. */
  add(name: string, cookie: number, ino: number, type: number, nodeid: number): boolean
}

/** How bytes of a READ or WRITE travel without a JavaScript buffer: implemented by the transport. */
export interface DataPort {
  read(fd: number, length: number, offset: number): number
  /** `skip`: so many of the request's bytes are left out; `length` counts what remains. */
  write(fd: number, length: number, offset: number, killSuid: boolean, skip?: number): number
}

export interface Operations {
  readonly attr: Attr
  readonly opened: Opened
  readonly fsstat: FsStat

  /** What the connection agreed on about file data; before that, and without it, every open is answered. */
  begin(terms: DataModeAgreed): void
  /** The nodeid of `name`, its lookup count raised by one, `attr` filled; 0 when the name is absent (cacheable). */
  lookup(parent: number, name: string): number
  forget(nodeid: number, count: number): void
  getattr(nodeid: number): number
  setattr(nodeid: number, changes: SetAttr): number
  readlink(nodeid: number): string | number
  /** symlink, mknod, mkdir, link, create: the new nodeid, counted once, `attr` filled. */
  symlink(caller: Caller, parent: number, name: string, target: string): number
  mknod(caller: Caller, parent: number, name: string, mode: number, rdevMajor: number, rdevMinor: number): number
  mkdir(caller: Caller, parent: number, name: string, mode: number): number
  link(nodeid: number, newParent: number, newName: string): number
  unlink(parent: number, name: string): number
  rmdir(parent: number, name: string): number
  /** `flags`: RENAME_NOREPLACE 1, RENAME_EXCHANGE 2, RENAME_WHITEOUT 4. */
  rename(oldParent: number, oldName: string, newParent: number, newName: string, flags: number): number
  /** `flags`: O_*. Fills `opened`. -ENOSYS where opens are not answered: then nothing has been done. */
  open(nodeid: number, flags: number): number
  /** As mknod and open in one; fills `attr` and `opened`. -ENOSYS as for `open`. */
  create(caller: Caller, parent: number, name: string, mode: number, flags: number): number
  /** An unnamed file in `parent`'s filesystem (O_TMPFILE); fills `attr` and `opened`. */
  tmpfile(caller: Caller, parent: number, mode: number, flags: number): number
  release(nodeid: number, fh: number): number
  /** Through `port`; bytes read (0 at the end). Needs no OPEN before it. */
  read(nodeid: number, length: number, offset: number, port: DataPort): number
  /** Through `port`; bytes written. Copies up where that is still due. `whole`: all of it, or an error. */
  write(nodeid: number, length: number, offset: number, killSuid: boolean, port: DataPort, whole?: boolean): number
  fsync(nodeid: number, datasync: boolean): number
  fsyncdir(nodeid: number, datasync: boolean): number
  fallocate(nodeid: number, mode: number, offset: number, length: number): number
  /** SEEK_DATA 3 and SEEK_HOLE 4; the offset found. -ENOSYS where the kernel alone knows what has been written. */
  lseek(nodeid: number, offset: number, whence: number): number
  copyFileRange(nodeIn: number, offsetIn: number, nodeOut: number, offsetOut: number, length: number): number
  /** Entries whose cookie is greater than `offset` (0: from the start, with `.` and `..`). With `plus`, each entry
   * given a nodeid has been counted once, as by lookup. */
  readdir(nodeid: number, offset: number, plus: boolean, sink: EntrySink): number
  statfs(nodeid: number): number
  getxattr(nodeid: number, attribute: string): Uint8Array | number
  /** `killSgid`: FUSE_SETXATTR_ACL_KILL_SGID. */
  setxattr(nodeid: number, attribute: string, value: Uint8Array, flags: number, killSgid: boolean): number
  /** `trusted.*` only for uid 0: the kernel does not filter what a FUSE filesystem lists. */
  listxattr(nodeid: number, uid: number): string[] | number
  removexattr(nodeid: number, attribute: string): number
  /** FS_IOC_GETFLAGS and FS_IOC_SETFLAGS. */
  getFlags(nodeid: number): number
  setFlags(nodeid: number, flags: number): number
}
