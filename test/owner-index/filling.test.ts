/**
 * Reading a whole tree while it is mounted: with pauses, or without for who waits; and what is told where it cannot go
 * on.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { IndexFacts } from '../../src/owner-index/database/shared-state.js'
import { PATIENCE } from '../../src/owner-index/writer/idle-gate.js'
import { Run, Stage } from './stage.js'

const DIRECTORIES = 60
/** So long that rows need more pages than are there at the beginning. */
const NAME = 'f'.repeat(200)

function staged(t: TestContext): Stage {
  const file = (at: number) => ({ what: 'file' as const, path: `d${at}/${NAME}`, content: '' })
  const files = Array.from({ length: DIRECTORIES }, (_, at) => file(at))
  const stage = new Stage([files, files])
  t.after(() => stage.remove())
  return stage
}

function factsOf(run: Run): IndexFacts {
  const told = run.said.flatMap((message) => (message.kind === 'facts' ? [message.facts] : []))
  return told.at(-1)!
}

/** Each look at the clock takes longer than a step may; what waits for a pause to end waits until it is called. */
function slowly(t: TestContext): (() => void)[] {
  let now = Date.now()
  t.mock.method(Date, 'now', () => {
    now += 50
    return now
  })
  const pauses: (() => void)[] = []
  t.mock.method(globalThis, 'setTimeout', (act: () => void) => {
    pauses.push(act)
    return {} as NodeJS.Timeout
  })
  return pauses
}

async function someTurns(): Promise<void> {
  for (let i = 0; i < 4 * DIRECTORIES; i++) await turn()
}

test('somebody waits: a walk goes on without pauses', async (t) => {
  const stage = staged(t)
  const run = new Run(stage, { index: stage.path('index.db') })
  slowly(t)
  run.writer!.take({ kind: 'fill' })
  await someTurns()
  assert.equal(factsOf(run).complete, true)
  run.close()
  // What was read on purpose is there for other mounts over these layers.
  const other = new Run(stage, { index: stage.path('other.db') })
  assert.deepEqual([factsOf(other).from, factsOf(other).complete], ['shared', true])
  other.close()
})

test('nobody waits: it stands still while something is asked, and makes a pause after each step', async (t) => {
  const stage = staged(t)
  const run = new Run(stage, { index: stage.path('index.db'), fill: true })
  const pauses = slowly(t)
  const pass = async (before?: () => void): Promise<void> => {
    await turn()
    before?.()
    for (const act of pauses.splice(0)) act()
  }
  const rows = (): number => run.writer!.store!.db.prepare('SELECT count(*) FROM dirs').pluck().get() as number
  for (let i = 0; i < PATIENCE - 1; i++) await pass(() => run.ask())
  assert.equal(rows(), 0)
  // It has its lulls: patience begins anew.
  let passed = 0
  for (; passed < 10; passed++) await pass()
  const before = rows()
  assert.ok(before > 0)
  for (let i = 0; i < PATIENCE - 1; i++) await pass(() => run.ask())
  assert.equal(rows(), before)
  for (; !factsOf(run).complete && passed < 4 * DIRECTORIES; passed++) await pass()
  assert.equal(factsOf(run).complete, true)
  assert.ok(passed >= DIRECTORIES, `${passed}`)
  run.close()
})

test('where it cannot be written any more, who waits is told why', async (t) => {
  const stage = staged(t)
  const run = new Run(stage, { index: stage.path('index.db') })
  const { db } = run.writer!.store!
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`)
  run.writer!.take({ kind: 'fill' })
  await someTurns()
  const { complete, filling, downgrade } = factsOf(run)
  assert.deepEqual([complete, filling, downgrade], [false, null, 'it cannot be written now (SQLITE_FULL)'])
  db.pragma('max_page_count = 1000000')
  run.writer!.take({ kind: 'fill' })
  await someTurns()
  assert.deepEqual([factsOf(run).complete, factsOf(run).downgrade], [true, null])
  run.close()
})
