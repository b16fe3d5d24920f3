/** Making, linking, moving and removing names. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'
import { makeFile, needsRoot, onEach, opened, STRANGE } from './support.js'

onEach('names are bytes', (scratch) => {
  assert.equal(native.mkdirat(scratch.fd, STRANGE, 0o755), 0)
  assert.deepEqual(readdirSync(scratch.path, { encoding: 'latin1' }), [STRANGE])
  assert.equal(native.mkdirat(scratch.fd, STRANGE, 0o755), -Errno.EEXIST)
  assert.equal(native.unlinkat(scratch.fd, STRANGE, 0), -Errno.EISDIR)
  assert.equal(native.unlinkat(scratch.fd, STRANGE, c.AT_REMOVEDIR), 0)
})

onEach('mknodat makes pipes, sockets and files', (scratch) => {
  assert.equal(native.mknodat(scratch.fd, 'pipe', c.S_IFIFO | 0o600, 0, 0), 0)
  assert.equal(native.mknodat(scratch.fd, 'socket', c.S_IFSOCK | 0o600, 0, 0), 0)
  assert.equal(native.mknodat(scratch.fd, 'file', c.S_IFREG | 0o600, 0, 0), 0)
  assert.equal(native.statat(scratch.fd, 'socket'), 0)
  assert.equal(native.stat[Stat.MODE]! & c.S_IFMT, c.S_IFSOCK)
})

onEach('mknodat makes a whiteout', (scratch) => {
  assert.equal(native.mknodat(scratch.fd, 'whiteout', c.S_IFCHR, 0, 0), 0)
  assert.equal(native.statat(scratch.fd, 'whiteout'), 0)
  assert.equal(native.stat[Stat.MODE], c.S_IFCHR)
  assert.equal(native.stat[Stat.RDEV_MAJOR]! + native.stat[Stat.RDEV_MINOR]!, 0)
})

onEach(
  'mknodat carries large device numbers',
  (scratch) => {
    assert.equal(native.mknodat(scratch.fd, 'device', c.S_IFBLK | 0o600, 259, 70000), 0)
    assert.equal(native.statat(scratch.fd, 'device'), 0)
    assert.deepEqual([native.stat[Stat.RDEV_MAJOR], native.stat[Stat.RDEV_MINOR]], [259, 70000])
  },
  needsRoot,
)

onEach('linkat links names, descriptors, and links themselves', (scratch) => {
  makeFile(scratch, 'a')
  native.symlinkat('a', scratch.fd, 'link')
  assert.equal(native.linkat(scratch.fd, 'a', scratch.fd, 'b'), 0)
  assert.equal(native.linkat(scratch.fd, 'link', scratch.fd, 'link2'), 0)
  opened(scratch, 'a', c.O_PATH, (fd) => assert.equal(native.linkat(fd, '', scratch.fd, 'c'), 0))
  assert.equal(native.statat(scratch.fd, 'c'), 0)
  assert.equal(native.stat[Stat.NLINK], 3)
  assert.equal(native.readlinkat(scratch.fd, 'link2'), 'a')
  assert.equal(native.linkat(scratch.fd, 'a', scratch.fd, 'b'), -Errno.EEXIST)
  opened(scratch, 'a', c.O_PATH, (fd) => assert.equal(native.linkat(fd, '', scratch.fd, 'b'), -Errno.EEXIST))
})

onEach('renameat carries its flags', (scratch) => {
  makeFile(scratch, 'a', 'A')
  makeFile(scratch, 'b', 'B')
  const rename = (from: string, to: string, flags: number) => native.renameat(scratch.fd, from, scratch.fd, to, flags)
  assert.equal(rename('a', 'b', c.RENAME_NOREPLACE), -Errno.EEXIST)
  assert.equal(rename('a', 'b', c.RENAME_EXCHANGE), 0)
  assert.equal(readFileSync(`${scratch.path}/a`, 'latin1'), 'B')
  assert.equal(rename('a', 'b', 0), 0)
  assert.equal(readFileSync(`${scratch.path}/b`, 'latin1'), 'B')
  assert.equal(rename('a', 'b', 0), -Errno.ENOENT)
  assert.equal(rename('b', 'moved', c.RENAME_WHITEOUT), 0)
  assert.equal(native.statat(scratch.fd, 'b'), 0)
  assert.equal(native.stat[Stat.MODE]! & c.S_IFMT, c.S_IFCHR)
})
