/**
 * What the writer reads of the layers by itself waits while requests come, is read at once when none do, and does not
 * wait for ever; what waits at the end of the mount is not lost, and rows that are wrong do not wait at all.
 */
import assert from 'node:assert/strict'
import { mock, type TestContext, test } from 'node:test'
import { newSharedState, Slot, State, turnsOf } from '../../src/owner-index/database/shared-state.js'
import { BUSY_PAUSE_MS, IdleGate, LULL_MS, PATIENCE } from '../../src/owner-index/writer/idle-gate.js'
import { ReadQueue } from '../../src/owner-index/writer/read-queue.js'
import { overFiles, picture, Run, type Stage } from './stage.js'

const PAUSED = { go: false, pause: LULL_MS }
const QUIET = { go: true, pause: 0 }

test('a lull is a look before which nothing was served since the look before', () => {
  const shared = newSharedState()
  const turns = turnsOf(shared)
  const lull = new IdleGate(shared)
  assert.deepEqual([lull.look(), lull.look()], [PAUSED, QUIET])
  turns[0]! += 2
  assert.deepEqual([lull.look(), lull.look()], [PAUSED, QUIET])
  // One that takes long.
  turns[0]! += 1
  assert.deepEqual([lull.look(), lull.look(), lull.look()], [PAUSED, PAUSED, PAUSED])
  turns[0]! += 1
  assert.deepEqual([lull.look(), lull.look()], [PAUSED, QUIET])
  lull.done()
  assert.deepEqual(lull.look(), PAUSED)
})

test('in a mount that is never quiet it goes on after a while, with pauses; after a lull it is as patient as before', () => {
  const shared = newSharedState()
  const lull = new IdleGate(shared)
  const busy = (): object => {
    turnsOf(shared)[0]! += 2
    return lull.look()
  }
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < PATIENCE; i++) assert.deepEqual(busy(), PAUSED)
    for (let i = 0; i < 3; i++) assert.deepEqual(busy(), { go: true, pause: BUSY_PAUSE_MS })
    assert.deepEqual(lull.look(), QUIET)
  }
})

/** Some that wait, in a mount that serves something for `busy` milliseconds; which were read when. */
function waiting(t: TestContext, busy: number) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const shared = newSharedState()
  const read: { path: string; at: number }[] = []
  const visits = new ReadQueue(shared, (paths) => {
    for (const path of paths) {
      read.push({ path, at: Date.now() })
      // Each takes as long as a step may.
      t.mock.timers.setTime(Date.now() + 20)
    }
  })
  const pass = (until: number): void => {
    while (Date.now() < until) {
      if (Date.now() < busy) turnsOf(shared)[0]! += 2
      t.mock.timers.tick(10)
    }
  }
  return { visits, read, pass }
}

test('directories wait while something is served, each but once', (t) => {
  const { visits, read, pass } = waiting(t, 300)
  for (const path of ['a', 'b', 'a', 'c']) visits.add(path)
  pass(300)
  assert.equal(read.length, 0)
  pass(600)
  assert.deepEqual(
    read.map(({ path }) => path),
    ['a', 'b', 'c'],
  )
  assert.ok(read[2]!.at <= 500, JSON.stringify(read))
})

test('they are read between others where it is never quiet', (t) => {
  const { visits, read, pass } = waiting(t, Number.POSITIVE_INFINITY)
  for (const path of ['a', 'b']) visits.add(path)
  pass(PATIENCE * LULL_MS)
  assert.equal(read.length, 0)
  pass((PATIENCE + 10) * LULL_MS)
  assert.equal(read.length, 2)
  assert.ok(read[1]!.at - read[0]!.at >= LULL_MS, JSON.stringify(read))
})

test('forgotten ones are not read, and others wait anew', (t) => {
  const { visits, read, pass } = waiting(t, 0)
  visits.add('a')
  visits.clear()
  pass(500)
  visits.add('b')
  pass(510)
  assert.equal(read.length, 0)
  pass(1000)
  assert.deepEqual(
    read.map(({ path }) => path),
    ['b'],
  )
})

const LAYERS = [['a/one'], ['a/two', 'b/three'], ['b/four']]
const staged = (act: (stage: Stage, index: string) => void): (() => void) => overFiles(LAYERS, act)

test(
  'what waits at the end is read, and found by the next mount',
  staged((stage, index) => {
    const run = new Run(stage, { index })
    picture(run)
    run.end()
    const next = new Run(stage, { index })
    picture(next)
    assert.ok(next.index!.counters.loads > 0)
    next.close()
  }),
)

test(
  'what is visited waits, rows that are wrong do not',
  staged((stage, index) => {
    const run = new Run(stage, { index })
    const { writer } = run
    writer!.take({ kind: 'visit', path: 'a', edited: [], why: 'absent' })
    assert.equal(writer!.store!.idOf('a'), 0)
    writer!.take({ kind: 'visit', path: 'b', edited: [1], why: 'stale' })
    assert.ok(writer!.store!.idOf('b') > 0)
    assert.equal(writer!.store!.idOf('a'), 0)
    run.read()
    assert.ok(writer!.store!.idOf('a') > 0)
    run.close()
  }),
)

test(
  'what was visited before there was a database is read once there is one, but for what it has',
  staged((stage, index) => {
    const run = new Run(stage, { index })
    run.writer!.take({ kind: 'visit', path: 'a', edited: [], why: 'absent' })
    run.read()
    const before = run.writer!.store!.idOf('a')
    Atomics.store(run.shared, Slot.STATE, State.OPENING)
    picture(run)
    Atomics.store(run.shared, Slot.STATE, State.READY)
    const put = mock.method(run.writer!.store!, 'put')
    run.write()
    assert.deepEqual(
      put.mock.calls.map(({ arguments: [rows] }) => rows.place.path),
      ['b'],
    )
    assert.equal(run.writer!.store!.idOf('a'), before)
    run.close()
  }),
)

test(
  'another database: what waited for the one before is not read into it',
  staged((stage, index) => {
    const run = new Run(stage, { index })
    run.writer!.take({ kind: 'visit', path: 'a', edited: [], why: 'absent' })
    run.writer!.take({ kind: 'drop' })
    run.read()
    assert.equal(run.writer!.store!.idOf('a'), 0)
    run.close()
  }),
)
