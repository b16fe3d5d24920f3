/**
 * A file that is written to while it is being copied, against a plain one: whatever was done to both by chance while
 * the copier was at work, they read the same then and afterwards. STRATAFS_SEED repeats one history.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Chance } from './chance.js'
import { ok, onEach, opened, type Scratch } from './support.js'

const MIB = 1024 * 1024
const SIZE = 24 * MIB + 1234
const ZERO_RANGE = 0x10
const KEEP_SIZE = 1

/** Half of it data, the rest holes of some size. */
function makeSource(scratch: Scratch): void {
  const bytes = randomBytes(2 * MIB)
  writeFileSync(`${scratch.path}/source`, '')
  opened(scratch, 'source', c.O_RDWR, (fd) => {
    ok(native.ftruncate(fd, SIZE))
    for (let at = 0; at + bytes.length <= SIZE; at += 3 * MIB) ok(native.pwrite(fd, bytes, 0, bytes.length, at))
    ok(native.pwrite(fd, bytes, 0, 1000, SIZE - 1000))
  })
}

/** Runs `use` with the descriptors of a file that is being filled, and of a whole copy of the same. */
function filling(scratch: Scratch, use: (filled: number, plain: number) => void): void {
  makeSource(scratch)
  writeFileSync(`${scratch.path}/filled`, '')
  writeFileSync(`${scratch.path}/plain`, readFileSync(`${scratch.path}/source`))
  const wake = ok(native.eventfd())
  opened(scratch, 'filled', c.O_RDWR, (filled) =>
    opened(scratch, 'plain', c.O_RDWR, (plain) => {
      ok(native.ftruncate(filled, SIZE))
      opened(scratch, 'source', c.O_RDONLY, (source) =>
        assert.equal(native.startFill(source, filled, SIZE, true, wake, -1, false), 0),
      )
      use(filled, plain)
      assert.equal(native.waitFill(filled), 0)
      assert.equal(native.endFill(filled), 0)
      assert.equal(native.endFill(filled), -Errno.EBADF)
    }),
  )
  native.close(wake)
}

function readBoth(filled: number, plain: number, at: number, length: number): void {
  const one = new Uint8Array(length)
  const other = new Uint8Array(length)
  assert.equal(native.pread(filled, one, 0, length, at), native.pread(plain, other, 0, length, at), `length at ${at}`)
  assert.ok(Buffer.from(one).equals(Buffer.from(other)), `what is read at ${at}, ${length} bytes`)
}

/** Where data and holes are said to be fits what there is: of a plain file it is not the same. */
function seek(filled: number, plain: number, at: number): void {
  const size = native.lseek(plain, 0, c.SEEK_END)
  const data = native.lseek(filled, at, c.SEEK_DATA)
  const hole = native.lseek(filled, at, c.SEEK_HOLE)
  if (at >= size) return void assert.deepEqual([data, hole], [-Errno.ENXIO, -Errno.ENXIO])
  const until = Math.min(data === -Errno.ENXIO ? size : data, at + 65536)
  const skipped = new Uint8Array(until - at)
  native.pread(plain, skipped, 0, skipped.length, at)
  assert.ok(
    skipped.every((byte) => byte === 0),
    `data before ${until} is not told from ${at} on`,
  )
  assert.ok(hole >= at && hole <= size)
  if (hole === size) return
  const byte = new Uint8Array(1)
  native.pread(plain, byte, 0, 1, hole)
  assert.equal(byte[0], 0, `no hole at ${hole}`)
}

/** Where the copier is, about: two of three MiB of the source are data. */
function frontier(filled: number): number {
  const shown = new Float64Array(6)
  native.fillShown(filled, shown)
  return Math.min(shown[5]! * 1.5, SIZE - 2 * MIB)
}

