import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Opcode } from '../../src/protocol/opcodes.js'
import { type Field, u32, u64 } from '../protocol/messages.js'
import { SyntheticKernel } from './synthetic-kernel.js'

const GETFLAGS = 0x80086601
const SETFLAGS = 0x40086602

function kernelWith(): SyntheticKernel {
  const kernel = new SyntheticKernel()
  kernel.initNewest()
  return kernel
}

const listing = (offset: number, size: number): Field[] => [
  u64(0),
  u64(offset),
  u32(size),
  u32(0),
  u64(0),
  u32(0),
  u32(0),
]

describe('listings', () => {
  it('go on from the last cookie until nothing is left', () => {
    const kernel = kernelWith()
    kernel.operations.entries = Array.from({ length: 300 }, (_, i) => ({ name: `file-${i}`, nodeid: 0 }))
    const names: string[] = []
    for (let cookie = 0; ; ) {
      const { error, body } = kernel.ask({ opcode: Opcode.READDIR }, ...listing(cookie, 4096))
      assert.equal(error, 0)
      if (body.length === 0) break
      for (let at = 0; at < body.length; ) {
        const length = body.readUInt32LE(at + 16)
        cookie = Number(body.readBigUInt64LE(at + 8))
        names.push(body.toString('latin1', at + 24, at + 24 + length))
        at += (24 + length + 7) & ~7
      }
    }
    assert.deepEqual(
      names,
      kernel.operations.entries.map(({ name }) => name),
    )
  })

  it('READDIRPLUS carries attributes only for entries with a node', () => {
    const kernel = kernelWith()
    kernel.operations.entries = [
      { name: '.', nodeid: 0 },
      { name: 'f', nodeid: 21 },
    ]
    const { body } = kernel.ask({ opcode: Opcode.READDIRPLUS }, ...listing(0, 4096))
    assert.equal(body.length, 2 * 160)
    assert.ok(body.subarray(0, 128).every((byte) => byte === 0))
    assert.deepEqual([body.readBigUInt64LE(160), body.readBigUInt64LE(160 + 40)], [21n, 77n])
  })

  it('an error after some entries waits for the next request', () => {
    const kernel = kernelWith()
    kernel.operations.entries = [{ name: 'f', nodeid: 21 }]
    kernel.operations.answers.readdir = () => -5
    assert.equal(kernel.ask({ opcode: Opcode.READDIRPLUS }, ...listing(0, 4096)).error, 0)
    assert.equal(kernel.ask({ opcode: Opcode.READDIRPLUS }, ...listing(1, 4096)).error, -5)
  })

  it('room for not even one entry is an error, not the end', () => {
    const kernel = kernelWith()
    kernel.operations.entries = [{ name: 'f', nodeid: 21 }]
    assert.equal(kernel.ask({ opcode: Opcode.READDIR }, ...listing(0, 16)).error, -22)
  })

  it('OPENDIR is declined where the kernel can do without, else opened as cached', () => {
    assert.equal(kernelWith().ask({ opcode: Opcode.OPENDIR }, u32(0), u32(0)).error, -38)
    const old = new SyntheticKernel()
    old.init(27, 0x003ffffb)
    const { error, body } = old.ask({ opcode: Opcode.OPENDIR }, u32(0), u32(0))
    assert.deepEqual([error, body.readUInt32LE(8)], [0, 2 | 8])
    assert.equal(old.ask({ opcode: Opcode.RELEASEDIR }, u64(0), u32(0), u32(0), u64(0)).error, 0)
  })
})

