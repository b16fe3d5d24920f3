/**
 * Files made ahead on threads of their own: that each is as its source in all that shows, and what is not made, or let
 * go of.
 */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, linkSync, readFileSync, symlinkSync, truncateSync, utimesSync } from 'node:fs'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'
import { isRoot, makeFile, needsRoot, ok, onEach, openDescriptors, type Scratch, STRANGE } from './support.js'

/** Not every tmpfs has `user.*`. */
const SPACE = isRoot ? 'trusted' : 'user'
const MARK = `${SPACE}.mark`
const ORIGIN = new Uint8Array([1, 0, 255])
const LIMIT = 100_000

function start({ fd }: Scratch, name: string): number {
  return ok(native.startPrefetchCopy(fd, name, fd, MARK, ORIGIN, LIMIT, true))
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** What was made of `name`; tried again where nobody had begun it. */
function made(scratch: Scratch, name: string): number {
  for (;;) {
    const id = start(scratch, name)
    pause(1)
    const fd = native.takePrefetchCopy(id)
    if (fd !== -Errno.EAGAIN) return fd
  }
}

function bytes(fd: number, length: number): Buffer {
  const into = Buffer.alloc(length + 1)
  assert.equal(native.pread(fd, into, 0, length + 1, 0), length)
  return into.subarray(0, length)
}

onEach('a file made ahead is as its source', (scratch) => {
  const path = `${scratch.path}/f`
  makeFile(scratch, 'f', 'content')
  truncateSync(path, 50_000)
  if (isRoot) chownSync(path, 12, 34)
  chmodSync(path, 0o4751)
  utimesSync(path, 1_234_567_890.5, 1_600_000_000.25)
  assert.equal(native.statat(scratch.fd, 'f'), 0)
  const source = native.stat.slice()
  const fd = ok(made(scratch, 'f'))
  assert.equal(native.statat(fd, ''), 0)
  for (const slot of ['MODE', 'UID', 'GID', 'SIZE', 'ATIME', 'ATIME_NS', 'MTIME', 'MTIME_NS'] as const)
    assert.equal(native.stat[Stat[slot]], source[Stat[slot]], slot)
  assert.equal(native.stat[Stat.NLINK], 0)
  assert.deepEqual(bytes(fd, 50_000), readFileSync(path))
  assert.deepEqual(native.getxattr(fd, '', MARK), ORIGIN)
  assert.equal(native.lseek(fd, 8192, c.SEEK_DATA), -Errno.ENXIO, 'a hole stays one')
  assert.equal(native.linkat(fd, '', scratch.fd, STRANGE), 0)
  native.close(fd)
})

onEach('what is not made: no file, too large, with attributes, gone', (scratch) => {
  makeFile(scratch, 'large')
  truncateSync(`${scratch.path}/large`, LIMIT + 1)
  makeFile(scratch, 'marked', 'x')
  assert.equal(native.setxattr(scratch.fd, 'marked', `${SPACE}.own`, new Uint8Array(1), 0), 0)
  symlinkSync('marked', `${scratch.path}/link`)
  ok(native.mkdirat(scratch.fd, 'directory', 0o700))
  for (const [name, errno] of Object.entries({
    large: Errno.EFBIG,
    marked: Errno.EOPNOTSUPP,
    link: Errno.ELOOP,
    directory: Errno.EFBIG,
    gone: Errno.ENOENT,
  }))
    assert.equal(made(scratch, name), -errno, name)
})

onEach(
  'a pipe does not hold anybody up, nor does a security attribute come along',
  (scratch) => {
    ok(native.mknodat(scratch.fd, 'pipe', c.S_IFIFO | 0o600, 0, 0))
    assert.equal(made(scratch, 'pipe'), -Errno.EFBIG)
    makeFile(scratch, 'able', 'x')
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    assert.equal(native.setxattr(scratch.fd, 'able', 'security.capability', capability, 0), 0)
    linkSync(`${scratch.path}/able`, `${scratch.path}/linked`)
    assert.equal(made(scratch, 'linked'), -Errno.EOPNOTSUPP)
  },
  needsRoot,
)

onEach('what nobody takes is let go of, and what is dropped at once', (scratch) => {
  const before = openDescriptors()
  makeFile(scratch, 'f', 'x')
  const ids = Array.from({ length: 40 }, () => start(scratch, 'f'))
  for (const id of ids.slice(0, 20)) assert.equal(native.dropPrefetchCopy(id, true), 0)
  assert.equal(native.dropPrefetchCopy(ids[0]!, true), -Errno.ENOENT)
  assert.equal(native.takePrefetchCopy(ids[0]!), -Errno.ENOENT)
  for (let i = 0; i < 60 && openDescriptors() > before; i++) pause(100)
  assert.equal(openDescriptors(), before)
  for (const id of ids.slice(20)) assert.equal(native.takePrefetchCopy(id), -Errno.ENOENT)
})
