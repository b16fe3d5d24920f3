/**
 * Layers to try the engine on: two lowers made once per filesystem, and for each run an empty upper and workdir beside
 * them. Every file has an owner, a mode and a time to the nanosecond that a careless copy would lose, and all times lie
 * years back, so that a time of the test's own is told from one that should have been kept.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AT_FDCWD, S_IFCHR, S_IFIFO } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import { check, fingerprint } from './fingerprint.js'

const OLD = 1_000_000_000

export const filesystems = { disk: tmpdir(), tmpfs: '/dev/shm' } as const
export type FilesystemName = keyof typeof filesystems

/**
 * A default ACL that gives user 1000 and group 1002 rights: u:: rwx, u:1000 rw-, g:: r-x, g:1002 rwx, mask rwx, o::
 * r-x.
 */
const DEFAULT_ACL = aclOf([
  [0x01, 7, 0xffffffff],
  [0x02, 6, 1000],
  [0x04, 5, 0xffffffff],
  [0x08, 7, 1002],
  [0x10, 7, 0xffffffff],
  [0x20, 5, 0xffffffff],
])

/** posix_acl_xattr: u32 version 2 @0 · then u16 tag · u16 perm · u32 id each. */
export function aclOf(entries: readonly (readonly [tag: number, permissions: number, id: number])[]): Uint8Array {
  const bytes = new Uint8Array(4 + 8 * entries.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 2, true)
  entries.forEach(([tag, permissions, id], i) => {
    view.setUint16(4 + 8 * i, tag, true)
    view.setUint16(6 + 8 * i, permissions, true)
    view.setUint32(8 + 8 * i, id, true)
  })
  return bytes
}

let serial = 0

/** Gives `path` an owner, mode and time of its own. */
function dress(path: string, mode: number, uid: number, gid: number): void {
  check(native.chownat(AT_FDCWD, path, uid, gid), path)
  if (mode >= 0) check(native.chmodat(AT_FDCWD, path, mode), path)
  stamp(path)
}

function stamp(path: string): void {
  const at = OLD + ++serial
  check(native.utimensat(AT_FDCWD, path, at, serial * 1_000_003, at, 123_456_000 + serial), path)
}

/** Makes one layer by hand. Directories are stamped at the end, innermost first. */
class LayerMaker {
  readonly #directories: [string, number, number, number][] = []

  constructor(private readonly root: string) {
    this.directory('', 0o755, 0, 0)
  }

  directory(path: string, mode = 0o755, uid = 0, gid = 0): void {
    mkdirSync(join(this.root, path), { recursive: true })
    this.#directories.push([join(this.root, path), mode, uid, gid])
  }

  file(path: string, content: string, mode = 0o640, uid = 1000, gid = 1001): void {
    writeFileSync(join(this.root, path), content, 'latin1')
    dress(join(this.root, path), mode, uid, gid)
  }

  attribute(path: string, name: string, value: string | Uint8Array): void {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
    check(native.setxattr(AT_FDCWD, join(this.root, path), name, bytes, 0), `${path} ${name}`)
  }

  symlink(path: string, target: string): void {
    check(native.symlinkat(target, AT_FDCWD, join(this.root, path)), path)
    dress(join(this.root, path), -1, 1003, 1004)
  }

  node(path: string, mode: number, major: number, minor: number): void {
    check(native.mknodat(AT_FDCWD, join(this.root, path), mode, major, minor), path)
    dress(join(this.root, path), mode & 0o7777, 1000, 1001)
  }

  link(path: string, to: string): void {
    check(native.linkat(AT_FDCWD, join(this.root, path), AT_FDCWD, join(this.root, to)), to)
  }

