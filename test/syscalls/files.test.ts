/** Calls on open files, and the copying of content: holes, shrinking sources, filesystems that do not help. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'
import { inScratch, makeFile, ok, onEach, opened, type Scratch } from './support.js'

const MIB = 1024 * 1024

onEach('pread and pwrite move the range asked for', (scratch) => {
  makeFile(scratch, 'f', 'hello')
  opened(scratch, 'f', c.O_RDWR, (fd) => {
    const into = new Uint8Array(8).fill(0x2e)
    assert.equal(native.pread(fd, into, 2, 3, 1), 3)
    assert.equal(Buffer.from(into).toString('latin1'), '..ell...')
    assert.equal(native.pread(fd, into, 0, 8, 3), 2, 'short at the end of the file')
    assert.equal(native.pread(fd, into, 0, 8, 100), 0)
    assert.equal(native.pread(fd, into, 4, 5, 0), -Errno.EINVAL)
    assert.equal(native.pwrite(fd, into, -1, 2, 0), -Errno.EINVAL)
    assert.equal(native.pwrite(fd, Buffer.from('abcdef'), 1, 3, 2 ** 33), 3)
    assert.equal(native.statat(fd, ''), 0)
    assert.equal(native.stat[Stat.SIZE], 2 ** 33 + 3)
  })
  opened(scratch, 'f', c.O_PATH, (fd) => assert.equal(native.pread(fd, new Uint8Array(1), 0, 1, 0), -Errno.EBADF))
})

onEach('the small calls on a descriptor', (scratch) => {
  makeFile(scratch, 'f', 'hello')
  opened(scratch, 'f', c.O_RDWR, (fd) => {
    assert.equal(native.ftruncate(fd, 2), 0)
    assert.equal(native.fallocate(fd, 0, 0, MIB), 0)
    assert.equal(native.fallocate(fd, c.FALLOC_FL_PUNCH_HOLE | c.FALLOC_FL_KEEP_SIZE, 4096, MIB - 4096), 0)
    assert.equal(native.lseek(fd, 0, c.SEEK_END), MIB)
    assert.equal(native.lseek(fd, 0, c.SEEK_HOLE), 4096)
    assert.equal(native.lseek(fd, 8192, c.SEEK_DATA), -Errno.ENXIO)
    assert.equal(native.fsync(fd), 0)
    assert.equal(native.fdatasync(fd), 0)
    assert.equal(native.syncfs(fd), 0)
    assert.equal(native.copyFileRange(fd, 0, fd, 8192, 4096), 4096)
    assert.equal(native.copyFileRange(fd, 0, fd, 0, -1), -Errno.EINVAL)
    opened(scratch, 'f', c.O_RDWR, (other) => {
      assert.equal(native.flock(fd, c.LOCK_EX | c.LOCK_NB), 0)
      assert.equal(native.flock(other, c.LOCK_EX | c.LOCK_NB), -Errno.EAGAIN)
      assert.equal(native.flock(fd, c.LOCK_UN), 0)
      assert.equal(native.flock(other, c.LOCK_SH | c.LOCK_NB), 0)
    })
  })
  assert.equal(native.fsync(-1), -Errno.EBADF)
})

onEach('what is closed soon is closed when it is waited for, and large files at once', (scratch) => {
  const fds = Array.from({ length: 300 }, (_, i) => {
    makeFile(scratch, `f${i}`, 'hello')
    return ok(native.openat(scratch.fd, `f${i}`, c.O_PATH, 0))
  })
  for (const fd of fds) assert.equal(native.closeSoon(fd), 0)
  assert.equal(native.settleClosing(), 0)
  for (const fd of fds) assert.equal(native.statat(fd, ''), -Errno.EBADF)
  assert.equal(native.settleClosing(), 0)
  assert.equal(native.closeSoon(-1), -Errno.EBADF)
  makeFile(scratch, 'large', Buffer.alloc(MIB, 'x').toString())
  const large = ok(native.openat(scratch.fd, 'large', c.O_PATH, 0))
  assert.equal(native.closeSoon(large), 0)
  assert.equal(native.statat(large, ''), -Errno.EBADF)
})

onEach('what is handed over while the thread that closes is about to end is closed as well', (scratch) => {
  makeFile(scratch, 'f', 'x')
  for (let round = 0; round < 30; round++) {
    const fd = ok(native.openat(scratch.fd, 'f', c.O_PATH, 0))
    assert.equal(native.closeSoon(fd), 0)
    // It ends some 21 ms after the last one: what comes a millisecond before or after must not be left lying.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 16 + (round % 10))
  }
  const last = ok(native.openat(scratch.fd, 'f', c.O_PATH, 0))
  assert.equal(native.closeSoon(last), 0)
  assert.equal(native.settleClosing(), 0)
  assert.equal(native.statat(last, ''), -Errno.EBADF)
})

/** A file of 64 MiB with data at 0, at 10 MiB and in an odd place, and a hole at its end. */
function makeSparse(scratch: Scratch, name: string): void {
  makeFile(scratch, name, 'start')
  opened(scratch, name, c.O_RDWR, (fd) => {
    const data = Buffer.alloc(300_000, 'data ')
    ok(native.pwrite(fd, data, 0, data.length, 10 * MIB))
    ok(native.pwrite(fd, data, 0, 7, 20 * MIB + 123))
    ok(native.ftruncate(fd, 64 * MIB))
  })
}

