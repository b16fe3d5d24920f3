/**
 * What stands in for the addon answers as the addon does: the same calls on the same files, compared. Where it cannot,
 * it refuses as a filesystem without that ability would.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { addonObstacle, native } from '../../src/syscalls/native.js'
import { nodeNative } from '../../src/syscalls/node-native.js'
import { STAT_SLOTS, Stat } from '../../src/syscalls/stat.js'

const node = nodeNative()
const skip = addonObstacle ?? false
let root = ''
let fd = -1

before(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'stratafs-node-native-'))
  fs.mkdirSync(join(root, 'd/e'), { recursive: true })
  fs.writeFileSync(join(root, 'f'), 'content')
  fs.writeFileSync(Buffer.concat([Buffer.from(join(root, 'b')), Buffer.from([0xff])]), '')
  fs.symlinkSync('f', join(root, 'l'))
  fs.symlinkSync('d', join(root, 'dl'))
  execFileSync('mkfifo', [join(root, 'p')])
  execFileSync('touch', ['-d', '2020-09-13 12:26:40.123456789Z', join(root, 'f')])
  fd = native.openat(c.AT_FDCWD, root, c.O_PATH | c.O_DIRECTORY, 0)
})

after(() => {
  native.close(fd)
  fs.rmSync(root, { recursive: true, force: true })
})

/** A record without what only statx tells, and without access times, which looking changes. */
function comparable(record: Float64Array): number[] {
  const copy = [...record]
  for (const slot of [Stat.MOUNT_ID, Stat.ATTRIBUTES, Stat.ATIME, Stat.ATIME_NS]) copy[slot] = 0
  return copy
}