  finish(): void {
    for (const [path, mode, uid, gid] of this.#directories.reverse()) dress(path, mode, uid, gid)
  }
}

/** The lower at the bottom: one of everything. */
function makeBottom(root: string): void {
  const l = new LayerMaker(root)
  l.file('file', 'bottom file\n')
  l.attribute('file', 'user.kept', 'yes')
  l.file('setuid', 'program\n', 0o4755, 0, 1001)
  // A VFS_CAP_REVISION_2 value: cap_net_raw+ep.
  l.attribute('setuid', 'security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex'))
  stamp(join(root, 'setuid'))
  l.file('large', `${'0123456789abcdef'.repeat(1024)}${'\0'.repeat(65536)}tail`, 0o600, 5, 6)
  l.symlink('symlink', '../elsewhere\xff')
  l.node('fifo', S_IFIFO | 0o624, 0, 0)
  l.node('null', S_IFCHR | 0o666, 1, 3)
  for (const name of ['goner', 'gone2', 'other', 'shadow']) l.file(name, `${name} below\n`)
  l.directory('a', 0o2751, 7, 8)
  l.directory('a/b', 0o1777, 9, 10)
  l.directory('a/b/c', 0o700, 11, 12)
  l.attribute('a/b/c', 'user.chain', 'c')
  l.attribute('a/b/c', 'trusted.admin', 'c')
  l.file('a/b/c/deep', 'deep\n', 0o604, 13, 14)
  l.directory('dir', 0o751, 20, 21)
  l.file('dir/x', 'x\n')
  l.directory('dir/sub', 0o711)
  l.file('dir/sub/z', 'z\n')
  l.directory('merge')
  l.file('merge/low', 'merge low\n')
  l.file('merge/both', 'merge both, bottom\n')
  l.directory('hollow', 0o750, 30, 31)
  for (const name of ['one', 'two']) l.file(`hollow/${name}`, name)
  l.directory('bare', 0o715, 32, 33)
  l.directory('hidden')
  l.file('hidden/old', 'old\n')
  l.directory('shared', 0o2775, 40, 1002)
  l.file('shared/gone', 'gone\n')
  l.file('shared/stays', 'stays\n')
  l.attribute('shared', 'system.posix_acl_default', DEFAULT_ACL)
  l.directory('links')
  l.file('links/one', 'hard links\n', 0o646, 50, 51)
  l.link('links/one', 'links/two')
  l.link('links/one', 'dir/three')
  l.finish()
}

/** The lower above it. */
function makeTop(root: string): void {
  const l = new LayerMaker(root)
  l.directory('merge', 0o753, 60, 61)
  l.file('merge/high', 'merge high\n')
  l.file('merge/both', 'merge both, top\n')
  l.node('shadow', S_IFCHR, 0, 0)
  l.directory('dir', 0o757, 22, 23)
  l.file('dir/y', 'y\n')
  l.directory('upmost', 0o705, 62, 63)
  l.file('upmost/file', 'upmost\n')
  l.finish()
}

/** The lowers on one filesystem, and room for uppers. `remove` at the end. */
export class Stack {
  readonly base: string
  readonly lowers: readonly string[]
  readonly #fingerprint: string
  #runs = 0

  constructor(filesystem: FilesystemName) {
    this.base = mkdtempSync(join(filesystems[filesystem], 'stratafs-engine-'))
    this.lowers = [join(this.base, 'top'), join(this.base, 'bottom')]
    try {
      makeTop(this.lowers[0]!)
      makeBottom(this.lowers[1]!)
    } catch (error) {
      this.remove()
      throw error
    }
    this.#fingerprint = this.#lowerState()
  }

  /** A new directory for one run, with an empty `upper` and `work`. */
  newRun(): Run {
    const path = join(this.base, `run${++this.#runs}`)
    for (const name of ['upper', 'work']) mkdirSync(join(path, name), { recursive: true })
    check(native.chmodat(AT_FDCWD, join(path, 'upper'), 0o755), path)
    check(native.utimensat(AT_FDCWD, join(path, 'upper'), OLD, 1, OLD, 1), path)
    return new Run(path, this.lowers)
  }

  #lowerState(): string {
    return this.lowers.map((path) => fingerprint(path, true)).join('\n')
  }

  /** Whether the lowers are, byte for byte and inode for inode, what they were. */
  lowersUnchanged(): boolean {
    return this.#lowerState() === this.#fingerprint
  }

  remove(): void {
    rmSync(this.base, { recursive: true, force: true })
  }
}

/** An upper and a workdir. */
export class Run {
  constructor(
    readonly path: string,
    readonly lowers: readonly string[],
  ) {}

  get upper(): string {
    return join(this.path, 'upper')
  }

  config(changes: Partial<UnionConfig>): UnionConfig {
    return {
      lowers: this.lowers,
      upper: this.upper,
      work: join(this.path, 'work'),
      readonly: false,
      userxattr: null,
      redirectDir: 'on',
      metacopy: false,
      xino: 'auto',
      volatile: false,
      fsync: false,
      strictSync: false,
      noatime: false,
      uidMapping: [],
      gidMapping: [],
      squashToRoot: false,
      squashToUid: null,
      squashToGid: null,
      xattrPermissions: 0,
      staticNlink: false,
      acl: true,
      index: 'off',
      indexFill: 'visited',
      data: 'auto',
      writeback: true,
      ...changes,
    }
  }

  /** What lies in the workdir where things are built. */
  rubbish(): string[] {
    const entries = native.readDirectory(AT_FDCWD, join(this.path, 'work', 'work'))
    return typeof entries === 'number' ? [`errno ${-entries}`] : entries.names
  }

  /** Names in the index of copied-up hard links. */
  indexed(): string[] {
    const entries = native.readDirectory(AT_FDCWD, join(this.path, 'work', 'index'))
    return typeof entries === 'number' ? [] : entries.names
  }

  /** Upper and workdir as they lie on disk, without what differs from run to run. */
  rawState(): string {
    return fingerprint(this.path, false)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
