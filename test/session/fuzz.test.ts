import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Opcode } from '../../src/protocol/opcodes.js'
import { pack, parseReply, request } from '../protocol/messages.js'
import { cases } from './cases.js'
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

/** A sound request in which a few bytes were replaced, mostly behind the header. */
const edit = fc.tuple(
  fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 40, max: 120 }) }, { weight: 1, arbitrary: fc.nat(39) }),
  byte,
)
const mutated = fc.tuple(fc.constantFrom(...cases), fc.array(edit, { maxLength: 4 })).map(([[name, fields], edits]) => {
  const bytes = Uint8Array.from(request({ opcode: Opcode[name], nodeid: 3 }, ...fields))
  for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value
  return bytes
})

/** Serves `bytes`; whatever comes back is well formed, and answers this very request. */
function survives(kernel: SyntheticKernel, bytes: Uint8Array): void {
  const length = kernel.raw(bytes)
  kernel.session.describeIncoming(bytes.length)
  if (length === 0) return
  const reply = parseReply(kernel.reply, length)
  assert.equal(reply.unique, Buffer.from(bytes).readBigUInt64LE(8))
  assert.doesNotMatch(kernel.session.describeReply(length), /\n/)
}

/** How many runs: as many as STRATAFS_FUZZ_RUNS says (`npm run fuzz`), else `few`. */
const runs = (few: number): number => Number(process.env.STRATAFS_FUZZ_RUNS ?? few)

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
      numRuns: runs(10_000),
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
      { numRuns: runs(20_000) },
    )
    assert.deepEqual(kernel.faults, [])
  })

  it('sound requests with bytes changed, the header’s too', () => {
    fc.assert(fc.property(mutated, (bytes) => survives(kernel, bytes)).beforeEach(clear), { numRuns: runs(20_000) })
    assert.deepEqual(kernel.faults, [])
  })

  it('sound requests cut short or followed by rubbish, with a length that agrees', () => {
    fc.assert(
      fc
        .property(fc.constantFrom(...cases), fc.nat(200), body, ([name, fields], length, rubbish) => {
          const bytes = pack(...fields, rubbish).subarray(0, length)
          survives(kernel, request({ opcode: Opcode[name], nodeid: 3 }, bytes))
        })
        .beforeEach(clear),
      { numRuns: runs(10_000) },
    )
    assert.deepEqual(kernel.faults, [])
  })

  it('nothing that reached an operation was out of its range', () => {
    const ranged = new SyntheticKernel()
    ranged.initNewest()
    let reached = 0
    fc.assert(
      fc.property(mutated, (bytes) => {
        ranged.operations.calls.length = 0
        ranged.raw(bytes)
        reached += ranged.operations.calls.length
        for (const [method, ...args] of ranged.operations.calls) checkArguments(method, args)
      }),
      { numRuns: runs(20_000) },
    )
    assert.ok(reached > 5000, `${reached} calls`)
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
