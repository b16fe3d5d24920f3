import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Device } from '../../native-bindings/index.js'
import { PENDING } from '../../src/base/errno.js'
import { Opcode } from '../../src/protocol/opcodes.js'
import { Connection, dataBinding, dataPort, unmounted } from '../../src/transport/dev-fuse.js'
import { parseReply, request, u32, u64 } from '../protocol/messages.js'
import { SyntheticKernel } from '../session/synthetic-kernel.js'

/** A device that plays a script: bytes are a request, a number is what `next` returns. */
class ScriptedDevice implements Device {
  readonly request: ArrayBuffer
  readonly reply: ArrayBuffer
  readonly counters = new Float64Array(7)
  readonly replies: number[] = []
  readonly calls: unknown[][] = []
  readonly #script: Array<Uint8Array | number>

  constructor(kernel: SyntheticKernel, script: Array<Uint8Array | number>) {
    this.request = kernel.request
    this.reply = kernel.reply
    this.#script = script
  }

  next(replyBytes: number): number {
    if (replyBytes > 0) this.replies.push(parseReply(this.reply, replyBytes).error)
    const step = this.#script.shift() ?? -19
    if (typeof step === 'number') return step
    new Uint8Array(this.request).set(step)
    return step.length
  }

  send = (...args: unknown[]) => this.#called('send', args)
  /** What `take` reads. */
  readonly taken: Uint8Array[] = []
  take = () => {
    const bytes = this.taken.shift()
    if (bytes === undefined) return -11
    new Uint8Array(this.request).set(bytes)
    return bytes.length
  }
  resend = () => 0
  bind = (...args: unknown[]) => void this.#called('bind', args)
  unbind = (...args: unknown[]) => void this.#called('unbind', args)
  used = (...args: unknown[]) => this.#called('used', args)
  openBacking = (...args: unknown[]) => this.#called('openBacking', args)
  closeBacking = (...args: unknown[]) => this.#called('closeBacking', args)
  forgetAttributes = (...args: unknown[]) => this.#called('forgetAttributes', args)
  storeContent = (...args: unknown[]) => this.#called('storeContent', args)
  keepAwake = (...args: unknown[]) => this.#called('keepAwake', args)
  share = (...args: unknown[]) => void this.#called('share', args)
  changed = (...args: unknown[]) => this.#called('changed', args)
  count = (...args: unknown[]) => this.#called('count', args)
  settleWritten = (...args: unknown[]) => this.#called('settleWritten', args)
  readAhead = (...args: unknown[]) => this.#called('readAhead', args)
  direct = (...args: unknown[]) => void this.#called('direct', args)
  sync = (...args: unknown[]) => this.#called('sync', args)
  readInto = (...args: unknown[]) => this.#called('readInto', args)
  writeFrom = (...args: unknown[]) => this.#called('writeFrom', args)
  close = () => void this.#called('close', [])

  #called(method: string, args: unknown[]): number {
    this.calls.push([method, ...args])
    return 0
  }
}

const lookup = request({ opcode: Opcode.LOOKUP, unique: 2 }, 'a\0')
const forget = request({ opcode: Opcode.FORGET, unique: 3, nodeid: 9 }, u64(1))
const flush = request({ opcode: Opcode.FLUSH, unique: 4, nodeid: 9 }, u64(0), u32(0), u32(0), u64(0))

/** Serves until the device ends, or `onWake` says so when there is something else to do. */
function serve(device: Device, kernel: SyntheticKernel, onWake: () => boolean, options = {}): number {
  const connection = new Connection(device, kernel.session, options)
  for (;;) {
    const result = connection.serve()
    if (result < 0 || onWake()) return result
    connection.serveAgain()
  }
}

