import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Opcode } from '../../src/protocol/opcodes.js'
import { s64, u32, u64 } from '../protocol/messages.js'
import { cases } from './cases.js'
import { SyntheticKernel } from './synthetic-kernel.js'

/** Whom a request of no particular caller is from. */
const WRITER = { gid: 1001, pid: 4242 }

describe('every message becomes its operation', () => {
  for (const [name, fields, call, size] of cases) {
    it(name, () => {
      const kernel = new SyntheticKernel()
      kernel.initNewest()
      const reply = kernel.ask({ opcode: Opcode[name], nodeid: 3, unique: 99 }, ...fields)
      assert.deepEqual([reply.error, reply.unique, reply.body.length], [0, 99n, size])
      assert.deepEqual(kernel.operations.calls, [call])
      assert.deepEqual(kernel.session.counters.byName()[name], { requests: 1, errors: 0 })
      assert.deepEqual(kernel.faults, [])
    })
  }

  for (const [name, fields, call] of cases) {
    it(`${name} hands an error on`, () => {
      const kernel = new SyntheticKernel()
      kernel.initNewest()
      kernel.operations.answers[call[0] as 'lookup'] = () => -13
      assert.equal(kernel.ask({ opcode: Opcode[name], nodeid: 3 }, ...fields).error, -13)
      assert.deepEqual(kernel.session.counters.byName()[name], { requests: 1, errors: 1 })
    })
  }
})

