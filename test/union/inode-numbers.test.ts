/**
 * st_ino of the merged tree: the real number with the filesystem's place in its high bits, never the same for two
 * files.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeOrigin } from '../../src/layers/file-handle.js'
import type { Layer } from '../../src/layers/layer-dir.js'
import { S_IFREG } from '../../src/syscalls/constants.js'
import { STAT_SLOTS, Stat } from '../../src/syscalls/stat.js'
import { InodeNumbers } from '../../src/union/nodes/inode-numbers.js'

const uuid = (n: number): Uint8Array => new Uint8Array(16).fill(n)

/** As much of a layer as numbers need. */
function layerOn(device: string, index: number, id: number): Layer {
  return { device, index, isUpper: index < 0, uuid: uuid(id) } as unknown as Layer
}

const layers = [layerOn('8:1', -1, 1), layerOn('8:1', 0, 1), layerOn('8:2', 1, 2)]

function stat(major: number, minor: number, low: number, high: number): Float64Array {
  const record = new Float64Array(STAT_SLOTS)
  record[Stat.DEV_MAJOR] = major
  record[Stat.DEV_MINOR] = minor
  record[Stat.INO_LOW] = low
  record[Stat.INO_HIGH] = high
  return record
}

/** A mark as an ordinary user reads it: the number is taken from the handle of a filesystem whose form is known. */
function origin(inode: number, id: number): Uint8Array {
  const handle = new Uint8Array(8)
  new DataView(handle.buffer).setUint32(0, inode, true)
  return encodeOrigin({ type: 1, uuid: uuid(id), handle })!
}

describe('an inode number', () => {
  it('is the real one on the first filesystem', () => {
    assert.equal(new InodeNumbers(layers, false).ofStat(stat(8, 1, 77, 0)), 77)
  })

  it('is the same in every mount of the same layers', () => {
    const numbers = [1, 2].map(() => new InodeNumbers(layers, false).ofStat(stat(8, 2, 77, 3)))
    assert.equal(numbers[0], numbers[1])
  })

  it('is unique and exact, whatever filesystem and number', () => {
    const inode = fc.tuple(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    )
    fc.assert(
      fc.property(fc.uniqueArray(inode, { selector: (key) => key.join(':'), maxLength: 50 }), (keys) => {
        const inodes = new InodeNumbers(layers, false)
        const numbers = keys.map(([minor, low, high]) => inodes.ofStat(stat(8, minor, low, high)))
        assert.ok(numbers.every((n) => Number.isSafeInteger(n) && n > 0))
        assert.equal(new Set(numbers).size, keys.length)
        assert.deepEqual(
          keys.map(([minor, low, high]) => inodes.ofStat(stat(8, minor, low, high))),
          numbers,
        )
      }),
    )
  })

  it('stays unique with more filesystems than bits', () => {
    const inodes = new InodeNumbers(layers, false)
    const numbers = Array.from({ length: 100 }, (_, minor) => inodes.ofStat(stat(9, minor, 5, 0)))
    assert.equal(new Set(numbers).size, 100)
  })

  it('of a copied-up file is that of the lower inode', () => {
    const inodes = new InodeNumbers(layers, false)
    assert.equal(inodes.ofOrigin(origin(1234, 2), S_IFREG), inodes.ofStat(stat(8, 2, 1234, 0)))
  })

  it('is not known of an origin on no layer, or of bytes that are none', () => {
    const inodes = new InodeNumbers(layers, false)
    assert.equal(inodes.ofOrigin(origin(1234, 3), S_IFREG), null)
    assert.equal(inodes.ofOrigin(new Uint8Array(0), S_IFREG), null)
    assert.equal(inodes.originLinks(origin(1234, 2)), null)
  })
})
