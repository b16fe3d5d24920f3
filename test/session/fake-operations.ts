/**
 * An engine for tests of the session: records every call, and answers what the test has set. Its defaults are plausible
 * successes, so that a test states only what it is about.
 */
import type { Attr, DataTerms, EntrySink, FsStat, Opened, Operations, SetAttr } from '../../src/operations/contract.js'

interface FakeEntry {
  readonly name: string
  readonly nodeid: number
}

/** A method's name and its arguments, as called. */
export type Call = readonly [string, ...unknown[]]

const noTimes = { atime: 0, atimeNs: 0, mtime: 0, mtimeNs: 0, ctime: 0, ctimeNs: 0, btime: 0, btimeNs: 0 }
const noDevice = { rdevMajor: 0, rdevMinor: 0 }

export class FakeOperations implements Operations {
  readonly attr: Attr = {
    ...noTimes,
    ...noDevice,
    lasting: true,
    ino: 77,
    mode: 0o100644,
    nlink: 1,
    uid: 1,
    gid: 2,
    size: 3,
    sizeLow: 0,
    blocks: 8,
    blksize: 4096,
  }
  readonly opened: Opened = { fh: 5, flags: 2, backing: 0 }
  readonly fsstat: FsStat = {
    bsize: 4096,
    frsize: 4096,
    blocks: 100,
    bfree: 50,
    bavail: 40,
    files: 10,
    ffree: 5,
    namelen: 255,
  }
  readonly calls: Call[] = []
  /** What a method answers in place of its default; a function may throw. */
  readonly answers: Partial<Record<keyof Operations, () => unknown>> = {}
  entries: FakeEntry[] = []

  #say<T>(method: keyof Operations, usual: T, ...args: unknown[]): T {
    this.calls.push([
      method,
      ...args.map((arg) => (typeof arg === 'object' && arg !== null ? structuredClone(arg) : arg)),
    ])
    const answer = this.answers[method]
    return answer === undefined ? usual : (answer() as T)
  }

  /** What INIT agreed on; no message asks for it, so it is not among the calls. */
  begun: DataTerms | null = null
  begin = (terms: DataTerms) => {
    this.begun = terms
  }

  lookup = (...args: unknown[]) => this.#say('lookup', 9, ...args)
  forget = (...args: unknown[]) => {
    this.#say('forget', 0, ...args)
  }
  getattr = (...args: unknown[]) => this.#say('getattr', 0, ...args)
  setattr = (nodeid: number, changes: SetAttr) => this.#say('setattr', 0, nodeid, changes)
  readlink = (...args: unknown[]) => this.#say<string | number>('readlink', '../caf\xe9', ...args)
  symlink = (...args: unknown[]) => this.#say('symlink', 10, ...args)
  mknod = (...args: unknown[]) => this.#say('mknod', 11, ...args)
  mkdir = (...args: unknown[]) => this.#say('mkdir', 12, ...args)
  link = (...args: unknown[]) => this.#say('link', 13, ...args)
  unlink = (...args: unknown[]) => this.#say('unlink', 0, ...args)
  rmdir = (...args: unknown[]) => this.#say('rmdir', 0, ...args)
  rename = (...args: unknown[]) => this.#say('rename', 0, ...args)
  open = (...args: unknown[]) => this.#say('open', 0, ...args)
  create = (...args: unknown[]) => this.#say('create', 14, ...args)
  tmpfile = (...args: unknown[]) => this.#say('tmpfile', 15, ...args)
  release = (...args: unknown[]) => this.#say('release', 0, ...args)
  read: Operations['read'] = (nodeid, length, offset, port) => {
    this.#say('read', 0, nodeid, length, offset)
    return this.answers.read === undefined ? port.read(99, length, offset) : this.#say('read', 0)
  }
  write: Operations['write'] = (nodeid, length, offset, killSuid, port) => {
    this.#say('write', 0, nodeid, length, offset, killSuid)
    return this.answers.write === undefined ? port.write(99, length, offset, killSuid) : this.#say('write', 0)
  }
  fsync = (...args: unknown[]) => this.#say('fsync', 0, ...args)
  fsyncdir = (...args: unknown[]) => this.#say('fsyncdir', 0, ...args)
  fallocate = (...args: unknown[]) => this.#say('fallocate', 0, ...args)
  lseek = (...args: unknown[]) => this.#say('lseek', 2 ** 40, ...args)
  copyFileRange = (...args: unknown[]) => this.#say('copyFileRange', 4096, ...args)
  readdir = (nodeid: number, offset: number, plus: boolean, sink: EntrySink): number => {
    for (const [i, { name, nodeid: node }] of this.entries.entries()) {
      if (i < offset) continue
      if (!sink.add(name, i + 1, 100 + i, 8, plus ? node : 0)) break
    }
    return this.#say('readdir', 0, nodeid, offset, plus)
  }
  statfs = (...args: unknown[]) => this.#say('statfs', 0, ...args)
  getxattr = (...args: unknown[]) => this.#say<Uint8Array | number>('getxattr', Buffer.from('value'), ...args)
  setxattr = (...args: unknown[]) => this.#say('setxattr', 0, ...args)
  listxattr = (...args: unknown[]) => this.#say<string[] | number>('listxattr', ['user.a', 'user.b'], ...args)
  removexattr = (...args: unknown[]) => this.#say('removexattr', 0, ...args)
  getFlags = (...args: unknown[]) => this.#say('getFlags', 0x10, ...args)
  setFlags = (...args: unknown[]) => this.#say('setFlags', 0, ...args)
}
