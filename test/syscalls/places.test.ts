/** Looking at places and opening them: statat, statMany, findFirst, openat, openBeneath, readlinkat. */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../src/syscalls/stat.js'
import { makeFile, ok, onEach, opened, STRANGE } from './support.js'

onEach('statat tells what lstat tells', (scratch) => {
  makeFile(scratch, STRANGE, 'hello')
  assert.equal(native.statat(scratch.fd, STRANGE), 0)
  const path = Buffer.from(`${scratch.path}/${STRANGE}`, 'latin1')
  const expected = lstatSync(path, { bigint: true })
  const s = native.stat
  assert.equal(BigInt(s[Stat.MODE]!), expected.mode)
  assert.equal(BigInt(s[Stat.NLINK]!), expected.nlink)
  assert.equal(s[Stat.SIZE], 5)
  assert.equal(BigInt(s[Stat.INO_LOW]!) + (BigInt(s[Stat.INO_HIGH]!) << 32n), expected.ino)
  assert.equal(BigInt(s[Stat.MTIME]!) * 1_000_000_000n + BigInt(s[Stat.MTIME_NS]!), expected.mtimeNs)
  assert.equal(BigInt(s[Stat.CTIME]!) * 1_000_000_000n + BigInt(s[Stat.CTIME_NS]!), expected.ctimeNs)
  assert.equal(BigInt(s[Stat.BLKSIZE]!), expected.blksize)
  assert.ok(s[Stat.MOUNT_ID]! > 0)
  assert.equal(s[Stat.ERRNO], 0)
})

onEach('an empty name is the descriptor, also O_PATH of a link', (scratch) => {
  symlinkSync('target', `${scratch.path}/link`)
  opened(scratch, 'link', c.O_PATH, (fd) => {
    assert.equal(native.statat(fd, ''), 0)
    assert.equal(native.stat[Stat.MODE]! & c.S_IFMT, c.S_IFLNK)
    assert.equal(native.readlinkat(fd, ''), 'target')
  })
})

onEach('links are not followed, and failures are -errno', (scratch) => {
  symlinkSync('/etc/passwd', `${scratch.path}/link`)
  assert.equal(native.statat(scratch.fd, 'link'), 0)
  assert.equal(native.stat[Stat.MODE]! & c.S_IFMT, c.S_IFLNK)
  assert.equal(native.openat(scratch.fd, 'link', c.O_RDONLY, 0), -Errno.ELOOP)
  assert.equal(native.statat(scratch.fd, 'none'), -Errno.ENOENT)
  assert.equal(native.statat(-1, 'none'), -Errno.EBADF)
  assert.equal(native.statat(scratch.fd, 'x'.repeat(256)), -Errno.ENAMETOOLONG)
  assert.equal(native.statat(scratch.fd, 'x/'.repeat(3000)), -Errno.ENAMETOOLONG)
  assert.equal(native.readlinkat(scratch.fd, ''), -Errno.ENOENT)
})

onEach('statMany fills one record per name', (scratch) => {
  makeFile(scratch, 'a', '1')
  makeFile(scratch, 'x'.repeat(255), '22')
  const names = ['a', 'none', 'x'.repeat(255)]
  const out = new Float64Array(names.length * STAT_SLOTS).fill(7)
  native.stat.fill(0)
  assert.equal(native.statMany(scratch.fd, names, out), 3)
  assert.equal(out[Stat.SIZE], 1)
  assert.equal(out[STAT_SLOTS + Stat.MODE], 0)
  assert.equal(out[STAT_SLOTS + Stat.ERRNO], Errno.ENOENT)
  assert.equal(out[2 * STAT_SLOTS + Stat.SIZE], 2)
  assert.equal(out[2 * STAT_SLOTS + Stat.ERRNO], 0)
  assert.equal(native.stat[Stat.MODE], 0, 'the record of statat is left alone')
  assert.equal(native.statMany(scratch.fd, names, new Float64Array(70)), -Errno.EINVAL)
})

