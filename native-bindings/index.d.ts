/**
 * The addon's surface: system calls that Node lacks, and the FUSE device. It holds no policy.
 *
 * Conventions, the same for every function unless it says otherwise:
 * - The result is >= 0, or -errno. Where a value other than a number is returned, failure is still a negative number.
 * - Names, paths, xattr names and targets are latin1 strings: one character per byte, lossless. They never contain NUL.
 * - A place in a filesystem is (fd, name): `name` inside the directory `fd` (which may be O_PATH), never following a
 *   symbolic link in the last component; with `name` empty it is the file `fd` itself (also O_PATH; through
 *   AT_EMPTY_PATH where the call has it, else /proc/self/fd/N). `fd` may be AT_FDCWD (-100) with a path as name.
 * - 64-bit offsets and sizes are numbers (exact to 2^53).
 * - Every call is synchronous and runs on the calling thread. The addon may be loaded in several threads at once; all
 *   state is per thread, except what takes a descriptor.
 */

/** Slots of one stat record, in `stat` and in records written by `statMany` (Float64Array, STAT_SLOTS per record). */
export type StatSlots = readonly [
  'mode',
  'nlink',
  'uid',
  'gid',
  'rdevMajor',
  'rdevMinor',
  'size',
  'blocks',
  'blksize',
  'inoLow',
  'inoHigh',
  'devMajor',
  'devMinor',
  'atime',
  'atimeNs',
  'mtime',
  'mtimeNs',
  'ctime',
  'ctimeNs',
  'btime',
  'btimeNs',
  'mountId',
  'attributes',
  'sizeLow',
  'errno',
]

export interface DirectoryEntries {
  /** Every name but `.` and `..`, in the filesystem's order. */
  readonly names: string[]
  /** DT_* per name. */
  readonly types: Uint8Array
}

export interface FileHandle {
  readonly type: number
  readonly bytes: Uint8Array
  readonly mountId: number
}

export interface Native {
  /** Filled by `statat` (25 slots, in the order of StatSlots), and by nothing else. One per thread. */
  readonly stat: Float64Array
  /** Filled by `statfs`: bsize, frsize, blocks, bfree, bavail, files, ffree, namelen, f_type, flags (ST_*). */
  readonly fsstat: Float64Array

