/** How a database comes to be complete over several mounts, whatever was edited or failed in between. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { newSharedState, turnsOf } from '../../src/owner-index/database/shared-state.js'
import { BUSY_PAUSE_MS, IdleGate, PATIENCE, STEP_MS } from '../../src/owner-index/writer/idle-gate.js'
import { picture, Run, Stage } from './stage.js'

const OLD = Date.now() + 100_000

function staged(t: TestContext): Stage {
  const files = (layer: number) =>
    Array.from({ length: 12 }, (_, at) => ({
      what: 'file' as const,
      path: at < 4 ? `both${at}/f${layer}` : `own${layer}/d${at}/f`,
      content: '',
    }))
  const stage = new Stage([files(0), files(1)])
  t.after(() => stage.remove())
  // What was read of layers as young as these would be read once more by the next mount.
  t.mock.timers.enable({ apis: ['Date'], now: OLD })
  return stage
}

async function filled(run: Run): Promise<void> {
  run.writer!.take({ kind: 'fill' })
  for (let i = 0; i < 2000 && !isComplete(run); i++) await turn()
}

const isComplete = (run: Run): boolean => run.writer!.store!.meta('complete') === 1
const paths = (run: Run): string[] =>
  run.writer!.store!.db.prepare("SELECT '/' || CAST(path AS TEXT) FROM dirs").pluck().all() as string[]

test('what earlier mounts have read is not read again on the way to the whole tree', async (t) => {
  const stage = staged(t)
  const index = stage.path('index.db')
  const first = new Run(stage, { index })
  for (const path of ['both1', 'own0/d7']) first.writer!.take({ kind: 'visit', path, edited: [], why: 'absent' })
  first.read()
  const known = paths(first)
  assert.ok(known.includes('/own0/d7') && known.length < 12, `${known}`)
  first.end()
  const next = new Run(stage, { index })
  const put = mock.method(next.writer!.store!, 'put')
  await filled(next)
  assert.ok(isComplete(next))
  const read = put.mock.calls.map(({ arguments: [rows] }) => `/${rows.place.path}`)
  assert.deepEqual(
    read.filter((path) => known.includes(path)),
    [],
  )
  assert.equal(paths(next).length, read.length + known.length)
  next.close()
})

test('edited while nothing was mounted, deep in one layer: the next walk reads it', async (t) => {
  const stage = staged(t)
  const index = stage.path('index.db')
  const first = new Run(stage, { index })
  await filled(first)
  first.end()
  mkdirSync(join(stage.lowers[1]!, 'own1/d5/new/below'), { recursive: true })
  const next = new Run(stage, { index, fill: true })
  assert.ok(isComplete(next))
  next.writer!.take({ kind: 'fill' })
  for (let i = 0; i < 2000 && !(isComplete(next) && paths(next).includes('/own1/d5/new/below')); i++) await turn()
  assert.ok(paths(next).includes('/own1/d5/new/below'), `${paths(next)}`)
  assert.ok(isComplete(next))
  next.close()
})

test('a directory that was read again and has new ones in it: not complete any more', async (t) => {
  const stage = staged(t)
  const index = stage.path('index.db')
  const first = new Run(stage, { index })
  await filled(first)
  first.end()
  mkdirSync(join(stage.lowers[0]!, 'both2/new/below'), { recursive: true })
  const next = new Run(stage, { index })
  picture(next)
  next.write()
  assert.ok(next.edited.includes(0))
  assert.equal(isComplete(next), false)
  await filled(next)
  assert.ok(paths(next).includes('/both2/new/below'))
  next.close()
})

test('after a full disk the walk is tried again', async (t) => {
  const stage = staged(t)
  for (let at = 0; at < 60; at++) {
    mkdirSync(join(stage.lowers[0]!, `more${at}`))
    writeFileSync(join(stage.lowers[0]!, `more${at}/${'f'.repeat(200)}`), '')
  }
  const run = new Run(stage, { index: stage.path('index.db'), fill: true })
  const { db } = run.writer!.store!
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`)
  const later: { act: () => void; after: number }[] = []
  t.mock.method(globalThis, 'setTimeout', (act: () => void, after: number) => later.push({ act, after }))
  run.writer!.take({ kind: 'fill' })
  for (let i = 0; i < 500; i++) await turn()
  const retry = later.find(({ after }) => after >= 10_000)
  assert.ok(retry, JSON.stringify(later))
  db.pragma('max_page_count = 1000000')
  retry.act()
  await filled(run)
  assert.ok(isComplete(run))
  run.close()
})

test('where it is never quiet the writer reads a twentieth of the time', () => {
  const shared = newSharedState()
  const lull = new IdleGate(shared)
  let pauses = 0
  for (let i = 0; i < PATIENCE + 10; i++) {
    turnsOf(shared)[0]! += 2
    const { go, pause } = lull.look()
    if (go) pauses += pause
  }
  assert.equal(pauses, 10 * BUSY_PAUSE_MS)
  assert.ok(STEP_MS / (STEP_MS + BUSY_PAUSE_MS) <= 0.05)
})
