/**
 * What the writer reads of the layers by itself waits while the mount is in use, is read at once when it is not, and does not wait for
 * ever; what waits at the end of the mount is not lost.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LULL_MS, Lull, PATIENCE_MS } from '../../src/index/lull.js'
import { newSharedState, Slot } from '../../src/index/shared-state.js'
import { WaitingVisits } from '../../src/index/waiting-visits.js'
import { picture, Run, Stage } from './stage.js'

const PAUSED = { go: false, pause: LULL_MS }

test('a lull is a look at which nothing has been asked since the look before', () => {
  const shared = newSharedState()
  const lull = new Lull(shared)
  assert.deepEqual(lull.look(0), PAUSED)
  assert.deepEqual(lull.look(LULL_MS), { go: true, pause: 0 })
  shared[Slot.ASKED]!++
  assert.deepEqual(lull.look(2 * LULL_MS), PAUSED)
  assert.deepEqual(lull.look(3 * LULL_MS), { go: true, pause: 0 })
  lull.done()
  assert.deepEqual(lull.look(4 * LULL_MS), PAUSED)
})

test('in a mount that is never quiet it goes on after a while, with pauses', () => {
  const shared = newSharedState()
  const lull = new Lull(shared)
  for (let now = 0; now < PATIENCE_MS; now += LULL_MS) {
    assert.deepEqual(lull.look(now), PAUSED)
    shared[Slot.ASKED]!++
  }
  assert.deepEqual(lull.look(PATIENCE_MS), { go: true, pause: LULL_MS })
  lull.done()
  assert.deepEqual(lull.look(PATIENCE_MS + 1), PAUSED)
})

/** Some that wait, in a mount in which something is asked for `busy` milliseconds; which were read when. */
function waiting(t: TestContext, busy: number) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const shared = newSharedState()
  const read: string[] = []
  const visits = new WaitingVisits(shared, (paths) => {
    for (const path of paths) {
      read.push(`${Date.now()} ${path}`)
      // Each takes as long as a step may.
      t.mock.timers.setTime(Date.now() + 20)
    }
  })
  const pass = (until: number): void => {
    while (Date.now() < until) {
      if (Date.now() < busy) shared[Slot.ASKED]!++
      t.mock.timers.tick(10)
    }
  }
  return { visits, read, pass }
}

test('directories wait while something is asked, each but once', (t) => {
  const { visits, read, pass } = waiting(t, 300)
  for (const path of ['a', 'b', 'a', 'c']) visits.add(path)
  pass(300)
  assert.equal(read.length, 0)
  pass(600)
  assert.deepEqual(
    read.map((line) => line.split(' ')[1]),
    ['a', 'b', 'c'],
  )
  assert.ok(Number(read[2]!.split(' ')[0]) <= 500, String(read))
})

test('they are read between others where it is never quiet', (t) => {
  const { visits, read, pass } = waiting(t, Number.POSITIVE_INFINITY)
  for (const path of ['a', 'b']) visits.add(path)
  pass(PATIENCE_MS)
  assert.ok(read.length <= 1, String(read))
  pass(PATIENCE_MS + 400)
  assert.equal(read.length, 2)
  const [first, second] = read.map((line) => Number(line.split(' ')[0]))
  assert.ok(second! - first! >= LULL_MS, String(read))
})

test('what waits at the end is read, and found by the next mount', () => {
  const file = (path: string) => ({ what: 'file' as const, path, content: path })
  const stage = new Stage([[file('a/one')], [file('a/two')]])
  try {
    const run = new Run(stage, { index: stage.path('index.db') })
    picture(run)
    run.close()
    const next = new Run(stage, { index: stage.path('index.db') })
    picture(next)
    assert.ok(next.index!.counters.loads > 0)
    next.close()
  } finally {
    stage.remove()
  }
})