  // ---- places -------------------------------------------------------------------------------------------------
  /** statx(2), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | BTIME | MNT_ID; fills `stat`. */
  statat(fd: number, name: string): number
  /** 1 where a mount is on `path`, and its root's record in `stat`; 0 where none is. It asks no filesystem's server.
   * -ENOSYS where the kernel does not tell (before Linux 5.8). */
  mountRoot(path: string): number
  /** 1 where the mount that `path` lies on is idmapped, else 0; -ENOSYS where the kernel does not tell (before 6.8). */
  isIdmapped(path: string): number
  /** Like `statat` for each of `names` in `fd`: record i at i * 25; a failed one has mode 0 and errno in slot 24. */
  statMany(fd: number, names: string[], out: Float64Array): number
  /** The first i in [from, to) for which `name` exists in directory `fds[i]`, with `stat` filled; -ENOENT where in
   * none; another error ends the search (which layer: slot `errno` of `stat` holds i). ENOTDIR counts as absent. */
  findFirst(fds: Int32Array, from: number, to: number, name: string): number
  /** openat(2), O_CLOEXEC always added; with empty `name` the descriptor is opened anew through /proc/self/fd. */
  openat(fd: number, name: string, flags: number, mode: number): number
  /** The regular file at a place for its content, never waiting for anybody: O_CLOEXEC, O_NONBLOCK and O_NOCTTY added.
   * -ESTALE where it is no regular file (any more), -EAGAIN while somebody holds a lease on it that this open breaks.
   */
  openFile(fd: number, name: string, flags: number): number
  /** openat2(2) of a path of several components below the directory `fd`, RESOLVE_BENEATH, with no symbolic link
   * allowed anywhere in it (-ELOOP, or -EXDEV where it would leave `fd`); O_CLOEXEC always added; '' is `fd` itself. */
  openBeneath(fd: number, path: string, flags: number, mode: number): number
  close(fd: number): number
  /** Like `close`, soon and by a thread of its own: for the last descriptor of a file that has no name any more. */
  closeSoon(fd: number): number
  /** Waits until all that `closeSoon` was given is closed. */
  settleClosing(): number
  readlinkat(fd: number, name: string): string | number
  mkdirat(fd: number, name: string, mode: number): number
  /** `mode` with the type bits; `rdev` as (major, minor). */
  mknodat(fd: number, name: string, mode: number, major: number, minor: number): number
  symlinkat(target: string, fd: number, name: string): number
  /**
   * linkat(2); an empty `name` links the descriptor itself (AT_EMPTY_PATH, else through /proc/self/fd with
   * AT_SYMLINK_FOLLOW).
   */
  linkat(fd: number, name: string, newFd: number, newName: string): number
  /** `flags`: AT_REMOVEDIR (0x200) or 0. */
  unlinkat(fd: number, name: string, flags: number): number
  /** renameat2(2); with flags 0 plain renameat(2). */
  renameat(fd: number, name: string, newFd: number, newName: string, flags: number): number
  /** chmod of a place that is not a symbolic link. */
  chmodat(fd: number, name: string, mode: number): number
  /** -1 leaves uid or gid as it is. */
  chownat(fd: number, name: string, uid: number, gid: number): number
  /** Nanoseconds 0..999999999, or UTIME_NOW (0x3fffffff), UTIME_OMIT (0x3ffffffe). Also on symbolic links. */
  utimensat(fd: number, name: string, atime: number, atimeNs: number, mtime: number, mtimeNs: number): number
  truncateat(fd: number, name: string, size: number): number
  getxattr(fd: number, name: string, attribute: string): Uint8Array | number
  /** `flags`: XATTR_CREATE 1, XATTR_REPLACE 2. */
  setxattr(fd: number, name: string, attribute: string, value: Uint8Array, flags: number): number
  /** Names, in the filesystem's order. */
  listxattr(fd: number, name: string): string[] | number
  removexattr(fd: number, name: string, attribute: string): number
  /**
   * Reads the whole directory `name` in `fd`: opens and closes it for that, unless `name` is '' and `fd` open to be
   * read, whose position moves then.
   */
  readDirectory(fd: number, name: string): DirectoryEntries | number
  /** 1 when the directory holds a name that begins with `prefix`, else 0. */
  hasPrefix(fd: number, name: string, prefix: string): number
  /** name_to_handle_at(2). */
  nameToHandle(fd: number, name: string): FileHandle | number
  /** open_by_handle_at(2). */
  openByHandle(mountFd: number, type: number, bytes: Uint8Array, flags: number): number
  /**
   * FS_IOC_GETFSUUID, else EXT4_IOC_GETFSUUID: 16 bytes; -ENOTTY where the filesystem tells none. `fd` may be O_PATH.
   */
  filesystemUuid(fd: number): Uint8Array | number
  /** fstatfs(2) on any descriptor; fills `fsstat`. */
  statfs(fd: number): number
  /** FS_IOC_GETFLAGS. */
  getFlags(fd: number, name: string): number
  /** FS_IOC_SETFLAGS. */
  setFlags(fd: number, name: string, flags: number): number

