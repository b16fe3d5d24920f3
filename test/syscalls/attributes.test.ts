/** Mode, owner, times, size and inode flags, by name and by descriptor. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'
import { inScratch, makeFile, needsRoot, onEach, opened, type Scratch } from './support.js'

/** Slots of a place's record. */
function slots(scratch: Scratch, name: string, ...wanted: number[]): number[] {
  assert.equal(native.statat(scratch.fd, name), 0)
  return wanted.map((slot) => native.stat[slot]!)
}

onEach('chmodat changes files, and no links', (scratch) => {
  makeFile(scratch, 'f')
  native.symlinkat('f', scratch.fd, 'link')
  assert.equal(native.chmodat(scratch.fd, 'f', 0o4711), 0)
  assert.deepEqual(slots(scratch, 'f', Stat.MODE), [c.S_IFREG | 0o4711])
  opened(scratch, 'f', c.O_PATH, (fd) => assert.equal(native.chmodat(fd, '', 0o600), 0))
  assert.equal(native.chmodat(scratch.fd, 'link', 0o777), -Errno.EOPNOTSUPP)
  opened(scratch, 'link', c.O_PATH, (fd) => assert.equal(native.chmodat(fd, '', 0o777), -Errno.EOPNOTSUPP))
  assert.deepEqual(slots(scratch, 'f', Stat.MODE), [c.S_IFREG | 0o600])
  assert.equal(native.chmodat(scratch.fd, 'none', 0o600), -Errno.ENOENT)
})

onEach(
  'chownat changes what is not -1, of links too, up to the largest id',
  (scratch) => {
    makeFile(scratch, 'f')
    native.symlinkat('f', scratch.fd, 'link')
    assert.equal(native.chownat(scratch.fd, 'link', 4294967294, 12), 0)
    assert.deepEqual(slots(scratch, 'link', Stat.UID, Stat.GID), [4294967294, 12])
    assert.deepEqual(slots(scratch, 'f', Stat.UID, Stat.GID), [0, 0])
    opened(scratch, 'f', c.O_PATH, (fd) => assert.equal(native.chownat(fd, '', -1, 3000000000), 0))
    assert.deepEqual(slots(scratch, 'f', Stat.UID, Stat.GID), [0, 3000000000])
  },
  needsRoot,
)

onEach('utimensat sets nanoseconds, now, and nothing; of links too', (scratch) => {
  makeFile(scratch, 'f')
  native.symlinkat('f', scratch.fd, 'link')
  const times = [Stat.ATIME, Stat.ATIME_NS, Stat.MTIME, Stat.MTIME_NS]
  assert.equal(native.utimensat(scratch.fd, 'f', -5, 7, 1700000000, 999999999), 0)
  assert.deepEqual(slots(scratch, 'f', ...times), [-5, 7, 1700000000, 999999999])
  opened(scratch, 'link', c.O_PATH, (fd) => assert.equal(native.utimensat(fd, '', 1, 2, 3, 4), 0))
  assert.deepEqual(slots(scratch, 'link', ...times), [1, 2, 3, 4])
  assert.equal(native.utimensat(scratch.fd, 'f', 0, c.UTIME_OMIT, 0, c.UTIME_NOW), 0)
  const [atime, atimeNs, mtime] = slots(scratch, 'f', ...times)
  assert.deepEqual([atime, atimeNs], [-5, 7])
  assert.ok(mtime! > 1700000000)
  assert.equal(native.utimensat(scratch.fd, 'f', 0, 1e9, 0, 0), -Errno.EINVAL)
  opened(scratch, 'f', c.O_PATH, (fd) => assert.equal(native.utimensat(fd, '', 0, 1e9, 0, 0), -Errno.EINVAL))
})

onEach('truncateat changes plain files and opens nothing else', (scratch) => {
  makeFile(scratch, 'f', 'hello')
  native.symlinkat('f', scratch.fd, 'link')
  native.mknodat(scratch.fd, 'pipe', c.S_IFIFO | 0o600, 0, 0)
  assert.equal(native.truncateat(scratch.fd, 'f', 2), 0)
  assert.deepEqual(slots(scratch, 'f', Stat.SIZE), [2])
  opened(scratch, 'f', c.O_PATH, (fd) => assert.equal(native.truncateat(fd, '', 2 ** 33), 0))
  assert.deepEqual(slots(scratch, 'f', Stat.SIZE), [2 ** 33])
  assert.equal(native.truncateat(scratch.fd, 'link', 0), -Errno.EINVAL)
  assert.equal(native.truncateat(scratch.fd, 'pipe', 0), -Errno.EINVAL)
  assert.equal(native.truncateat(scratch.fd, '.', 0), -Errno.EISDIR)
})

onEach('inode flags are asked of files and directories only', (scratch) => {
  native.symlinkat('f', scratch.fd, 'link')
  native.mknodat(scratch.fd, 'pipe', c.S_IFIFO | 0o600, 0, 0)
  assert.equal(native.getFlags(scratch.fd, 'link'), -Errno.ENOTTY)
  assert.equal(native.getFlags(scratch.fd, 'pipe'), -Errno.ENOTTY)
  assert.equal(native.getFlags(scratch.fd, 'none'), -Errno.ENOENT)
})

test('inode flags are set and read where /tmp has them', (t) =>
  inScratch('/tmp', (scratch) => {
    makeFile(scratch, 'f')
    const before = native.getFlags(scratch.fd, 'f')
    if (before === -Errno.ENOTTY || before === -Errno.EOPNOTSUPP) return t.skip('the filesystem has no inode flags')
    assert.equal(native.setFlags(scratch.fd, 'f', before | c.FS_NODUMP_FL), 0)
    opened(scratch, 'f', c.O_PATH, (fd) => assert.equal(native.getFlags(fd, ''), before | c.FS_NODUMP_FL))
    assert.match(execFileSync('lsattr', [`${scratch.path}/f`], { encoding: 'latin1' }), /^\S*d/)
  }))
