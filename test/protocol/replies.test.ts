import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import * as replies from '../../src/protocol/replies.js'
import { ReplyBuffer } from '../../src/protocol/reply-buffer.js'
import { RequestBuffer } from '../../src/protocol/request-buffer.js'
import { pack, request, s64, u16, u32, u64 } from './messages.js'

const attr: replies.AttrFields = {
  ino: 2 ** 40 + 5,
  mode: 0o100644,
  nlink: 2,
  uid: 1000,
  gid: 1001,
  rdevMajor: 0,
  rdevMinor: 0,
  size: 2 ** 33 + 1,
  sizeLow: 0,
  blocks: 24,
  blksize: 4096,
  atime: -1,
  atimeNs: 999_999_999,
  mtime: 1_700_000_000,
  mtimeNs: 2,
  ctime: 2 ** 33,
  ctimeNs: 3,
  btime: 1_600_000_000,
  btimeNs: 4,
}

const attrBytes = pack(
  u64(2n ** 40n + 5n),
  u64(2n ** 33n + 1n),
  u64(24),
  s64(-1),
  s64(1_700_000_000),
  s64(2n ** 33n),
  u32(999_999_999),
  u32(2),
  u32(3),
  u32(0o100644),
  u32(2),
  u32(1000),
  u32(1001),
  u32(0),
  u32(4096),
  u32(0),
)

/** A reply buffer full of old bytes: what an encoder does not write shows. */
function soiled(): ReplyBuffer {
  const buffer = new ArrayBuffer(4096)
  new Uint8Array(buffer).fill(0xaa)
  return new ReplyBuffer(buffer)
}

function body(encode: (reply: ReplyBuffer) => number): Buffer {
  const reply = soiled()
  const size = encode(reply)
  assert.equal(reply.bytes[16 + size], 0xaa, 'nothing written beyond the size told')
  return Buffer.from(reply.bytes.subarray(16, 16 + size))
}

const second: replies.Validity = { seconds: 1, nanoseconds: 500 }
const day: replies.Validity = { seconds: 86400, nanoseconds: 0 }