  // ---- open files ---------------------------------------------------------------------------------------------
  /** `into` is filled from `at`; -errno or the number of bytes. */
  pread(fd: number, into: Uint8Array, at: number, length: number, offset: number): number
  pwrite(fd: number, from: Uint8Array, at: number, length: number, offset: number): number
  ftruncate(fd: number, size: number): number
  fsync(fd: number): number
  fdatasync(fd: number): number
  syncfs(fd: number): number
  fallocate(fd: number, mode: number, offset: number, length: number): number
  lseek(fd: number, offset: number, whence: number): number
  copyFileRange(fdIn: number, offsetIn: number, fdOut: number, offsetOut: number, length: number): number
  /** Makes `to` (empty) hold what `from` holds, `size` bytes: FICLONE, else SEEK_DATA/SEEK_HOLE with copy_file_range,
   * else read and write; holes stay holes; ends with ftruncate(size) where the copy does not end there. Returns the
   * bytes of data copied (0 when cloned). */
  copyContent(from: number, to: number, size: number): number
  /** `copyContent` on a thread of its own, followed by fsync where `sync`; adds one to the eventfd `wakeFd` when it is
   * done. The descriptors stay the caller's and must stay open until it has ended. Returns the copy's number (> 0). */
  startCopy(from: number, to: number, size: number, sync: boolean, wakeFd: number): number
  /** The result of a copy, as of `copyContent`, and its end; -EINPROGRESS while it is under way. */
  endCopy(id: number): number
  /** Ends a copy wherever it is, within one call of the kernel, and waits for that. */
  cancelCopy(id: number): number
  /** FICLONE: makes `to` hold what `from` holds; -EOPNOTSUPP, -EXDEV and others where that cannot be. */
  cloneContent(from: number, to: number): number
  /** Begins to fill the file `to`, which has the size `size`, with what `from` holds, on a thread of its own, ending
   * with fsync where `sync`; adds one to the eventfd `wakeFd` then. Until `endFill`, READ and WRITE by a device, and
   * `pread`, `pwrite`, `ftruncate`, `fallocate` and `lseek` on the number `to`, see the file as if it were there. What
   * is written is kept, what has not been copied is read from `from`. `copyFileRange` is -EXDEV. `from` may be closed.
   */
  startFill(
    from: number,
    to: number,
    size: number,
    sync: boolean,
    wakeFd: number,
    keep: number,
    resumed: boolean,
  ): number
  /** 0: all of it is there; -EINPROGRESS; or why it stopped. `hurry`: somebody waits, and what has stopped goes on. */
  fillState(to: number, hurry: boolean): number
  /** As `fillState`, once the copier has ended. */
  waitFill(to: number): number
  /** From now on the number `to` is a descriptor like others; what is still to be copied is not. */
  endFill(to: number): number
  /** The file's times have been changed: mtime as for `utimensat`. */
  fillTouch(to: number, mtime: number, mtimeNs: number): number
  /** Fills six numbers: mtime and ctime with nanoseconds, as the file has them by all but the copier; the blocks of 512
   * bytes of `from`; the bytes that were copied. */
  fillShown(to: number, into: Float64Array): number
  /** Begins, on a thread of its own, a file without a name in the directory `work` that is as the regular file `name`
   * in `directory` (of `limit` bytes at most): content, owner, mode, times, security label, with `origin` as its
   * attribute `mark`, and fsynced where `sync`. Returns its number (> 0). What has other attributes is not made. */
  startPrefetchCopy(
    directory: number,
    name: string,
    work: number,
    mark: string,
    origin: Uint8Array,
    limit: number,
    sync: boolean,
  ): number
  /** The descriptor of such a file, now the caller's, waiting while it is being made; or why there is none: -EAGAIN
   * where nobody had begun it (and nobody will), -ENOENT a second after it was made, for it is let go of then. */
  takePrefetchCopy(id: number): number
  /** Lets go of one; `wait`: until nobody works on it. */
  dropPrefetchCopy(id: number, wait: boolean): number
  /** Has the directory at `path` below a layer's `root` read on a thread of its own, with the inodes of up to `entries`
   * of what is in it, so that they are in the kernel's memory. -EAGAIN where too much is waiting. `root` stays open
   * until `stopWarming`. */
  prefetchDirectory(root: number, path: string, entries: number): number
  /** Forgets what of that has not begun, and waits for the rest. */
  stopWarming(): number
  /** Blocks of 512 bytes that this thread has had read from disks; `all`: and those threads, too. */
  diskBlocksRead(all: boolean): number
  /** flock(2) operation bits. */
  flock(fd: number, operation: number): number
  /** 1 while anybody has the file `fd` (opened to be read) open for writing, or mapped so, else 0; by a read lease. */
  hasWriters(fd: number): number
  /** 1 where nobody else has the file `fd` open or mapped, else 0; by a write lease. */
  isAlone(fd: number): number

  // ---- the caller's identity ----------------------------------------------------------------------------------
  /** Once per engine thread: unshare(CLONE_FS), umask 0, SECBIT_NO_SETUID_FIXUP where permitted (so that a change of
   * fsuid keeps capabilities, as kernel overlayfs's credentials do). Returns bits: 1 umask is private, 2 capabilities
   * are kept, 4 fsuid can be changed. */
  enterEngineThread(): number
  /** setfsgid, setfsuid and umask of this thread; calls made only for what differs from before. */
  become(uid: number, gid: number, umask: number): number
  /** Gives this thread the nice value `by` (0 to 19): it gets less of the processors where others want them. */
  stepBack(by: number): number
  /** Gives back to the kernel what the C library keeps for later, of all threads: 1 where there was any, else 0. */
  trimMemory(): number

