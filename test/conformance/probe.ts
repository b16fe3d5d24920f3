/**
 * The syscall probe (probe/*.c) as methods: one per system call, named as the call, each run to its end. Paths and data
 * are latin1 strings, one character per byte. A call that fails throws CallFailed with the error's name.
 */
import { CallFailed, Channel } from './channel.js'
import { AT_START, O, S } from './numbers.js'

export { CallFailed } from './channel.js'

/** What statx tells: times in nanoseconds since 1970; `ino` as text because it may exceed 2^53. */
export interface Stat {
  readonly type: 'file' | 'dir' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket'
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: readonly [number, number]
  readonly size: number
  readonly blocks: number
  readonly ino: string
  readonly dev: string
  readonly atime: bigint
  readonly mtime: bigint
  readonly ctime: bigint
  readonly btime: bigint
  readonly mask: number
}

interface FsStat {
  readonly type: number
  readonly bsize: number
  readonly blocks: number
  readonly bfree: number
  readonly files: number
  readonly namelen: number
}

interface Entry {
  readonly name: string
  /** DT_*. */
  readonly type: number
  readonly ino: string
}

const TYPES: Record<number, Stat['type']> = {
  [S.IFREG]: 'file',
  [S.IFDIR]: 'dir',
  [S.IFLNK]: 'symlink',
  [S.IFCHR]: 'char',
  [S.IFBLK]: 'block',
  [S.IFIFO]: 'fifo',
  [S.IFSOCK]: 'socket',
}

