/** Reading a whole tree while it is mounted: with pauses, or without for who waits; and what is told where it cannot go on. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { IndexFacts } from '../../src/index/shared-state.js'
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

/** Each look at the clock takes longer than a step may, and no pause ever ends. */
function slowly(t: TestContext): void {
  let now = Date.now()
  t.mock.method(Date, 'now', () => {
    now += 50
    return now
  })
  t.mock.method(globalThis, 'setTimeout', () => ({}) as NodeJS.Timeout)
}

async function someTurns(): Promise<void> {
  for (let i = 0; i < 4 * DIRECTORIES; i++) await turn()
}

test('somebody waits: a walk goes on without pauses, else it makes some', async (t) => {
  for (const fill of [false, true]) {
    const stage = staged(t)
    const run = new Run(stage, { index: stage.path('index.db'), fill })
    slowly(t)
    if (!fill) run.writer!.take({ kind: 'fill' })
    await someTurns()
    t.mock.restoreAll()
    assert.equal(factsOf(run).complete, !fill)
    run.close()
  }
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