  // ---- mounting -----------------------------------------------------------------------------------------------
  /**
   * open_tree(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) of one mount, then mount_setattr with these MOUNT_ATTR_* bits set.
   */
  cloneMount(path: string, attributes: number): number
  /** mount(2). */
  mount(source: string, target: string, type: string, flags: number, data: string): number
  /** umount2(2); MNT_DETACH 2, UMOUNT_NOFOLLOW 8. */
  umount(target: string, flags: number): number
  /** fsopen(2): a filesystem to be configured; close-on-exec, as is what `fsmount` returns. */
  fsopen(type: string): number
  /** fsconfig(2): `command` FSCONFIG_*; an empty `key` or `value` is none. */
  fsconfig(fd: number, command: number, key: string, value: string, aux: number): number
  /** fsmount(2): the mount, attached nowhere; MOUNT_ATTR_*. */
  fsmount(fd: number, attributes: number): number
  /** move_mount(2): attaches what `fsmount` returned on `target`. */
  moveMount(fd: number, target: string): number
  /** The next thing that the kernel has to say about a configuration: `e TEXT`, `w TEXT` or `i TEXT`; '' at the end. */
  fsMessage(fd: number): string
  /** Runs `program` (fusermount3) with `-o options -- target`, _FUSE_COMMFD set, and receives the /dev/fuse
   * descriptor; what the program printed on standard error when it failed is the string. */
  fusermount(program: string, options: string, target: string): number | string
  /** Sends `text` as one datagram to the unix socket `path`, or to the abstract one where it begins with `@`; the
   * number of bytes. It may wait while the receiver's queue is full. */
  notify(path: string, text: string): number
  /** syncfs(2) beside this thread: a promise of 0 or -errno. `fd` must stay open until then. */
  syncfsBeside(fd: number): Promise<number>
  /** An epoll(7) descriptor, or -errno. */
  epollCreate(): number
  /** Waits for `fd` to be readable, level-triggered, from now on. `key`, not negative, comes back from epollWait. */
  epollAdd(epoll: number, fd: number, key: number): number
  epollRemove(epoll: number, fd: number): number
  /** The key of a descriptor that is ready; -ETIMEDOUT where none was within so many milliseconds (-1: for ever). */
  epollWait(epoll: number, milliseconds: number): number
  /** 1 when the eventfd `fd` had been signalled, else 0; resets it. */
  drainEvent(fd: number): number
  /** `PID UID GID` of the process that connected the unix socket `fd`, as they were then; or -errno. */
  peerOf(fd: number): string | number
  /** A pidfd of the process that connected the unix socket `fd`, or -errno (ENOPROTOOPT before Linux 6.5). */
  peerPidfd(fd: number): number
  /** 1 while the process of `pidfd` runs, else 0. */
  isRunning(pidfd: number): number
  /**
   * Makes room for `count` descriptors in the process's table at once: growing it later waits for every other thread.
   */
  reserveDescriptors(count: number): number
  /** eventfd(2), non-blocking, close-on-exec. */
  eventfd(): number
  /** Adds one to an eventfd. Any thread may call it. */
  signalEvent(fd: number): number
  /** 1 where the effective capability set has bit `capability` (CAP_SYS_ADMIN 21), else 0; of the calling thread. */
  hasCapability(capability: number): number