/** One running probe. */
export class Probe extends Channel {
  /** The answer's first word. */
  #text(command: string, ...parameters: (string | number | bigint)[]): string {
    return this.call(command, ...parameters)[0]!
  }
  #number(command: string, ...parameters: (string | number | bigint)[]): number {
    return Number(this.call(command, ...parameters)[0])
  }

  // ---- the probe itself
  enter(path: string): void {
    this.call('enter', path)
  }
  pid(): number {
    return this.#number('pid')
  }
  umask(mask: number): void {
    this.call('umask', mask)
  }
  /** Runs `act` with these effective ids, and of `group` besides, then goes back to root. */
  as<T>(uid: number, gid: number, act: () => T, group = -1): T {
    this.call('become', uid, gid, group)
    try {
      return act()
    } finally {
      this.call('become', 0, 0, -1)
    }
  }
  /** A program's exit status. */
  run(path: string, argument: string): number {
    return this.#number('run', path, argument)
  }

  // ---- names
  mkdir(path: string, mode = 0o777): void {
    this.call('mkdir', path, mode)
  }
  rmdir(path: string): void {
    this.call('rmdir', path)
  }
  unlink(path: string): void {
    this.call('unlink', path)
  }
  rename(from: string, to: string, flags = 0): void {
    this.call('rename', from, to, flags)
  }
  link(from: string, to: string): void {
    this.call('link', from, to)
  }
  linkfd(fd: number, to: string): void {
    this.call('linkfd', fd, to)
  }
  symlink(target: string, path: string): void {
    this.call('symlink', target, path)
  }
  readlink(path: string): string {
    return this.#text('readlink', path)
  }
  mknod(path: string, mode: number, major = 0, minor = 0): void {
    this.call('mknod', path, mode, major, minor)
  }
  /** A listening unix socket bound to `path`; its descriptor. */
  bind(path: string): number {
    return this.#number('bind', path)
  }
  connect(path: string): void {
    this.call('connect', path)
  }

  // ---- attributes
  stat(path: string): Stat {
    return toStat(this.call('stat', path))
  }
  fstat(fd: number): Stat {
    return toStat(this.call('fstat', fd))
  }
  /** The mtime, and no other attribute asked for. */
  mtime(path: string): bigint {
    return BigInt(this.#text('mtime', path))
  }
  exists(path: string): boolean {
    try {
      this.stat(path)
      return true
    } catch (error) {
      if (error instanceof CallFailed && error.code === 'ENOENT') return false
      throw error
    }
  }
  chmod(path: string, mode: number): void {
    this.call('chmod', path, mode)
  }
  fchmod(fd: number, mode: number): void {
    this.call('fchmod', fd, mode)
  }
  /** lchown; -1 leaves one as it is. */
  chown(path: string, uid: number, gid: number): void {
    this.call('chown', path, uid, gid)
  }
  /** Nanoseconds since 1970. */
  utimes(path: string, atime: bigint | 'now' | 'omit', mtime: bigint | 'now' | 'omit'): void {
    this.call('utimes', path, atime, mtime)
  }
  truncate(path: string, size: number): void {
    this.call('truncate', path, size)
  }
  getxattr(path: string, name: string): string {
    return this.#text('getxattr', path, name)
  }
  setxattr(path: string, name: string, value: string, flags = 0): void {
    this.call('setxattr', path, name, value, flags)
  }
  /** Sorted. */
  listxattr(path: string): string[] {
    return this.call('listxattr', path).sort()
  }
  xattrsize(path: string, name: string, room: number): number {
    return this.#number('xattrsize', path, name, room)
  }
  removexattr(path: string, name: string): void {
    this.call('removexattr', path, name)
  }
  getflags(path: string): number {
    return this.#number('getflags', path)
  }
  setflags(path: string, flags: number): void {
    this.call('setflags', path, flags)
  }
  statfs(path: string): FsStat {
    const [type = 0, bsize = 0, blocks = 0, bfree = 0, files = 0, namelen = 0] = this.call('statfs', path).map(Number)
    return { type, bsize, blocks, bfree, files, namelen }
  }
  access(path: string, mode: number): void {
    this.call('access', path, mode)
  }

  // ---- data
  /** `flags`: O.* or'ed. */
  open(path: string, flags: number = O.RDONLY, mode = 0o666): number {
    return this.#number('open', path, flags, mode)
  }
  shut(fd: number): void {
    this.call('close', fd)
  }
  /** Runs `act` with an open descriptor. */
  with<T>(path: string, flags: number, act: (fd: number) => T, mode = 0o666): T {
    const fd = this.open(path, flags, mode)
    try {
      return act(fd)
    } finally {
      this.shut(fd)
    }
  }
  /** Up to `length` bytes from `offset`; -1 reads at the descriptor's own position. */
  pread(fd: number, offset = AT_START, length = 1 << 16): string {
    return this.#text('read', fd, offset, length)
  }
  pwrite(fd: number, offset: number, data: string): number {
    return this.#number('write', fd, offset, data)
  }
  /** `length` bytes of a pattern that depends on place and seed. */
  fill(fd: number, offset: number, length: number, seed: number): void {
    this.call('fill', fd, offset, length, seed)
  }
  /** The whole file. */
  read(path: string): string {
    return this.with(path, O.RDONLY, (fd) => this.pread(fd))
  }
  /** Creates or truncates. */
  write(path: string, data: string, mode = 0o666): void {
    this.with(path, O.WRONLY | O.CREAT | O.TRUNC, (fd) => this.pwrite(fd, -1, data), mode)
  }
  append(path: string, data: string): void {
    this.with(path, O.WRONLY | O.APPEND, (fd) => this.pwrite(fd, -1, data))
  }
  ftruncate(fd: number, size: number): void {
    this.call('ftruncate', fd, size)
  }
  fsync(fd: number): void {
    this.call('fsync', fd)
  }
  fallocate(fd: number, mode: number, offset: number, length: number): void {
    this.call('fallocate', fd, mode, offset, length)
  }
  lseek(fd: number, offset: number, whence: number): number {
    return this.#number('lseek', fd, offset, whence)
  }
  copyFileRange(from: number, fromOffset: number, to: number, toOffset: number, length: number): number {
    return this.#number('copyrange', from, fromOffset, to, toOffset, length)
  }
  flock(fd: number, operation: number): void {
    this.call('flock', fd, operation)
  }
  setlk(fd: number, type: number, start = 0, length = 0): void {
    this.call('setlk', fd, type, start, length)
  }
  ofdlk(fd: number, type: number, start = 0, length = 0): void {
    this.call('ofdlk', fd, type, start, length)
  }
  /** Another process tries a record lock on `path`. */
  rivallk(path: string, type: number, start = 0, length = 0): void {
    this.call('rivallk', path, type, start, length)
  }
  mmap(fd: number, length: number, kind: 'shared' | 'private', writable = false): number {
    return this.#number('mmap', fd, length, kind === 'shared' ? 1 : 0, writable ? 1 : 0)
  }
  mapread(slot: number, offset: number, length: number): string {
    return this.#text('mapread', slot, offset, length)
  }
  mapwrite(slot: number, offset: number, data: string): void {
    this.call('mapwrite', slot, offset, data)
  }
  msync(slot: number): void {
    this.call('msync', slot)
  }
  munmap(slot: number): void {
    this.call('munmap', slot)
  }

  // ---- trees
  /** In the filesystem's order, with `.` and `..`. */
  list(path: string): Entry[] {
    const tokens = this.call('list', path)
    const entries: Entry[] = []
    for (let i = 0; i < tokens.length; i += 3)
      entries.push({ name: tokens[i]!, type: Number(tokens[i + 1]), ino: tokens[i + 2]! })
    return entries
  }
  /** Sorted, without `.` and `..`; a name listed twice stays twice. */
  names(path: string): string[] {
    return this.list(path)
      .map((entry) => entry.name)
      .filter((name) => name !== '.' && name !== '..')
      .sort()
  }
  /** One getdents64 with a small buffer; names with the offset that follows each. */
  getdents(fd: number, room: number): { name: string; next: bigint }[] {
    const tokens = this.call('getdents', fd, room)
    const entries = []
    for (let i = 0; i < tokens.length; i += 2) entries.push({ name: tokens[i]!, next: BigInt(tokens[i + 1]!) })
    return entries
  }
  touchmany(directory: string, prefix: string, count: number): void {
    this.call('touchmany', directory, prefix, count)
  }
  /** Of the content. */
  hash(path: string): string {
    return this.#text('hash', path)
  }
  removetree(path: string): void {
    this.call('removetree', path)
  }
}

function toStat(tokens: string[]): Stat {
  const at = (token: number): number => Number(tokens[token])
  const time = (token: number): bigint => BigInt(tokens[token]!)
  const sizes = { nlink: at(1), uid: at(2), gid: at(3), size: at(6), blocks: at(7), ino: tokens[8]!, dev: tokens[9]! }
  const times = { atime: time(10), mtime: time(11), ctime: time(12), btime: time(13) }
  const type = TYPES[at(0) & S.IFMT]!
  return { type, mode: at(0) & 0o7777, rdev: [at(4), at(5)], mask: at(14), ...sizes, ...times }
}
