import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LATER } from '../../src/base/errno.js'
import { Opcode } from '../../src/protocol/opcodes.js'
import { request, u32, u64 } from '../protocol/messages.js'
import { SyntheticKernel } from './synthetic-kernel.js'

describe('the session', () => {
  it('turns a throw into EIO, tells it with its request, and goes on', () => {
    const kernel = new SyntheticKernel()
    const bug = new TypeError('a bug')
    kernel.operations.answers.rename = () => {
      throw bug
    }
    const reply = kernel.ask({ opcode: Opcode.RENAME2, nodeid: 7, unique: 412 }, u64(9), u32(1), u32(0), 'a\0', 'b\0')
    assert.equal(reply.error, -5)
    assert.deepEqual(kernel.faults, [{ error: bug, request: '412 RENAME2 n7 {newdir:9 flags:NOREPLACE} "a" "b"' }])
    assert.equal(kernel.session.counters.faults, 1)
    assert.equal(kernel.ask({ opcode: Opcode.LOOKUP }, 'a\0').error, 0)
  })

  it('answers nothing to a FORGET whose operation throws', () => {
    const kernel = new SyntheticKernel()
    kernel.operations.answers.forget = () => {
      throw new Error('a bug')
    }
    assert.equal(kernel.send({ opcode: Opcode.FORGET }, u64(1)), null)
    assert.equal(kernel.faults.length, 1)
  })

  it('takes no result that the kernel would refuse', () => {
    for (const result of [-512, -1e9, Number.NaN, -1.5, undefined]) {
      const kernel = new SyntheticKernel()
      kernel.operations.answers.unlink = () => result
      assert.equal(kernel.ask({ opcode: Opcode.UNLINK }, 'a\0').error, -5, String(result))
      assert.equal(kernel.faults.length, 1)
    }
  })

  it('lets no operation end its kind of message by accident', () => {
    const kernel = new SyntheticKernel()
    kernel.operations.answers.getxattr = () => -38
    kernel.operations.answers.open = () => -38
    assert.equal(kernel.ask({ opcode: Opcode.GETXATTR }, u32(0), u32(0), 'user.x\0').error, -95)
    assert.equal(kernel.ask({ opcode: Opcode.OPEN }, u32(0), u32(0)).error, -38, 'OPEN may be declined on purpose')
  })

  it('takes no data that overflows what was asked for', () => {
    const kernel = new SyntheticKernel()
    kernel.operations.answers.read = () => 4097
    const fields = [u64(0), u64(0), u32(4096), u32(0), u64(0), u32(0), u32(0)]
    assert.equal(kernel.ask({ opcode: Opcode.READ }, ...fields).error, -5)
  })

  it('answers a malformed request with EINVAL, and one too short to name itself not at all', () => {
    const kernel = new SyntheticKernel()
    assert.equal(kernel.ask({ opcode: Opcode.LOOKUP }, 'no end').error, -22)
    assert.equal(kernel.raw(new Uint8Array(39)), 0)
    assert.equal(kernel.raw(new Uint8Array(0)), 0)
    assert.equal(kernel.session.counters.malformed, 3)
    assert.deepEqual(kernel.operations.calls, [])
  })

  it('leaves a request to whoever answers it later', () => {
    const kernel = new SyntheticKernel()
    kernel.operations.answers.fsync = () => LATER
    const fields = [u64(0), u32(1), u32(0)]
    assert.equal(kernel.send({ opcode: Opcode.FSYNC, nodeid: 9 }, ...fields), null)
    assert.deepEqual(kernel.session.counters.byName().FSYNC, { requests: 1, errors: 0 })
  })

  it('never writes a notification: a request without a unique gets no reply', () => {
    const kernel = new SyntheticKernel()
    assert.equal(kernel.send({ opcode: Opcode.LOOKUP, unique: 0 }, 'a\0'), null)
  })

  it('knows no nodeid beyond 2^53', () => {
    const kernel = new SyntheticKernel()
    assert.equal(kernel.ask({ opcode: Opcode.GETATTR, nodeid: 2n ** 60n }, u32(0), u32(0), u64(0)).error, -116)
  })

  it('tells a request and its reply in one line each', () => {
    const kernel = new SyntheticKernel()
    const bytes = request({ opcode: Opcode.LOOKUP, unique: 8, nodeid: 1 }, 'caf\xe9\0')
    new Uint8Array(kernel.request).set(bytes)
    assert.equal(kernel.session.describeIncoming(bytes.length), '8 LOOKUP n1 "caf\\xe9"')
    const length = kernel.session.handle(bytes.length)
    const told = '8 OK {n9 ino:77 mode:0100644 nlink:1 owner:1:2 size:3 valid:60/30}'
    assert.equal(kernel.session.describeReply(length), told)
    kernel.operations.answers.lookup = () => -13
    assert.equal(kernel.session.describeReply(kernel.session.handle(bytes.length)), '8 EACCES')
  })
})

describe('INIT', () => {
  for (const [minor, flags, flags2] of [
    [27, 0x003ffffb, 0],
    [31, 0x03fffffb, 0],
    [38, 0x73fffffb, 0x1],
    [45, 0x73fffffb, 0x5fd],
  ] as const) {
    it(`7.${minor}`, () => {
      const kernel = new SyntheticKernel()
      const { error, body } = kernel.init(minor, flags, flags2)
      assert.deepEqual([error, body.length], [0, 64])
      assert.deepEqual([body.readUInt32LE(0), body.readUInt32LE(4)], [7, minor])
      assert.equal(body.readUInt32LE(12) & ~flags, 0)
      assert.equal(body.readUInt32LE(20), 1 << 20)
      assert.equal(body.readUInt16LE(28), minor >= 31 ? 256 : 0)
      assert.equal(kernel.session.agreed?.minor, minor)
    })
  }

  it('of a kernel before 4.18 is refused', () => {
    const kernel = new SyntheticKernel()
    assert.equal(kernel.init(26, 0x003ffffb).error, -22)
    assert.equal(kernel.session.agreed, null)
  })
})