describe('the calls made with Node’s fs module', { skip }, () => {
  it('statat, and its errors', () => {
    for (const name of ['', 'f', 'd', 'l', 'p', 'b\xff', 'nothing', 'f/x']) {
      const [one, other] = [native.statat(fd, name), node.statat(fd, name)]
      if (name !== 'f/x') assert.equal(other, one, name)
      else assert.ok(other < 0)
      if (one >= 0) assert.deepEqual(comparable(node.stat), comparable(native.stat), name)
    }
    native.statat(fd, '')
    node.statat(fd, '')
    assert.equal(node.stat[Stat.MOUNT_ID], native.stat[Stat.MOUNT_ID])
  })

  it('statMany and findFirst', () => {
    const names = ['f', 'nothing', 'd']
    const [one, other] = [new Float64Array(3 * STAT_SLOTS), new Float64Array(3 * STAT_SLOTS)]
    native.statMany(fd, names, one)
    node.statMany(fd, names, other)
    for (let i = 0; i < 3; i++) {
      const part = (all: Float64Array) => comparable(all.subarray(i * STAT_SLOTS, (i + 1) * STAT_SLOTS))
      assert.deepEqual(part(other), part(one))
    }
    const inner = native.openat(fd, 'd', c.O_PATH, 0)
    assert.equal(node.findFirst(Int32Array.of(inner, fd), 0, 2, 'f'), 1)
    assert.equal(node.findFirst(Int32Array.of(inner, fd), 0, 2, 'nothing'), -Errno.ENOENT)
    native.close(inner)
  })

  it('directories, links, and paths that must stay below', () => {
    const sorted = (of: typeof native) => {
      const entries = of.readDirectory(fd, '')
      assert.ok(typeof entries !== 'number')
      return entries.names.map((name, i) => `${name} ${entries.types[i]}`).sort()
    }
    assert.deepEqual(sorted(node), sorted(native))
    assert.equal(node.hasPrefix(fd, '', 'b'), 1)
    assert.equal(node.hasPrefix(fd, '', '.wh.'), 0)
    assert.equal(node.readlinkat(fd, 'l'), 'f')
    assert.equal(node.readlinkat(fd, 'f'), native.readlinkat(fd, 'f'))
    for (const path of ['d/e', 'dl/e', '../x', 'l', 'nothing/x']) {
      const opened = node.openBeneath(fd, path, c.O_PATH | c.O_DIRECTORY, 0)
      assert.equal(opened >= 0, path === 'd/e', path)
      if (opened >= 0) node.close(opened)
    }
  })

  it('making, naming and removing; an open file is locked once', () => {
    const name = 'n\xc3\xa9w'
    assert.equal(node.mkdirat(fd, name, 0o700), 0)
    assert.equal(node.mkdirat(fd, name, 0o700), -Errno.EEXIST)
    assert.equal(node.unlinkat(fd, name, 0), -Errno.EISDIR)
    assert.equal(node.unlinkat(fd, name, c.AT_REMOVEDIR), 0)
    assert.equal(node.mknodat(fd, name, c.S_IFIFO | 0o640, 0, 0), 0)
    assert.equal(node.mknodat(fd, name, c.S_IFIFO | 0o640, 0, 0), -Errno.EEXIST)
    assert.equal(node.mknodat(fd, 'w', c.S_IFCHR, 0, 0), -Errno.EPERM)
    assert.equal(node.symlinkat('to', fd, 's'), 0)
    assert.equal(node.linkat(fd, 'f', fd, 'f2'), 0)
    assert.equal(node.renameat(fd, 's', fd, 'f2', 1), -Errno.EEXIST)
    assert.equal(node.renameat(fd, 's', fd, 'f2', 2), 0)
    assert.equal(node.readlinkat(fd, 'f2'), 'to')
    assert.equal(node.renameat(fd, 's', fd, 'f2', 4), -Errno.EINVAL)
    for (const made of [name, 's', 'f2']) assert.equal(node.unlinkat(fd, made, 0), 0)
    const one = node.openat(fd, 'd', c.O_RDONLY | c.O_DIRECTORY, 0)
    const two = node.openat(fd, 'd', c.O_RDONLY | c.O_DIRECTORY, 0)
    assert.equal(node.flock(one, 6), 0)
    assert.equal(node.flock(two, 6), -Errno.EAGAIN)
    node.close(one)
    assert.equal(node.flock(two, 6), 0)
    node.close(two)
  })

  it('modes and times, to the nanosecond, before 1970, now, and left alone; never through a symbolic link', () => {
    assert.equal(node.openat(fd, 't', c.O_CREAT | c.O_EXCL, 0o600) >= 0, true)
    const mtime = () => fs.lstatSync(join(root, 't'), { bigint: true }).mtimeNs
    node.utimensat(fd, 't', 5, 0, 1_600_000_000, 123_456_789)
    assert.equal(mtime(), 1_600_000_000_123_456_789n)
    node.utimensat(fd, 't', 6, 0, 0, c.UTIME_OMIT)
    assert.equal(mtime(), 1_600_000_000_123_456_789n)
    node.utimensat(fd, 't', 6, 0, -100, 0)
    assert.equal(mtime(), -100_000_000_000n)
    node.utimensat(fd, 't', 0, c.UTIME_OMIT, 0, c.UTIME_NOW)
    assert.ok(Math.abs(Number(mtime() / 1_000_000n) - Date.now()) < 60_000)
    assert.equal(node.chmodat(fd, 't', 0o4751), 0)
    assert.equal(fs.statSync(join(root, 't')).mode & 0o7777, 0o4751)
    assert.ok(node.chmodat(fd, 'l', 0o700) < 0)
    assert.equal(fs.statSync(join(root, 'f')).mode & 0o777, 0o644)
  })

  it('content with its holes', () => {
    execFileSync('truncate', ['-s', '4M', join(root, 'h')])
    fs.appendFileSync(join(root, 'h'), 'end')
    const from = node.openat(fd, 'h', c.O_RDONLY, 0)
    const to = node.openat(fd, 'h2', c.O_CREAT | c.O_RDWR, 0o600)
    assert.equal(node.copyContent(from, to, 4 * 2 ** 20 + 3), 3)
    assert.ok(fs.readFileSync(join(root, 'h2')).equals(fs.readFileSync(join(root, 'h'))))
    assert.ok(fs.fstatSync(to).blocks < 64)
    node.close(from)
    node.close(to)
  })

  it('what it cannot do is refused, as by a filesystem that cannot', () => {
    assert.equal(node.setxattr(fd, 'f', 'user.x', new Uint8Array(1), 0), -Errno.EOPNOTSUPP)
    assert.equal(node.listxattr(fd, 'f'), -Errno.EOPNOTSUPP)
    assert.equal(node.nameToHandle(fd, 'f'), -Errno.EOPNOTSUPP)
    assert.equal(node.filesystemUuid(fd), -Errno.ENOTTY)
    assert.ok(node.cloneMount(root, 0) < 0)
    assert.equal(node.hasCapability(21), native.hasCapability(21))
  })
})
