/**
 * The origin mark: its bytes, written out by hand; and, as root, that kernel overlayfs writes the very same for the
 * same lower file.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { decodeOrigin, encodeOrigin, indexName, inodeOfHandle, sameBytes } from '../../src/layers/file-handle.js'
import { Layer } from '../../src/layers/layer-dir.js'
import { originMark } from '../../src/layers/origin-mark.js'
import { AT_FDCWD, MNT_DETACH, O_DIRECTORY, O_PATH } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'

const uuid = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
const handle = Uint8Array.of(0x78, 0x56, 0x34, 0x12, 0xdd, 0xcc, 0xbb, 0xaa)
const bytes = Buffer.from('00fb1d0001' + '0102030405060708090a0b0c0d0e0f10' + '78563412ddccbbaa', 'hex')

describe('an origin mark', () => {
  it('is written as the kernel does', () => {
    assert.deepEqual(Buffer.from(encodeOrigin({ type: 1, uuid, handle })!), bytes)
    assert.equal(indexName(bytes), bytes.toString('hex'))
  })

  it('is read back', () => {
    const origin = decodeOrigin(bytes)!
    assert.equal(origin.type, 1)
    assert.ok(sameBytes(origin.uuid, uuid))
    assert.ok(sameBytes(origin.handle, handle))
  })

  it('is unknown when it is empty, cut short, of another form, or of an upper inode', () => {
    const changed = (at: number, value: number): Uint8Array => {
      const copy = Uint8Array.from(bytes)
      copy[at] = value
      return copy
    }
    for (const wrong of [
      new Uint8Array(0),
      bytes.subarray(0, 21),
      bytes.subarray(0, 28),
      changed(0, 1),
      changed(1, 0xfa),
    ])
      assert.equal(decodeOrigin(wrong), null)
    assert.equal(decodeOrigin(changed(2, 30)), null)
    assert.equal(decodeOrigin(changed(3, 4)), null)
  })

  it('is not made of a handle that does not fit', () => {
    assert.equal(encodeOrigin({ type: 255, uuid, handle }), null)
    assert.equal(encodeOrigin({ type: 1, uuid, handle: new Uint8Array(235) }), null)
    assert.equal(encodeOrigin({ type: 1, uuid, handle: new Uint8Array(234) })!.length, 255)
  })
})

describe('the inode number in a handle', () => {
  it('is where each known filesystem puts it', () => {
    assert.deepEqual(inodeOfHandle(1, handle), [0x12345678, 0])
    const twelve = Uint8Array.of(9, 9, 9, 9, 1, 0, 0, 0, 2, 0, 0, 0)
    assert.deepEqual(inodeOfHandle(1, twelve), [1, 2])
    assert.deepEqual(inodeOfHandle(0x81, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 7, 7, 7, 7)), [1, 2])
    assert.deepEqual(inodeOfHandle(0x4d, Uint8Array.of(3, 0, 0, 0, 4, ...new Array(15).fill(0))), [3, 4])
  })

  it('is not guessed', () => {
    assert.equal(inodeOfHandle(2, handle), null)
    assert.equal(inodeOfHandle(1, handle.subarray(0, 4)), null)
    assert.equal(inodeOfHandle(0x81, handle), null)
  })
})

describe('on a real filesystem', () => {
  for (const base of [tmpdir(), '/dev/shm'])
    it(`${base}: kernel overlayfs writes the same mark, and its handle holds the inode number`, (t) => compare(t, base))
})

/** Layers below `base`, with a file; removed at the end. */
function compare(t: TestContext, base: string): void {
  if (process.getuid!() !== 0) return t.skip('mounting overlayfs needs root')
  const root = mkdtempSync(join(base, 'stratafs-origin-'))
  try {
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(root, name))
    writeFileSync(join(root, 'lower/file'), 'content')
    const kernels = markOfKernel(root)
    if (typeof kernels === 'string') return t.skip(kernels)
    const fd = native.openat(AT_FDCWD, join(root, 'lower'), O_PATH | O_DIRECTORY, 0)
    const layer = new Layer(0, join(root, 'lower'), fd, false)
    const ours = originMark(fd, 'file', layer.root)
    layer.close()
    if (kernels.length === 0) return t.skip('overlayfs knows no origin on this filesystem')
    assert.deepEqual(ours, Uint8Array.from(kernels))
    native.statat(AT_FDCWD, join(root, 'lower/file'))
    const origin = decodeOrigin(kernels)!
    const inode = [native.stat[Stat.INO_LOW], native.stat[Stat.INO_HIGH]]
    assert.deepEqual(inodeOfHandle(origin.type, origin.handle), inode)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** The mark that kernel overlayfs gives the upper copy of `file`, or why it cannot be had. */
function markOfKernel(root: string): Uint8Array | string {
  const merged = join(root, 'merged')
  const options = `lowerdir=${root}/lower,upperdir=${root}/upper,workdir=${root}/work`
  const mounted = native.mount('overlay', merged, 'overlay', 0, options)
  if (mounted < 0) return `overlayfs cannot be mounted here (errno ${-mounted})`
  try {
    utimesSync(join(merged, 'file'), 1, 1)
  } finally {
    native.umount(merged, MNT_DETACH)
  }
  const mark = native.getxattr(AT_FDCWD, join(root, 'upper/file'), 'trusted.overlay.origin')
  return typeof mark === 'number' ? `no origin was written (errno ${-mark})` : mark
}
