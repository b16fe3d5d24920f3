import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Opcode } from '../../src/protocol/opcodes.js'
import { parseReply, request } from '../protocol/messages.js'
import { SyntheticKernel } from './synthetic-kernel.js'

const opcodes = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...Object.values(Opcode)) },
  { weight: 1, arbitrary: fc.nat() },
)

/** Bytes of bodies: small numbers, NULs and letters far more often than chance would have them. */
const byte = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 8, 0x2f, 0x2e, 0x61, 0xff) },
  { weight: 1, arbitrary: fc.nat(255) },
)
const body = fc.array(byte, { maxLength: 160 }).map((bytes) => Uint8Array.from(bytes))

/** Serves `bytes`; whatever comes back is well formed, and answers this very request. */
function survives(kernel: SyntheticKernel, bytes: Uint8Array): void {
  const length = kernel.raw(bytes)
  kernel.session.describeIncoming(bytes.length)
  if (length === 0) return
  const reply = parseReply(kernel.reply, length)
  assert.equal(reply.unique, Buffer.from(bytes).readBigUInt64LE(8))
  assert.doesNotMatch(kernel.session.describeReply(length), /\n/)
}

describe('garbage', () => {
  const kernel = new SyntheticKernel()
  kernel.initNewest()
  kernel.operations.entries = [
    { name: '.', nodeid: 0 },
    { name: 'f', nodeid: 21 },
  ]
  const clear = () => {
    kernel.operations.calls.length = 0
  }

  it('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => survives(kernel, bytes)).beforeEach(clear), {
      numRuns: 10_000,
    })
    assert.deepEqual(kernel.faults, [])
  })

  it('sound headers over random bodies', () => {
    fc.assert(
      fc
        .property(opcodes, body, fc.nat(), (opcode, bytes, nodeid) =>
          survives(kernel, request({ opcode, nodeid }, bytes)),
        )
        .beforeEach(clear),
      { numRuns: 20_000 },
    )
    assert.deepEqual(kernel.faults, [])
  })

  it('requests with bytes changed, the header’s too', () => {
    const changes = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc
        .property(opcodes, body, changes, (opcode, bytes, edits) => {
          const mutated = Uint8Array.from(request({ opcode }, bytes))
          for (const [at, value] of edits) if (at < mutated.length) mutated[at] = value
          survives(kernel, mutated)
        })
        .beforeEach(clear),
      { numRuns: 10_000 },
    )
    assert.deepEqual(kernel.faults, [])
  })

  it('nothing that reached an operation was out of its range', () => {
    const ranged = new SyntheticKernel()
    ranged.initNewest()
    fc.assert(
      fc.property(opcodes, body, (opcode, bytes) => {
        ranged.operations.calls.length = 0
        ranged.raw(request({ opcode }, bytes))
        for (const [method, ...args] of ranged.operations.calls) checkArguments(method, args)
      }),
      { numRuns: 10_000 },
    )
  })
})

/** Names are no paths, and no name or number is missing. */
function checkArguments(method: string, args: readonly unknown[]): void {
  for (const arg of args) {
    assert.notEqual(arg, undefined, method)
    if (typeof arg === 'number') assert.ok(Number.isInteger(arg), method)
    if (typeof arg !== 'string') continue
    assert.ok(arg.length > 0 && !arg.includes('\0'), method)
    if (!method.endsWith('xattr') && method !== 'symlink') assert.ok(!arg.includes('/'), method)
  }
}
