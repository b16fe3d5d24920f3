import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Opcode } from '../../src/protocol/opcodes.js'
import { type Field, s64, u32, u64 } from '../protocol/messages.js'
import type { Call } from './fake-operations.js'
import { SyntheticKernel } from './synthetic-kernel.js'

const caller = (umask: number) => ({ uid: 1000, gid: 1001, pid: 4242, umask })
const value = Buffer.from([1, 0, 2])

/** Message, body, the call it becomes, the size of the reply's body. All are about node 3. */
const cases: ReadonlyArray<readonly [keyof typeof Opcode, Field[], Call, number]> = [
  ['LOOKUP', ['a\0'], ['lookup', 3, 'a'], 128],
  ['GETATTR', [u32(0), u32(0), u64(0)], ['getattr', 3], 104],
  ['STATX', [u32(0), u32(0), u64(0), u32(0), u32(0xfff)], ['getattr', 3], 288],
  ['READLINK', [], ['readlink', 3], 7],
  ['SYMLINK', ['l\0', 't/\xff\0'], ['symlink', caller(0), 3, 'l', 't/\xff'], 128],
  [
    'MKNOD',
    [u32(0o20600), u32(0x493103e0), u32(0o22), u32(0), 'd\0'],
    ['mknod', caller(0o22), 3, 'd', 0o20600, 259, 300_000],
    128,
  ],
  ['MKDIR', [u32(0o777), u32(0o27), 'd\0'], ['mkdir', caller(0o27), 3, 'd', 0o777], 128],
  ['UNLINK', ['a\0'], ['unlink', 3, 'a'], 0],
  ['RMDIR', ['a\0'], ['rmdir', 3, 'a'], 0],
  ['RENAME', [u64(4), 'a\0', 'b\0'], ['rename', 3, 'a', 4, 'b', 0], 0],
  ['RENAME2', [u64(4), u32(5), u32(0), 'a\0', 'b\0'], ['rename', 3, 'a', 4, 'b', 5], 0],
  ['LINK', [u64(8), 'n\0'], ['link', 8, 3, 'n'], 128],
  ['OPEN', [u32(0x8002), u32(0)], ['open', 3, 0x8002], 16],
  [
    'CREATE',
    [u32(0x80c2), u32(0o100666), u32(0o22), u32(0), 'f\0'],
    ['create', caller(0o22), 3, 'f', 0o100666, 0x80c2],
    144,
  ],
  [
    'TMPFILE',
    [u32(0x410002), u32(0o100600), u32(0o22), u32(0), '/\0'],
    ['tmpfile', caller(0o22), 3, 0o100600, 0x410002],
    144,
  ],
  ['READ', [u64(5), u64(8192), u32(512), u32(0), u64(0), u32(0), u32(0)], ['read', 3, 512, 8192], 512],
  ['WRITE', [u64(5), u64(8192), u32(3), u32(4), u64(0), u32(0), u32(0), value], ['write', 3, 3, 8192, true], 8],
  ['RELEASE', [u64(5), u32(0), u32(0), u64(0)], ['release', 3, 5], 0],
  ['FSYNC', [u64(5), u32(1), u32(0)], ['fsync', 3, true], 0],
  ['FSYNCDIR', [u64(5), u32(0), u32(0)], ['fsyncdir', 3, false], 0],
  ['FALLOCATE', [u64(5), u64(1), u64(2), u32(3), u32(0)], ['fallocate', 3, 3, 1, 2], 0],
  ['LSEEK', [u64(5), u64(1), u32(3), u32(0)], ['lseek', 3, 1, 3], 8],
  [
    'COPY_FILE_RANGE',
    [u64(5), u64(1), u64(4), u64(6), u64(2), u64(2 ** 33), u64(0)],
    ['copyFileRange', 3, 1, 4, 2, 0xfffff000],
    8,
  ],
  [
    'COPY_FILE_RANGE_64',
    [u64(5), u64(1), u64(4), u64(6), u64(2), u64(2 ** 33), u64(0)],
    ['copyFileRange', 3, 1, 4, 2, 2 ** 33],
    8,
  ],
  ['STATFS', [], ['statfs', 3], 80],
  ['GETXATTR', [u32(64), u32(0), 'user.x\0'], ['getxattr', 3, 'user.x'], 5],
  ['LISTXATTR', [u32(64), u32(0)], ['listxattr', 3], 14],
  [
    'SETXATTR',
    [u32(3), u32(2), u32(1), u32(0), 'user.x\0', value],
    ['setxattr', 3, 'user.x', new Uint8Array(value), 2, true],
    0,
  ],
  ['REMOVEXATTR', ['user.x\0'], ['removexattr', 3, 'user.x'], 0],
]

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
    assert.deepEqual(set(0), {})
    assert.deepEqual(set(1), { mode: 0o4755 })
    assert.deepEqual(set(2 | 4), { uid: 11, gid: 12 })
    assert.deepEqual(set(8 | 64 | 512 | 2048), { size: 100, killSuidGid: true })
    assert.deepEqual(set(16 | 32), { atime: -7, atimeNs: 70, mtime: 8, mtimeNs: 80 })
    assert.deepEqual(set(16 | 128), { atimeNow: true })
    assert.deepEqual(set(16 | 128 | 32 | 256), { atimeNow: true, mtimeNow: true })
    assert.deepEqual(set(1024), {})
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
      ['setattr', 1, { killSuidGid: true }],
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
