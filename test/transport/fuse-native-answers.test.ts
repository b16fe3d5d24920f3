/**
 * The numbers that fuse-native's C half takes, without a mount: halves, milliseconds, device numbers, folded inodes.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  decodeDevice,
  encodeDevice,
  milliseconds,
  ShortNumbers,
  statfsInts,
  statInts,
} from '../../src/transport/fuse-native/answers.js'
import { emptyAttr } from '../../src/union/context/union.js'

describe('answers for fuse-native', () => {
  it('times are milliseconds rounded down, and 0 before 1970', () => {
    assert.equal(milliseconds(1, 999_999_999), 1999)
    assert.equal(milliseconds(-2, 0), 0)
  })

  it('sizes and times are told in two halves', () => {
    const attr = { ...emptyAttr(), size: 5 * 2 ** 32 + 7, mtime: 5_000_000_000, nlink: 0 }
    const ints = statInts(attr, 42)
    assert.deepEqual([ints[3], ints[4], ints[6], ints[7]], [7, 5, 0, 42])
    assert.equal((ints[14] as number) + (ints[15] as number) * 2 ** 32, 5_000_000_000_000)
  })

  it('device numbers go there and back', () => {
    for (const [major, minor] of [
      [0, 0],
      [1, 3],
      [8, 255],
      [259, 70_000],
      [4095, 0xfffff],
    ] as const)
      assert.deepEqual(decodeDevice(encodeDevice(major, minor)), [major, minor])
    assert.equal(encodeDevice(1, 3), 0x103)
  })

  it('block counts beyond 32 bits are told in larger units', () => {
    const base = { bsize: 4096, frsize: 4096, bfree: 2 ** 32, bavail: 2 ** 31, files: 2 ** 33, ffree: 5, namelen: 255 }
    const ints = statfsInts({ ...base, blocks: 2 ** 33 })
    assert.deepEqual([...ints.slice(0, 7)], [16384, 16384, 2 ** 31, 2 ** 30, 2 ** 29, 2 ** 32 - 1, 5])
    assert.equal(ints[10], 255)
  })

  it('inode numbers of 32 bits stay; larger ones are folded, to different numbers, the same each time', () => {
    const numbers = new ShortNumbers()
    assert.equal(numbers.of(17), 17)
    const long = Array.from({ length: 5000 }, (_, i) => 2 ** 48 + i).concat(2 ** 49 + 1, 2 ** 33)
    const short = long.map((ino) => numbers.of(ino))
    assert.equal(new Set(short).size, long.length)
    assert.ok(short.every((ino) => ino >= 2 ** 31 && ino < 2 ** 32))
    assert.deepEqual(long.map((ino) => new ShortNumbers().of(ino)).slice(0, 9), short.slice(0, 9))
    assert.deepEqual(
      long.map((ino) => numbers.of(ino)),
      short,
    )
  })
})