  // ---- what an upper takes up -----------------------------------------------------------------------------------
  // A usage is a table of inodes and their blocks, called by a number, of the thread that opened it. `inoLow`,
  // `inoHigh` and `sectors` as a stat record has them.
  /** A new usage. `file` (-1: none) gets, at byte 24, two doubles: no more bytes and inodes than these are there. */
  usageOpen(file: number): number
  usageClose(id: number): number
  /** 0: no limit. */
  usageLimit(id: number, bytes: number, inodes: number): number
  /** 1, with the bytes promised, where so much more does not exceed the limits; else 0. */
  usageTake(id: number, bytes: number, inodes: number): number
  usageSet(id: number, inoLow: number, inoHigh: number, sectors: number): number
  usageDrop(id: number, inoLow: number, inoHigh: number): number
  /** A place counts as it is now (a device 0:0 does not count); the number of its links. */
  usageNote(id: number, fd: number, name: string): number
  /** The inode of `fd`, which is about to be closed, counts no more where it has no name. */
  usageFreed(id: number, fd: number): number
  /** Every change has been counted: nothing is promised any more. */
  usageSettled(id: number): number
  /** Fills `into`: bytes, inodes, inodes in the table. */
  usageTotals(id: number, into: Float64Array): number
  /** Fills `into` with inoLow, inoHigh and sectors of each inode; how many there are. */
  usageEntries(id: number, into: Float64Array): number
  usageLoad(id: number, from: Float64Array): number
  /** So much is there that the table does not know, at most; Infinity: nobody knows. */
  usageGuess(id: number, bytes: number, inodes: number): number
  /** How much of a write of `length` bytes at `offset` does not exceed the limit. */
  usageFits(id: number, fd: number, offset: number, length: number): number
  /** Counts what `upper`, `index` and the snapshots in `store` (or -1) hold, on a thread that signals `wakeFd` at its
   * end; here where that is -1. */
  usageWalk(id: number, upper: number, index: number, store: number, wakeFd: number): number
  /** How many entries a walk has seen; -ENOENT: there is none. */
  usageSeen(id: number): number
  /** 0: the walk has ended, and its count holds; -EINPROGRESS; -ENOENT: there is none; -EAGAIN: the tree was changed
   * under it; another error. After all but -EINPROGRESS there is none any more. `cancel`: ends it. */
  usageWalked(id: number, cancel: boolean): number
  // ---- what outlives the process ------------------------------------------------------------------------------
  /** memfd_create(2). */
  memfd(): number
  /** `length` bytes of a memfd from `offset` on (whole pages), which grows to hold them; -EFBIG where the process has a
   * limit of file sizes; -errno. */
  mapShared(fd: number, offset: number, length: number): ArrayBuffer | number
  /** Two connected unix sockets into `pair`: of messages that stay apart (SEQPACKET, with much room), or a stream. */
  socketPair(messages: boolean, pair: Int32Array): number
  /** Sends bytes with up to 8 descriptors, never waiting; the number of bytes, or -errno (-EAGAIN: no room). */
  sendFds(socket: number, bytes: Uint8Array, fds: Int32Array): number
  /**
   * Receives bytes and descriptors, which are the caller's then: `fds[0]` is their number, they follow (9 in all).
   * `peek`: the message stays where it is. `wait`: until there is one. The number of bytes, 0 at the end, or -errno.
   * An empty `fds`: descriptors that come along are let go of.
   */
  receiveFds(socket: number, bytes: Uint8Array, fds: Int32Array, peek: boolean, wait: boolean): number
  /** Starts the process that keeps descriptors open when this one dies (guard.cc), where there is none. 0, -errno. */
  startGuard(): number
  /**
   * `fd`, which stays open until `unguard`, outlives this process: it is sent into `socket` then, with the nodeid. The
   * number of its place, or -1: there is no guard, or no room.
   */
  guardFd(socket: number, nodeid: number, fd: number): number
  unguard(place: number): number
  /** The number of what `tellSlot` writes to: the state's header, its counts to take back (journal.ts); or -errno. */
  openLedger(header: Uint8Array, log: Uint8Array): number
  closeLedger(ledger: number): number
  /** The `at`th chunk of slots (slots.ts). */
  addChunk(ledger: number, at: number, chunk: Uint8Array): number
  /**
   * The kernel is about to be told of a node the `lookups`-th time, which is noted to be taken back. With `id` 0 that
   * is all; else the slot is written, of which the name has to fit (24 bytes).
   */
  tellSlot(
    ledger: number,
    slot: number,
    id: number,
    parent: number,
    ino: number,
    flags: number,
    lookups: number,
    name: string,
  ): number
  /** Writes a slot of the state (src/union/state/slots.ts) into a chunk of slots; the nodeid comes last. 0, -errno. */
  writeSlot(
    chunk: Uint8Array,
    index: number,
    id: number,
    parent: number,
    ino: number,
    flags: number,
    lookups: number,
    opens: number,
    writers: number,
    backing: number,
    next: number,
    sequence: number,
    name: string,
  ): number

  // ---- the FUSE device ----------------------------------------------------------------------------------------
  readonly Device: DeviceConstructor
}

export interface DeviceConstructor {
  /** Takes over `fd` (an open /dev/fuse). `bufferBytes`: size of the request buffer (max_write + 4096 at least). */
  new (fd: number, wakeFd: number, bufferBytes: number): Device
  /** With the buffers of `sibling`: both are served by one thread, one request at a time. */
  new (fd: number, wakeFd: number, bufferBytes: number, sibling: Device): Device
  /** Requests are read into `request` (1 MiB + 4096 bytes at least), which a later process can look at. */
  new (fd: number, wakeFd: number, bufferBytes: number, sibling: Device | null, request: ArrayBuffer): Device
}

/**
 * One connection. `request` and `reply` are the two buffers that cross the boundary; they stay the same for ever.
 * READ (15) and WRITE (16) for a nodeid that is bound are served inside `next` without returning to JavaScript,
 * unless `direct(false)` was called (tracing, tests).
 */