/** Copies `name` to a new file in `into` and gives the answer. */
function copy(from: Scratch, name: string, into: Scratch, size: number): number {
  makeFile(into, 'copy')
  return opened(from, name, c.O_RDONLY, (source) =>
    opened(into, 'copy', c.O_RDWR, (target) => native.copyContent(source, target, size)),
  )
}

function checkSparseCopy(from: Scratch, into: Scratch): void {
  makeSparse(from, 'sparse')
  const copied = copy(from, 'sparse', into, 64 * MIB)
  assert.ok(copied >= 0 && copied < 2 * MIB, `copied ${copied}`)
  assert.ok(readFileSync(`${from.path}/sparse`).equals(readFileSync(`${into.path}/copy`)))
  assert.ok(statSync(`${into.path}/copy`).blocks * 512 < 2 * MIB, 'holes stay holes')
}

onEach('copyContent keeps holes', (scratch) => checkSparseCopy(scratch, scratch))

test('copyContent keeps holes across filesystems', () =>
  inScratch('/tmp', (ext4) => inScratch('/dev/shm', (tmpfs) => checkSparseCopy(ext4, tmpfs))))

onEach('copyContent of empty, hole-only, dense and shrunken files', (scratch) => {
  makeFile(scratch, 'empty')
  assert.equal(copy(scratch, 'empty', scratch, 0), 0)
  native.unlinkat(scratch.fd, 'copy', 0)
  assert.equal(copy(scratch, 'empty', scratch, 5 * MIB), 0, 'a source that shrank leaves a hole')
  assert.equal(statSync(`${scratch.path}/copy`).size, 5 * MIB)
  native.unlinkat(scratch.fd, 'copy', 0)
  makeFile(scratch, 'dense', 'abc'.repeat(500_000))
  assert.equal(copy(scratch, 'dense', scratch, 1_500_000), 1_500_000)
  assert.ok(readFileSync(`${scratch.path}/copy`).equals(readFileSync(`${scratch.path}/dense`)))
  native.unlinkat(scratch.fd, 'copy', 0)
  assert.equal(copy(scratch, 'dense', scratch, 1000), 1000, 'a source that grew is cut')
  assert.equal(statSync(`${scratch.path}/copy`).size, 1000)
})

test('copyContent reads where the kernel cannot copy: a file of /proc', () =>
  inScratch('/tmp', (scratch) => {
    const source = openSync('/proc/version', 'r')
    const text = readFileSync('/proc/version')
    makeFile(scratch, 'copy')
    const copied = opened(scratch, 'copy', c.O_RDWR, (fd) => native.copyContent(source, fd, text.length))
    closeSync(source)
    assert.equal(copied, text.length)
    assert.ok(readFileSync(`${scratch.path}/copy`).equals(text))
  }))

test('copyContent tells of a full filesystem', () =>
  inScratch('/tmp', (scratch) => {
    makeFile(scratch, 'f', 'hello')
    const full = openSync('/dev/full', 'w')
    const answer = opened(scratch, 'f', c.O_RDONLY, (fd) => native.copyContent(fd, full, 5))
    closeSync(full)
    assert.equal(answer, -Errno.ENOSPC)
  }))