/** One act on both files, by chance: half of them where the copier is at work. */
function act(chance: Chance, filled: number, plain: number): void {
  const spot = chance.below(2) === 0 ? frontier(filled) + chance.below(2 * MIB) : chance.below(SIZE + 3 * MIB)
  const at = Math.floor(spot)
  const length = chance.below(4) === 0 ? chance.below(MIB) : chance.below(9000)
  const which = chance.below(100)
  const both = (name: string, run: (fd: number) => number) => assert.equal(run(filled), run(plain), `${name} at ${at}`)
  if (which < 45) {
    const bytes = Buffer.alloc(length + 1, chance.below(255) + 1)
    both('pwrite', (fd) => native.pwrite(fd, bytes, 0, bytes.length, at))
  } else if (which < 85) readBoth(filled, plain, at, length)
  else if (which < 92) seek(filled, plain, at)
  else if (which < 95) both('punch', (fd) => native.fallocate(fd, c.FALLOC_FL_PUNCH_HOLE | KEEP_SIZE, at, length + 1))
  else if (which < 97) both('allocate', (fd) => native.fallocate(fd, 0, at, length + 1))
  else if (which < 98) both('zero', (fd) => native.fallocate(fd, ZERO_RANGE, at, length + 1))
  else if (which < 99) both('longer', (fd) => native.ftruncate(fd, SIZE + chance.below(1) + length))
  else if (chance.below(20) === 0) both('shorter', (fd) => native.ftruncate(fd, SIZE - Math.floor(at / 9)))
}

onEach('whatever is done to a file while it is filled, it is as a plain one', (scratch) => {
  const first = Number(process.env.STRATAFS_SEED ?? Date.now() % 1e6)
  let during = 0
  for (let seed = first; seed < first + 4; seed++) {
    const chance = new Chance(seed)
    filling(scratch, (filled, plain) => {
      for (let step = 0; step < 1500; step++) {
        try {
          act(chance, filled, plain)
        } catch (error) {
          throw new Error(`seed ${seed}, step ${step}`, { cause: error })
        }
        if (native.fillState(filled, false) === -Errno.EINPROGRESS) during++
      }
    })
    assert.ok(readFileSync(`${scratch.path}/filled`).equals(readFileSync(`${scratch.path}/plain`)), `seed ${seed}`)
  }
  assert.ok(during > 20, `only ${during} acts came before the end of their copy`)
})

onEach('what is overwritten from end to end, or cut off, is not copied', (scratch) => {
  const shown = new Float64Array(6)
  filling(scratch, (filled) => {
    const bytes = Buffer.alloc(MIB, 'new')
    for (let at = 0; at < SIZE; at += MIB) ok(native.pwrite(filled, bytes, 0, Math.min(MIB, SIZE - at), at))
    ok(native.fillShown(filled, shown))
    assert.ok(shown[5]! < 12 * MIB, `${shown[5]} bytes were copied for nothing`)
  })
  assert.ok(
    readFileSync(`${scratch.path}/filled`).equals(Buffer.alloc(25 * MIB, Buffer.alloc(MIB, 'new')).subarray(0, SIZE)),
  )
  filling(scratch, (filled) => {
    ok(native.ftruncate(filled, 5000))
    assert.equal(native.waitFill(filled), 0)
    ok(native.fillShown(filled, shown))
    assert.ok(shown[5]! < 12 * MIB)
  })
  assert.ok(readFileSync(`${scratch.path}/filled`).equals(readFileSync(`${scratch.path}/source`).subarray(0, 5000)))
  assert.equal(statSync(`${scratch.path}/filled`).size, 5000)
})

onEach('its times are those of its writers, not the copier’s', (scratch) => {
  const shown = new Float64Array(6)
  filling(scratch, (filled) => {
    ok(native.fillTouch(filled, 900_000_000, 5))
    assert.equal(native.waitFill(filled), 0)
    ok(native.fillShown(filled, shown))
    assert.deepEqual([...shown.subarray(0, 2)], [900_000_000, 5])
  })
  assert.equal(statSync(`${scratch.path}/filled`).mtimeMs, 900_000_000_000)
})

test('what is not being filled is told so', () => {
  assert.equal(native.fillState(0, true), -Errno.EBADF)
  assert.equal(native.waitFill(0), -Errno.EBADF)
})