describe('messages with meanings of their own', () => {
  const kernelWith = () => {
    const kernel = new SyntheticKernel()
    kernel.initNewest()
    return kernel
  }

  it('an absent name is a negative entry that may be kept', () => {
    const kernel = kernelWith()
    kernel.operations.answers.lookup = () => 0
    const { error, body } = kernel.ask({ opcode: Opcode.LOOKUP }, 'a\0')
    assert.deepEqual([error, body.readBigUInt64LE(0), body.readBigUInt64LE(16)], [0, 0n, 10n])
  })

  it('an entry and attributes carry their own timeouts', () => {
    const { body } = kernelWith().ask({ opcode: Opcode.LOOKUP }, 'a\0')
    assert.deepEqual([body.readBigUInt64LE(0), body.readBigUInt64LE(16), body.readBigUInt64LE(24)], [9n, 60n, 30n])
    assert.equal(kernelWith().ask({ opcode: Opcode.GETATTR }, u32(0), u32(0), u64(0)).body.readBigUInt64LE(0), 30n)
  })

  it('SETATTR: only what its bits say', () => {
    const kernel = kernelWith()
    const set = (valid: number) => {
      const times = [s64(-7), s64(8), s64(9), u32(70), u32(80), u32(90)]
      const rest = [u32(0o4755), u32(0), u32(11), u32(12), u32(0)]
      kernel.ask({ opcode: Opcode.SETATTR }, u32(valid), u32(0), u64(5), u64(100), u64(0), ...times, ...rest)
      return kernel.operations.calls.at(-1)?.[2]
    }
    assert.deepEqual(set(0), { killSuidGid: true, killSetgid: true })
    assert.deepEqual(set(64 | 512 | 1024), { killSuidGid: true, killSetgid: true })
    assert.deepEqual(set(1), { mode: 0o4755 })
    assert.deepEqual(set(2 | 4), { uid: 11, gid: 12 })
    assert.deepEqual(set(8 | 64 | 512 | 2048), { size: 100, killSuidGid: true, writer: WRITER })
    assert.deepEqual(set(16 | 32), { atime: -7, atimeNs: 70, mtime: 8, mtimeNs: 80 })
    assert.deepEqual(set(16 | 128), { atimeNow: true })
    assert.deepEqual(set(16 | 128 | 32 | 256), { atimeNow: true, mtimeNow: true })
    assert.deepEqual(set(1024), { killSuidGid: true, killSetgid: true })
  })

  it('FORGET, BATCH_FORGET, INTERRUPT and NOTIFY_REPLY get no reply', () => {
    const kernel = kernelWith()
    assert.equal(kernel.send({ opcode: Opcode.FORGET, nodeid: 3 }, u64(2)), null)
    const batch = [u32(2), u32(0), u64(4), u64(1), u64(5), u64(6)]
    assert.equal(kernel.send({ opcode: Opcode.BATCH_FORGET, nodeid: 0 }, ...batch), null)
    assert.equal(kernel.send({ opcode: Opcode.INTERRUPT, nodeid: 0 }, u64(12)), null)
    assert.equal(kernel.send({ opcode: Opcode.NOTIFY_REPLY }), null)
    assert.equal(kernel.send({ opcode: Opcode.FORGET }), null)
    assert.deepEqual(kernel.operations.calls, [
      ['forget', 3, 2],
      ['forget', 4, 1],
      ['forget', 5, 6],
    ])
  })

  it('DESTROY is answered', () => {
    assert.equal(kernelWith().ask({ opcode: Opcode.DESTROY, nodeid: 0 }).error, 0)
  })

  for (const name of ['FLUSH', 'ACCESS', 'GETLK', 'SETLK', 'SETLKW', 'POLL', 'BMAP', 'SYNCFS'] as const) {
    it(`${name} is declined`, () => {
      const kernel = kernelWith()
      assert.equal(kernel.ask({ opcode: Opcode[name] }, new Uint8Array(64)).error, -38)
      assert.deepEqual(kernel.operations.calls, [])
    })
  }

  it('unknown messages are declined', () => {
    const kernel = kernelWith()
    for (const opcode of [0, 7, 19, 54, 1000, 4096, 0xffffffff]) assert.equal(kernel.ask({ opcode }).error, -38)
    assert.deepEqual(kernel.session.counters.byName().UNKNOWN, { requests: 7, errors: 7 })
  })

  it('READ: the port’s bytes follow the header; more than fits is refused', () => {
    const kernel = kernelWith()
    const read = (size: number) => [u64(0), u64(0), u32(size), u32(0), u64(0), u32(0), u32(0)]
    assert.equal(kernel.ask({ opcode: Opcode.READ }, ...read(4)).body.toString(), 'dddd')
    assert.equal(kernel.ask({ opcode: Opcode.READ }, ...read(1 << 20)).body.length, 1 << 20)
    assert.equal(kernel.ask({ opcode: Opcode.READ }, ...read(1 << 24)).error, -22)
  })

  it('WRITE: the port takes the bytes from the request', () => {
    const kernel = kernelWith()
    const head = [u64(0), u64(0), u32(5), u32(0), u64(0), u32(0), u32(0)]
    const reply = kernel.ask({ opcode: Opcode.WRITE }, ...head, 'h\0llo')
    assert.deepEqual([kernel.written, reply.body.readUInt32LE(0)], [['h\0llo'], 5])
    assert.deepEqual(kernel.operations.calls, [['write', 1, 5, 0, false]])
  })

  it('OPEN with O_TRUNC by the unprivileged clears setuid, and gives the handle back when that fails', () => {
    const kernel = kernelWith()
    assert.equal(kernel.ask({ opcode: Opcode.OPEN }, u32(0x8201), u32(1)).error, 0)
    assert.deepEqual(kernel.operations.calls.splice(0), [
      ['open', 1, 0x8201],
      ['setattr', 1, { killSuidGid: true, writer: WRITER }],
    ])
    kernel.operations.answers.setattr = () => -5
    assert.equal(kernel.ask({ opcode: Opcode.OPEN }, u32(0x8201), u32(1)).error, -5)
    assert.deepEqual(kernel.operations.calls.at(-1), ['release', 1, 5])
  })

  it('direct I/O is laid over what the operation says', () => {
    const kernel = new SyntheticKernel({ directIo: true })
    assert.equal(kernel.ask({ opcode: Opcode.OPEN }, u32(0), u32(0)).body.readUInt32LE(8), 1)
  })

  it('RENAME2 knows three flags, LSEEK two whences', () => {
    const kernel = kernelWith()
    assert.equal(kernel.ask({ opcode: Opcode.RENAME2 }, u64(4), u32(8), u32(0), 'a\0', 'b\0').error, -22)
    assert.equal(kernel.ask({ opcode: Opcode.LSEEK }, u64(0), u64(0), u32(0), u32(0)).error, -22)
    assert.deepEqual(kernel.operations.calls, [])
  })

  it('what was made is never "absent"', () => {
    const kernel = kernelWith()
    kernel.operations.answers.mkdir = () => 0
    assert.equal(kernel.ask({ opcode: Opcode.MKDIR }, u32(0), u32(0), 'd\0').error, -5)
  })
})
