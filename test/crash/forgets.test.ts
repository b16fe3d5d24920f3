/**
 * FORGETs that are read while a dead process is followed: the kernel sends them once. Who follows is ended at each step
 * of reading and carrying them out, and followed by another one. In the end each must have been carried out once.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { StratafsError } from '../../src/base/failure.js'
import { keepLeftBehind, resumeServing } from '../../src/daemon/engine/resume-serving.js'
import { createEngine, type Engine } from '../../src/operations/engine.js'
import { Opcode } from '../../src/protocol/opcodes.js'
import { native } from '../../src/syscalls/native.js'
import { StateMemory } from '../../src/union/state/memory.js'
import { Field } from '../../src/union/state/slots.js'
import { type Run, Stack } from '../engine/layers.js'
import { followDescriptors } from '../engine/native-hook.js'
import { ROOT, unbound } from '../engine/session.js'
import { Ended } from '../engine/survivor.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'
const MAKER = { uid: 0, gid: 0, pid: 1, umask: 0 }

type Pair = readonly [nodeid: number, count: number]

function mapped(fd: number): StateMemory {
  const memory = StateMemory.map(fd)
  if (typeof memory === 'number') throw new Error(`no memory: errno ${-memory}`)
  return memory
}

/** FORGET for one node, BATCH_FORGET for more. */
function message(unique: number, pairs: readonly Pair[]): Uint8Array {
  const isBatch = pairs.length !== 1
  const view = new DataView(new ArrayBuffer(isBatch ? 48 + pairs.length * 16 : 48))
  view.setUint32(4, isBatch ? Opcode.BATCH_FORGET : Opcode.FORGET, true)
  view.setUint32(8, unique, true)
  if (!isBatch) view.setBigUint64(16, BigInt(pairs[0]![0]), true)
  view.setBigUint64(40, BigInt(isBatch ? pairs.length : pairs[0]![1]), true)
  for (const [i, [nodeid, count]] of isBatch ? pairs.entries() : []) {
    view.setBigUint64(48 + i * 16, BigInt(nodeid), true)
    view.setBigUint64(56 + i * 16, BigInt(count), true)
  }
  return new Uint8Array(view.buffer)
}

/** Follows; `inbox`: what the kernel has to say, from which is taken what was read. */
function follow(engine: Engine, memory: StateMemory, inbox: Uint8Array[], step: () => void): void {
  const request = new Uint8Array(memory.request)
  const takeOver = (keep: () => boolean) => {
    while (inbox.length > 0) {
      request.set(inbox.shift()!)
      step()
      assert.equal(keep(), true)
      step()
    }
    return []
  }
  keepLeftBehind(memory, engine.ledger!)
  step()
  const { forgets } = engine.ledger!
  const carryOut = forgets.carryOut.bind(forgets)
  forgets.carryOut = (lookups, forget) => {
    const asked = (id: number) => {
      step()
      return lookups(id)
    }
    const carried = (id: number, count: number) => {
      step()
      forget(id, count)
      step()
    }
    carryOut(asked, carried)
    step()
  }
  const session = { resume: () => {} }
  resumeServing({ engine, memory, session, connection: { takeOver }, log: () => {} } as never)
}

/** How many lookups are left of three names after a death at step `at`; null: there are fewer steps. */
function survived(run: Run, at: number): number[] | null {
  const pair = new Int32Array(2)
  const state = native.memfd()
  native.socketPair(true, pair)
  const begin = (resumed: boolean): [Engine, StateMemory] => {
    const kept = { memory: mapped(state), into: pair[0]!, from: pair[1]! }
    if (!resumed) kept.memory.begin()
    const engine = createEngine({ ...run.config({}), resumed }, unbound, () => undefined, kept)
    if (engine instanceof StratafsError) throw new Error(engine.message)
    return [engine, kept.memory]
  }
  const [first, memory] = begin(false)
  const ids = ['new1', 'new2', 'new3'].map((name) => first.operations.mknod(MAKER, ROOT, name, 0o100644, 0, 0))
  for (const name of ['new1', 'new1', 'new2', 'new2', 'new3']) first.operations.lookup(ROOT, name)
  const [a, b, c] = ids as [number, number, number]
  new Uint8Array(memory.request).set(message(2, [[a, 2]]))
  const pairs: Pair[] = [
    [b, 1],
    [c, 2],
  ]
  const inbox = [message(4, pairs), message(6, [[b, 1]])]
  const hasDied = diesAt(at, (step) => follow(...begin(true), inbox, step))
  if (hasDied) follow(...begin(true), inbox, () => {})
  const { slots } = begin(true)[0].ledger!
  const lookups = new Map<number, number>()
  for (let slot = 1; slot < slots.end; slot++) lookups.set(slots.id(slot), slots.get(slot, Field.LOOKUPS))
  return hasDied ? ids.map((id) => lookups.get(id) ?? 0) : null
}

/** Whether `act`, which is ended at its step `at`, has so many. */
function diesAt(at: number, act: (step: () => void) => void): boolean {
  let steps = 0
  try {
    act(() => {
      if (steps++ === at) throw new Ended()
    })
    return false
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    return true
  }
}

it('what is forgotten while a dead process is followed is forgotten once', { skip }, () => {
  const stack = new Stack('tmpfs')
  try {
    for (let at = 0; ; at++) {
      const { result, closeAll } = followDescriptors(() => survived(stack.newRun(), at))
      closeAll()
      if (result === null) return assert.ok(at >= 16, `there are only ${at} steps`)
      assert.deepEqual(result, [1, 1, 0], `after a death at step ${at}`)
    }
  } finally {
    stack.remove()
  }
})