export interface Device {
  readonly request: ArrayBuffer
  readonly reply: ArrayBuffer
  /** Counters, updated in place: 0 reads served, 1 bytes read, 2 writes served, 3 bytes written, 4 requests read, 5
   * failed replies, 6 times that idle processors were kept from halting. */
  readonly counters: Float64Array
  /**
   * Writes the first `replyBytes` bytes of `reply` to the device (0: nothing to write), then waits for and reads the
   * next request into `request`. Returns its length in bytes; 0 when `wakeFd` was signalled (it has been reset);
   * -ENODEV when unmounted; another -errno when the device failed. ENOENT (request interrupted) and EINTR, EAGAIN are
   * handled inside. A reply refused by the kernel with ENOENT (its request was aborted) is not an error.
   */
  next(replyBytes: number): number
  /** Writes the first `replyBytes` bytes of `reply`, without reading. */
  send(replyBytes: number): number
  /** Reads a request that is there already: its length, -EAGAIN where there is none, or another -errno as of `next`. */
  take(): number
  /**
   * FUSE_NOTIFY_RESEND (Linux 6.9): whatever was read from this connection and not answered comes again, before all
   * else, with bit 63 of its unique set. 0, or -errno (-EINVAL: the kernel knows no such thing).
   */
  resend(): number
  /**
   * READs of `nodeid` are answered from `fd`, and WRITEs too where `writable`. Binding again replaces. The descriptor
   * stays the caller's: it must outlive the binding. A WRITE flagged FUSE_WRITE_KILL_SUIDGID (4) clears setuid, and
   * setgid where group-executable, before data is written.
   */
  bind(nodeid: number, fd: number, writable: boolean): void
  unbind(nodeid: number): void
  /** 1 when the binding has served anything since it was made or since this was last asked, else 0. */
  used(nodeid: number): number
  /** 1 when a WRITE was served by the binding since that was last asked, else 0. */
  changed(nodeid: number): number
  direct(enabled: boolean): void
  /** FUSE_DEV_IOC_BACKING_OPEN: a backing id (> 0) for the file `fd` (O_PATH is enough), which may be closed then. */
  openBacking(fd: number): number
  /** FUSE_DEV_IOC_BACKING_CLOSE. */
  closeBacking(id: number): number
  /** FUSE_NOTIFY_INVAL_INODE without a range: the kernel asks for `nodeid`'s attributes again. Waits for nothing: it
   * takes no lock that a request in hand could hold, so the serving thread may call it. -ENOENT where the kernel does
   * not know it. */
  forgetAttributes(nodeid: number): number
  /**
   * FUSE_NOTIFY_STORE: puts the first `size` bytes of the file `fd`, which are to be all, into the page cache of
   * `nodeid`; 0 or -errno (ENODATA: there are fewer). It waits for the locks of those pages: nobody may be reading them
   * by a request.
   */
  storeContent(nodeid: number, fd: number, size: number): number
  /**
   * After the next reply has been written the content of the regular file (dirFd, name) is read ahead
   * (POSIX_FADV_WILLNEED), without waiting for it and whatever comes of it. The descriptor must live until then.
   */
  readAhead(dirFd: number, name: string): void
  /**
   * From now on idle processors are kept from halting (PM QoS, latency 0) while requests follow each other closely.
   * Takes over `fd`, /dev/cpu_dma_latency opened for writing.
   */
  keepAwake(fd: number): void
  /**
   * The thread serves others, too: from now on `next` returns 0 when another descriptor of `epoll` than the one added
   * as `key` is ready, which is left as it is, and `wakeFd` is not looked at.
   */
  share(epoll: number, key: number): void
  /** WRITEs served here take from the usage `id` of this thread (-1: of none); one that may not fit is not served. */
  count(id: number): void
  /** What was written here is counted. */
  settleWritten(): void
  /**
   * fsync(2), or fdatasync(2), of `fd` for the request in hand: 0 or -errno. -65537: its reply is written by another
   * thread when the disk is done, and `fd` may be closed. `alone`: nobody else is served by the thread; if the last one
   * was quick it is done at once, as with `direct(false)`.
   */
  sync(fd: number, dataOnly: boolean, alone: boolean): number
  /** For a READ that came to JavaScript: preads into `reply` after the 16-byte header; bytes or -errno. */
  readInto(fd: number, length: number, offset: number): number
  /**
   * For a WRITE that came to JavaScript: pwrites `length` bytes of `request` from `at`; bytes or -errno. `killSuid` as
   * above.
   */
  writeFrom(fd: number, at: number, length: number, offset: number, killSuid: boolean): number
  close(): void
}