describe('reply encoders', () => {
  it('attr_out', () => {
    const expected = pack(u64(1), u32(500), u32(0), attrBytes)
    assert.deepEqual(
      body((reply) => replies.attrOut(reply, 0, attr, second)),
      expected,
    )
    assert.equal(expected.length, 104)
  })

  it('entry_out', () => {
    const expected = pack(u64(9), u64(0), u64(86400), u64(1), u32(0), u32(500), attrBytes)
    assert.deepEqual(
      body((reply) => replies.entryOut(reply, 0, 9, attr, day, second)),
      expected,
    )
    assert.equal(expected.length, 128)
  })

  it('entry_out of an absent name', () => {
    const expected = pack(u64(0), u64(0), u64(1), u64(0), u32(500), u32(0), new Uint8Array(88))
    assert.deepEqual(
      body((reply) => replies.negativeEntryOut(reply, 0, second)),
      expected,
    )
  })

  it('open_out', () => {
    assert.deepEqual(
      body((reply) => replies.openOut(reply, 0, 2 ** 32 + 7, 2)),
      pack(u64(2 ** 32 + 7), u32(2), u32(0)),
    )
  })

  it('statx_out', () => {
    const device = { ...attr, mode: 0o20600, rdevMajor: 259, rdevMinor: 300_000 }
    const time = (seconds: number | bigint, ns: number) => pack(s64(seconds), u32(ns), u32(0))
    const expected = pack(
      pack(u64(1), u32(500), u32(0), u64(0), u64(0)),
      pack(u32(0xfff), u32(4096), u64(0), u32(2), u32(1000), u32(1001), u16(0o20600), u16(0)),
      pack(u64(2n ** 40n + 5n), u64(2n ** 33n + 1n), u64(24), u64(0)),
      pack(time(-1, 999_999_999), time(1_600_000_000, 4), time(2n ** 33n, 3), time(1_700_000_000, 2)),
      pack(u32(259), u32(300_000), u32(0), u32(0), new Uint8Array(112)),
    )
    assert.equal(expected.length, 288)
    assert.deepEqual(
      body((reply) => replies.statxOut(reply, 0, device, second)),
      expected,
    )
  })

  it('sizes are exact up to 2^63 - 1, where numbers are not', () => {
    const sizes = [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 60n + 2n, 2n ** 62n - 1n, 2n ** 63n - 1n]
    const random = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
    const isExact = (exact: bigint): void => {
      const wide = { ...attr, size: Number(exact), sizeLow: Number(exact & 0xffff_ffffn) }
      const entry = body((reply) => replies.entryOut(reply, 0, 9, wide, day, second))
      const statx = body((reply) => replies.statxOut(reply, 0, wide, second))
      assert.deepEqual([entry.readBigUInt64LE(48), statx.readBigUInt64LE(72)], [exact, exact])
    }
    for (const size of sizes) isExact(size)
    fc.assert(fc.property(random, isExact))
  })

  it('statx_out without a birth time does not claim one', () => {
    const unborn = body((reply) => replies.statxOut(reply, 0, { ...attr, btime: 0, btimeNs: 0 }, second))
    assert.equal(unborn.readUInt32LE(32), 0x7ff)
  })

  it('statfs_out', () => {
    const stat = { bsize: 1, frsize: 2, blocks: 3, bfree: 4, bavail: 5, files: 6, ffree: 7, namelen: 255 }
    const numbers = pack(u64(3), u64(4), u64(5), u64(6), u64(7), u32(1), u32(255), u32(2), u32(0), new Uint8Array(24))
    assert.deepEqual(
      body((reply) => replies.statfsOut(reply, 0, stat)),
      numbers,
    )
  })

  it('write_out, lseek_out, ioctl_out', () => {
    assert.deepEqual(
      body((reply) => replies.sizeOut(reply, 0, 5)),
      pack(u32(5), u32(0)),
    )
    assert.deepEqual(
      body((reply) => replies.offsetOut(reply, 0, 2 ** 40)),
      pack(u64(2 ** 40)),
    )
    assert.deepEqual(
      body((reply) => replies.ioctlOut(reply, 0, 0)),
      pack(u32(0), u32(0), u32(0), u32(0)),
    )
  })

  it('init_out', () => {
    const answer = {
      major: 7,
      minor: 31,
      maxReadahead: 131072,
      flags: 0x40000001,
      flags2: 0x10,
      maxBackground: 64,
      congestionThreshold: 48,
      maxWrite: 1 << 20,
      timeGran: 1,
      maxPages: 256,
      maxStackDepth: 2,
    }
    const expected = pack(
      pack(u32(7), u32(31), u32(131072), u32(0x40000001), u16(64), u16(48), u32(1 << 20), u32(1)),
      pack(u16(256), u16(0), u32(0x10), u32(2), new Uint8Array(24)),
    )
    assert.equal(expected.length, 64)
    assert.deepEqual(
      body((reply) => replies.initOut(reply, 0, answer)),
      expected,
    )
  })

  it('the header copies all 64 bits of unique, and tells errors as negative', () => {
    const bytes = request({ opcode: 1, unique: 0xfedc_ba98_7654_3210n }, 'a\0')
    const buffer = new ArrayBuffer(256)
    new Uint8Array(buffer).set(bytes)
    const incoming = new RequestBuffer(buffer)
    const reply = soiled()
    assert.equal(reply.fail(incoming, -2), 16)
    assert.equal(reply.bytes.toString('hex', 0, 16), '10000000feffffff1032547698badcfe')
    assert.equal(reply.finish(incoming, 8), 24)
    assert.equal(reply.bytes.toString('hex', 0, 8), '1800000000000000')
  })
})

describe('numbers on the wire', () => {
  it('64-bit numbers go out and come in the same', () => {
    const reply = soiled()
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        reply.setU64(0, value)
        assert.equal(reply.bytes.readBigInt64LE(16), BigInt(value))
        assert.equal(reply.s64(0), value)
      }),
    )
  })

  it('devices are the kernel’s: new_encode_dev', () => {
    assert.equal(replies.encodeDevice(8, 1), 0x801)
    // 300,000 is 0x493e0: its low byte e0, then major 0x103, then 0x493.
    assert.equal(replies.encodeDevice(259, 300_000), 0x493103e0)
    fc.assert(
      fc.property(fc.nat(0xfff), fc.nat(0xfffff), (major, minor) => {
        const device = replies.encodeDevice(major, minor)
        assert.deepEqual([replies.deviceMajor(device), replies.deviceMinor(device)], [major, minor])
      }),
    )
  })

  it('timeouts keep fractions and bear infinity', () => {
    assert.deepEqual(replies.validity(1.5), { seconds: 1, nanoseconds: 500_000_000 })
    assert.deepEqual(replies.validity(0), { seconds: 0, nanoseconds: 0 })
    assert.deepEqual(replies.validity(-3), { seconds: 0, nanoseconds: 0 })
    assert.deepEqual(replies.validity(Number.NaN), { seconds: 0, nanoseconds: 0 })
    assert.deepEqual(replies.validity(Infinity), { seconds: Number.MAX_SAFE_INTEGER, nanoseconds: 0 })
    assert.deepEqual(replies.validity(1e300), { seconds: Number.MAX_SAFE_INTEGER, nanoseconds: 0 })
  })
})