describe('the loop over /dev/fuse', () => {
  it('writes each reply with the next read, and ends when unmounted', () => {
    const kernel = new SyntheticKernel()
    const device = new ScriptedDevice(kernel, [lookup, forget, flush])
    const result = serve(device, kernel, () => true)
    assert.equal(unmounted(result), true)
    assert.deepEqual(device.replies, [0, -38])
    assert.deepEqual(device.calls, [['direct', true]])
  })

  it('goes on after a wake-up until told to stop', () => {
    const kernel = new SyntheticKernel()
    const device = new ScriptedDevice(kernel, [lookup, 0, flush, 0, lookup])
    let wakes = 0
    const result = serve(device, kernel, () => ++wakes === 2)
    assert.deepEqual([result, wakes, device.replies], [0, 2, [0, -38]])
  })

  it('puts a request aside that cannot be served yet, and serves it from its beginning after a wake-up', () => {
    const kernel = new SyntheticKernel()
    const device = new ScriptedDevice(kernel, [lookup, flush, 0, forget, 0])
    let patience = 2
    kernel.operations.answers.lookup = () => (patience-- > 0 ? PENDING : 9)
    serve(device, kernel, () => false)
    assert.deepEqual(
      kernel.operations.calls.map(([method]) => method),
      ['lookup', 'lookup', 'forget', 'lookup'],
    )
    // FLUSH is answered meanwhile, LOOKUP once, by `send`.
    assert.deepEqual(device.replies, [-38])
    assert.deepEqual(
      device.calls.filter(([method]) => method === 'send'),
      [['send', 16 + 128]],
    )
  })

  it('counts when a request begins and when it has been answered', () => {
    const kernel = new SyntheticKernel()
    const turns = Int32Array.of(6)
    kernel.operations.answers.lookup = () => (turns[0] === 7 ? 9 : -5)
    const device = new ScriptedDevice(kernel, [lookup, flush, 0])
    serve(device, kernel, () => true, { turns })
    assert.deepEqual([turns[0], device.replies], [10, [0, -38]])
  })

  it('hands a device’s failure back', () => {
    const kernel = new SyntheticKernel()
    assert.equal(
      serve(new ScriptedDevice(kernel, [-5]), kernel, () => false),
      -5,
    )
  })

  it('tells every request and reply when tracing', () => {
    const kernel = new SyntheticKernel()
    const device = new ScriptedDevice(kernel, [lookup, forget, flush])
    const lines: string[] = []
    serve(device, kernel, () => true, { trace: (line: string) => lines.push(line) })
    assert.deepEqual(device.calls, [['direct', false]])
    assert.deepEqual(lines, [
      'rx 2 LOOKUP n1 "a"',
      'tx 2 OK {n9 ino:77 mode:0100644 nlink:1 owner:1:2 size:3 valid:60/30}',
      'rx 3 FORGET n9 {nlookup:1}',
      'rx 4 FLUSH n9',
      'tx 4 ENOSYS',
    ])
  })

  it('takes over what another process read, oldest first, and answers for that one', () => {
    const kernel = new SyntheticKernel()
    const device = new ScriptedDevice(kernel, [])
    const again = (unique: number) => request({ opcode: Opcode.LOOKUP, unique: BigInt(unique) + (1n << 63n) }, 'a\0')
    device.taken.push(again(8), forget, again(6), lookup, again(4))
    const connection = new Connection(device, kernel.session)
    const taken = connection.takeOver(() => false) as Uint8Array[]
    // What is read for the first time comes after all that is sent again.
    assert.deepEqual(
      taken,
      [lookup, forget, again(6), again(8)].map((bytes) => new Uint8Array(bytes)),
    )
    const elsewhere = { ...kernel.operations, lookup: () => 0, attr: kernel.operations.attr }
    connection.serveTaken(taken[2]!, elsewhere as never)
    assert.deepEqual(device.calls.slice(-1), [['send', 16 + 128]])
    assert.equal(new Float64Array(device.reply, 16, 1)[0], 0)
  })

  it('answers EIO where a kernel sends nothing again', () => {
    const kernel = new SyntheticKernel()
    const device = new ScriptedDevice(kernel, [])
    device.resend = () => -22
    const connection = new Connection(device, kernel.session)
    assert.equal(
      connection.takeOver(() => false),
      -22,
    )
    connection.fail(12, 0)
    assert.deepEqual([...new Int32Array(device.reply, 0, 4)], [16, -5, 12, 0])
    assert.deepEqual(device.calls.slice(-1), [['send', 16]])
  })

  it('tells of requests that wait, and that they do not any more', () => {
    const kernel = new SyntheticKernel()
    const told: unknown[] = []
    let turns = 0
    kernel.operations.answers.lookup = () => (turns++ === 0 ? PENDING : 9)
    const device = new ScriptedDevice(kernel, [lookup, 0])
    serve(device, kernel, () => turns > 1, { aside: (...of: unknown[]) => told.push(of) })
    assert.deepEqual(told, [
      [2, 0, true],
      [2, 0, false],
    ])
  })

  it('moves data by the device, and binds on it', () => {
    const kernel = new SyntheticKernel()
    const device = new ScriptedDevice(kernel, [])
    dataPort(device).read(8, 512, 4096)
    dataPort(device).write(8, 512, 4096, true)
    let isRemembered = true
    const binding = dataBinding(device, 7, { isAlone: () => false, isRemembered: () => isRemembered })
    binding.bind(3, 8, true)
    binding.unbind(3)
    binding.sync(8, true)
    // Nobody would answer it if the process died: it is done here, of a descriptor that there is not.
    isRemembered = false
    assert.equal(binding.sync(-1, true), -9)
    assert.deepEqual(device.calls, [
      ['readInto', 8, 512, 4096],
      ['writeFrom', 8, 80, 512, 4096, true],
      ['bind', 3, 8, true],
      ['unbind', 3],
      ['sync', 8, true, false],
    ])
  })
})