onEach('findFirst goes down a stack of directories', (scratch) => {
  for (const name of ['top', 'mid', 'low']) mkdirSync(`${scratch.path}/${name}`)
  writeFileSync(`${scratch.path}/low/f`, 'abc')
  writeFileSync(`${scratch.path}/plain`, '')
  const fds = new Int32Array(['top', 'plain', 'mid', 'low'].map((n) => ok(native.openat(scratch.fd, n, c.O_PATH, 0))))
  try {
    assert.equal(native.findFirst(fds, 0, 4, 'f'), 3, 'a layer that is not a directory counts as absent')
    assert.equal(native.stat[Stat.SIZE], 3)
    assert.equal(native.findFirst(fds, 0, 3, 'f'), -Errno.ENOENT)
    assert.equal(native.findFirst(fds, 2, 2, 'f'), -Errno.ENOENT)
    assert.equal(native.findFirst(fds, 0, 5, 'f'), -Errno.EINVAL)
    const broken = new Int32Array([fds[0]!, -1, fds[3]!])
    assert.equal(native.findFirst(broken, 0, 3, 'f'), -Errno.EBADF)
    assert.equal(native.stat[Stat.ERRNO], 1)
  } finally {
    for (const fd of fds) native.close(fd)
  }
})

onEach('openat opens an O_PATH descriptor anew, makes files, and is close-on-exec', (scratch) => {
  makeFile(scratch, STRANGE, 'hello')
  const into = new Uint8Array(5)
  opened(scratch, STRANGE, c.O_PATH, (path) => {
    const fd = ok(native.openat(path, '', c.O_RDONLY | c.O_NOFOLLOW, 0))
    assert.equal(native.pread(fd, into, 0, 5, 0), 5)
    assert.match(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'), /flags:\s+0?2\d{6}\b/)
    native.close(fd)
  })
  const unnamed = ok(native.openat(scratch.fd, '', c.O_TMPFILE | c.O_RDWR, 0o600))
  assert.equal(native.statat(unnamed, ''), 0)
  assert.equal(native.stat[Stat.NLINK], 0)
  assert.equal(native.linkat(unnamed, '', scratch.fd, 'named'), 0)
  native.close(unnamed)
  assert.equal(statSync(`${scratch.path}/named`).nlink, 1)
})

onEach('openBeneath walks real directories only', (scratch) => {
  mkdirSync(`${scratch.path}/a/b/c`, { recursive: true })
  symlinkSync('b', `${scratch.path}/a/link`)
  symlinkSync('/etc', `${scratch.path}/a/out`)
  const directory = c.O_PATH | c.O_DIRECTORY
  native.close(ok(native.openBeneath(scratch.fd, 'a/b/c', directory, 0)))
  native.close(ok(native.openBeneath(scratch.fd, '', directory, 0)))
  native.close(ok(native.openBeneath(scratch.fd, 'a/new', c.O_RDWR | c.O_CREAT, 0o600)))
  assert.equal(native.openBeneath(scratch.fd, 'a/link/c', directory, 0), -Errno.ELOOP)
  assert.equal(native.openBeneath(scratch.fd, 'a/out/passwd', c.O_PATH, 0), -Errno.ELOOP)
  assert.equal(native.openBeneath(scratch.fd, '../x', c.O_PATH, 0), -Errno.EXDEV)
  assert.equal(native.openBeneath(scratch.fd, '/etc', c.O_PATH, 0), -Errno.EXDEV)
  assert.equal(native.openBeneath(scratch.fd, 'a/none', c.O_PATH, 0), -Errno.ENOENT)
})

onEach('readlinkat gives the target byte for byte', (scratch) => {
  const target = `${STRANGE}${'/x'.repeat(2000)}`
  assert.equal(native.symlinkat(target, scratch.fd, 'long'), 0)
  assert.equal(native.readlinkat(scratch.fd, 'long'), target)
  assert.equal(native.symlinkat('x'.repeat(4096), scratch.fd, 'longer'), -Errno.ENAMETOOLONG)
  makeFile(scratch, 'plain')
  assert.equal(native.readlinkat(scratch.fd, 'plain'), -Errno.EINVAL)
})

onEach('mountRoot tells whether a mount is on a path, and of which device', (scratch) => {
  mkdirSync(`${scratch.path}/no-mount`)
  const answer = native.mountRoot(`${scratch.path}/no-mount`)
  if (answer === -Errno.ENOSYS) return
  assert.equal(answer, 0)
  assert.equal(native.mountRoot(`${scratch.path}/absent`), -Errno.ENOENT)
  assert.equal(native.mountRoot('/proc'), 1)
  const line = readFileSync('/proc/self/mountinfo', 'latin1').match(/^\S+ \S+ (\d+):(\d+) \S+ \/proc .*$/m)!
  assert.deepEqual([native.stat[Stat.DEV_MAJOR], native.stat[Stat.DEV_MINOR]], [Number(line[1]), Number(line[2])])
})