describe('extended attributes', () => {
  const get = (kernel: SyntheticKernel, size: number) =>
    kernel.ask({ opcode: Opcode.GETXATTR }, u32(size), u32(0), 'user.x\0')
  const list = (kernel: SyntheticKernel, size: number) => kernel.ask({ opcode: Opcode.LISTXATTR }, u32(size), u32(0))

  it('a probe gets the size, a fitting buffer the bytes, a small one ERANGE', () => {
    const kernel = kernelWith()
    assert.deepEqual([get(kernel, 0).body.readUInt32LE(0), get(kernel, 0).body.length], [5, 8])
    assert.equal(get(kernel, 5).body.toString(), 'value')
    assert.equal(get(kernel, 4).error, -34)
    assert.equal(list(kernel, 0).body.readUInt32LE(0), 14)
    assert.equal(list(kernel, 14).body.toString(), 'user.a\0user.b\0')
    assert.equal(list(kernel, 13).error, -34)
  })

  it('an empty value and an empty list are answers', () => {
    const kernel = kernelWith()
    kernel.operations.answers.getxattr = () => new Uint8Array(0)
    kernel.operations.answers.listxattr = () => []
    assert.deepEqual([get(kernel, 10).error, get(kernel, 10).body.length], [0, 0])
    assert.deepEqual([list(kernel, 10).body.length, list(kernel, 0).body.readUInt32LE(0)], [0, 0])
  })

  it('what is larger than the kernel allows is E2BIG', () => {
    const kernel = kernelWith()
    kernel.operations.answers.getxattr = () => new Uint8Array(65537)
    kernel.operations.answers.listxattr = () => Array(300).fill('x'.repeat(255))
    assert.deepEqual([get(kernel, 0).error, get(kernel, 1 << 20).error, list(kernel, 0).error], [-7, -7, -7])
    const head = [u32(65537), u32(0), u32(0), u32(0)]
    assert.equal(kernel.ask({ opcode: Opcode.SETXATTR }, ...head, 'user.x\0', new Uint8Array(65537)).error, -7)
  })

  it('before SETXATTR_EXT the message is shorter', () => {
    const kernel = new SyntheticKernel()
    kernel.init(31, 0x03fffffb)
    assert.equal(kernel.ask({ opcode: Opcode.SETXATTR }, u32(1), u32(1), 'user.x\0', 'v').error, 0)
    const expected = ['setxattr', 1, 'user.x', new Uint8Array([0x76]), 1, false]
    assert.deepEqual(kernel.operations.calls, [expected])
  })
})

describe('inode flags', () => {
  const ioctl = (kernel: SyntheticKernel, command: number, out: number, ...input: Field[]) =>
    kernel.ask(
      { opcode: Opcode.IOCTL },
      u64(0),
      u32(0),
      u32(command),
      u64(0),
      u32(input.length * 4),
      u32(out),
      ...input,
    )

  it('are read with 4 or 8 bytes, as the kernel or the program asked', () => {
    const kernel = kernelWith()
    const short = ioctl(kernel, GETFLAGS, 4).body
    const long = ioctl(kernel, GETFLAGS, 8).body
    assert.equal(short.toString('hex'), `${'00'.repeat(16)}10000000`)
    assert.equal(long.toString('hex'), `${'00'.repeat(16)}1000000000000000`)
    assert.equal(ioctl(kernel, 0x80046601, 4).body.readUInt32LE(16), 0x10)
    assert.equal(ioctl(kernel, GETFLAGS, 1000).error, -22)
  })

  it('are set', () => {
    const kernel = kernelWith()
    assert.equal(ioctl(kernel, SETFLAGS, 0, u32(0x20)).body.length, 16)
    assert.equal(ioctl(kernel, 0x40046602, 0, u32(0x40), u32(0)).error, 0)
    assert.equal(ioctl(kernel, SETFLAGS, 0).error, -22)
    assert.deepEqual(kernel.operations.calls, [
      ['setFlags', 1, 0x20],
      ['setFlags', 1, 0x40],
    ])
  })

  it('show in FSGETXATTR, which the kernel asks before it sets them', () => {
    const { body } = ioctl(kernelWith(), 0x801c581f, 28)
    assert.equal(body.toString('hex'), `${'00'.repeat(16)}08000000${'00'.repeat(24)}`)
  })

  it('any other ioctl is not for us', () => {
    assert.equal(ioctl(kernelWith(), 0x5401, 0).error, -25)
  })
})
