import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DirectoryList, direntSize } from '../../src/protocol/directory.js'
import type { AttrFields } from '../../src/protocol/replies.js'
import { ReplyBuffer } from '../../src/protocol/reply-buffer.js'
import { pack, u32, u64 } from './messages.js'

const never = { seconds: 0, nanoseconds: 0 }

function soiled(): ReplyBuffer {
  const buffer = new ArrayBuffer(65536 + 16)
  new Uint8Array(buffer).fill(0xaa)
  return new ReplyBuffer(buffer)
}

/** The names of a list's bytes, read as the kernel's parse_dirfile() and parse_dirplusfile() do. */
function parse(bytes: Buffer, skip: number): Array<{ name: string; cookie: number; ino: number; type: number }> {
  const found = []
  for (let at = 0; bytes.length - at >= skip + 24; ) {
    const length = bytes.readUInt32LE(at + skip + 16)
    const record = skip + ((24 + length + 7) & ~7)
    assert.ok(length > 0 && record <= bytes.length - at)
    found.push({
      ino: Number(bytes.readBigUInt64LE(at + skip)),
      cookie: Number(bytes.readBigUInt64LE(at + skip + 8)),
      type: bytes.readUInt32LE(at + skip + 20),
      name: bytes.toString('latin1', at + skip + 24, at + skip + 24 + length),
    })
    at += record
  }
  return found
}

const nameBytes = fc.uint8Array({ min: 1, minLength: 1, maxLength: 255 })
const names = fc.array(
  nameBytes.map((bytes) => Buffer.from(bytes).toString('latin1')),
  { maxLength: 40 },
)

describe('directory lists', () => {
  it('a dirent is padded with zeros to 8 bytes', () => {
    const reply = soiled()
    const list = new DirectoryList(reply)
    list.start(4096)
    assert.equal(list.add('abc', 3, 17, 8), true)
    const expected = pack(u64(17), u64(3), u32(3), u32(8), 'abc', new Uint8Array(5))
    assert.equal(list.used, 32)
    assert.deepEqual(Buffer.from(reply.bytes.subarray(16, 48)), expected)
    assert.equal(reply.bytes[48], 0xaa)
  })

  it('sizes: 8 bytes need no padding, 9 need 7, 255 make 280', () => {
    assert.deepEqual([1, 8, 9, 255].map(direntSize), [32, 32, 40, 280])
  })

  it('refuses the entry that does not fit and stays as it was', () => {
    const list = new DirectoryList(soiled())
    list.start(280 + 31)
    assert.equal(list.add('x'.repeat(255), 1, 1, 4), true)
    assert.equal(list.add('y', 2, 2, 4), false)
    assert.deepEqual([list.used, list.full], [280, true])
    list.start(280 + 32)
    assert.equal(list.add('x'.repeat(255), 1, 1, 4) && list.add('y', 2, 2, 4), true)
    assert.deepEqual([list.used, list.full], [312, false])
  })

  it('never goes beyond the reply buffer', () => {
    const list = new DirectoryList(new ReplyBuffer(new ArrayBuffer(16 + 64)))
    list.start(1 << 30)
    assert.equal(list.add('a', 1, 1, 4) && list.add('b', 2, 2, 4), true)
    assert.equal(list.add('c', 3, 3, 4), false)
  })

  it('direntplus without a node is all zero before the dirent', () => {
    const reply = soiled()
    const list = new DirectoryList(reply)
    list.start(4096)
    assert.equal(list.addPlus('..', 2, 5, 4, 0, null, never, never), true)
    const dirent = pack(u64(5), u64(2), u32(2), u32(4), '..', new Uint8Array(6))
    assert.deepEqual(Buffer.from(reply.bytes.subarray(16, 16 + 160)), pack(new Uint8Array(128), dirent))
  })

  it('any names come out as they went in', () => {
    fc.assert(
      fc.property(names, (entries) => {
        const reply = soiled()
        const list = new DirectoryList(reply)
        list.start(65536)
        for (const [i, name] of entries.entries()) assert.equal(list.add(name, i + 1, 2 ** 40 + i, 8), true)
        const read = parse(Buffer.from(reply.bytes.subarray(16, 16 + list.used)), 0)
        const expected = entries.map((name, i) => ({ ino: 2 ** 40 + i, cookie: i + 1, type: 8, name }))
        assert.deepEqual(read, expected)
      }),
    )
  })

  it('the same for direntplus', () => {
    const zeros = {
      ino: 1,
      mode: 0,
      nlink: 0,
      uid: 0,
      gid: 0,
      rdevMajor: 0,
      rdevMinor: 0,
      size: 0,
      sizeLow: 0,
      blocks: 0,
      blksize: 0,
    }
    const times = { atime: 0, atimeNs: 0, mtime: 0, mtimeNs: 0, ctime: 0, ctimeNs: 0, btime: 0, btimeNs: 0 }
    const attr: AttrFields = { ...zeros, ...times }
    fc.assert(
      fc.property(names, (entries) => {
        const reply = soiled()
        const list = new DirectoryList(reply)
        list.start(65536)
        for (const [i, name] of entries.entries()) list.addPlus(name, i + 1, i, 8, i + 2, attr, never, never)
        const read = parse(Buffer.from(reply.bytes.subarray(16, 16 + list.used)), 128)
        assert.deepEqual(
          read.map(({ name }) => name),
          entries,
        )
      }),
    )
  })
})
