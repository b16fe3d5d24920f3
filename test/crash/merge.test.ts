/**
 * kill -9 while a removed snapshot's layer goes into the one above it, before each system call that changes something;
 * then again while the next mount goes on with it. Whatever came of it: the tree is what it was, the snapshot above
 * shows what it showed, and nothing is left over.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { StratafsError } from '../../src/base/failure.js'
import { beginMerge, finishMerge, planBeside } from '../../src/snapshots/merge.js'
import type { MergePlan } from '../../src/snapshots/merge-plan.js'
import { readList, storeOf, withRecord, writeList } from '../../src/snapshots/records.js'
import { recover } from '../../src/snapshots/recover.js'
import { markRemoved } from '../../src/snapshots/remove.js'
import { withSnapshots } from '../../src/snapshots/stack.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import { type Run, Stack } from '../engine/layers.js'
import { type Hook, hooked } from '../engine/native-hook.js'
import { Session, startEngine, unbound } from '../engine/session.js'
import { dies, ending, pointsOf, tracing } from '../engine/trial.js'
import { differences, type View, viewOf } from '../engine/view.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

function withEngine<T>(config: UnionConfig, act: (s: Session) => T): T {
  const engine = startEngine(config, unbound)
  try {
    engine.operations.begin({ passthrough: false, noOpen: false, writeback: false })
    return act(new Session(engine))
  } finally {
    engine.close()
  }
}

const metacopies = { metacopy: true } as const

/** What the layer that goes holds, of every kind. */
function first(s: Session): number[] {
  return [
    s.write('file', 'changed'),
    s.unlink('goner'),
    s.rename('dir', 'moved'),
    s.mkdir('new'),
    s.create('new/two', 'two'),
    s.create('new/kept', 'kept'),
    s.create('new/grouped', 'several names'),
    s.link('new/grouped', 'new/other name'),
    s.mkdir('whole'),
    s.create('whole/one', 'one'),
    s.mkdir('gone'),
    s.create('gone/one', 'one'),
  ]
}

/** And the one above it: what of that is changed, renamed, hidden, copied up without its content. */
function second(s: Session): number[] {
  return [
    s.write('file', 'changed again'),
    s.setattr('new/two', { mode: 0o600 }),
    s.setattr('new/grouped', { mode: 0o640 }),
    s.rename('moved', 'moved on'),
    s.rename('new', 'renamed'),
    s.mkdir('new'),
    s.create('new/two', 'another'),
    s.unlink('gone/one'),
    s.rmdir('gone'),
    s.create('gone', 'a file now'),
    s.unlink('gone2'),
    s.mkdir('gone2'),
  ]
}

describe('kill while two snapshots become one', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('disk')
  })
  after(() => stack?.remove())

  /** A run with two snapshots, of which the first is to go; `use` is handed what they show. */
  const prepared = async (use: (made: Made) => Promise<void> | void): Promise<void> => {
    const run = stack.newRun()
    const config = run.config(metacopies)
    const work = config.work!
    try {
      mkdirSync(storeOf(work))
      withEngine(config, (s) => {
        checked(first(s))
        freeze(s, 1)
        checked(second(s))
        freeze(s, 2)
      })
      const list = readList(work)
      writeList(work, [record(1, null), record(2, 1)].reduce(withRecord, list))
      const start = withEngine(withSnapshots(run.config(metacopies)), (s) => {
        checked([s.write('renamed/kept', 'in the present'), s.unlink('whole/one')])
        return viewOf(s)
      })
      markRemoved(work, record(1, null))
      const merge = { upper: config.upper!, work, id: 1, into: 2 }
      const plan = await planBeside(merge, async () => undefined)
      await use({ run, start, above: viewAbove(run), merge, plan })
    } finally {
      run.remove()
    }
  }

  it('before each change', async () => {
    const { steps, hook } = tracing()
    await prepared((made) => {
      mergeUnder(made, hook)
      assert.equal(faultOf(made), '')
      assert.equal(readList(made.merge.work).snapshots.length, 1)
    })
    const points = pointsOf(steps)
    assert.ok(points.length > 25, `${points.length}`)
    for (const point of points)
      await prepared((made) => {
        assert.ok(dies(() => mergeUnder(made, ending(point))))
        assert.equal(faultOf(made), '', `ended before ${steps[point.index]!.text}`)
      })
    assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
  })

  it('and once more while the next mount goes on with it', async () => {
    const { steps, hook } = tracing()
    await prepared((made) => mergeUnder(made, hook))
    const [point] = pointsOf(steps).filter(({ index }) => steps[index]!.text.startsWith('renameat('))
    const again = tracing()
    const recovering = ({ run, merge }: Made, by: Hook): void =>
      hooked(by, () => recover(run.config(metacopies).upper!, merge.work))
    await prepared((made) => {
      assert.ok(dies(() => mergeUnder(made, ending(point!))))
      recovering(made, again.hook)
    })
    // Every third of them, for they are much alike.
    for (const second of pointsOf(again.steps).filter((_, at) => at % 3 === 0))
      await prepared((made) => {
        assert.ok(dies(() => mergeUnder(made, ending(point!))))
        assert.ok(dies(() => recovering(made, ending(second))))
        assert.equal(faultOf(made), '', `ended once more before ${again.steps[second.index]!.text}`)
      })
  })
})

interface Made {
  readonly run: Run
  /** The tree, and what the snapshot above shows. */
  readonly start: View
  readonly above: View
  readonly merge: { upper: string; work: string; id: number; into: number }
  readonly plan: MergePlan
}

const record = (id: number, parent: number | null) => ({ id, name: `s${id}`, message: null, created: 'now', parent })

function checked(done: readonly number[]): void {
  assert.deepEqual(
    done.filter((errno) => errno < 0),
    [],
  )
}

function freeze(s: Session, id: number): void {
  const frozen = s.engine.freeze(id, `s${id}`)
  if (frozen instanceof StratafsError) throw frozen
}

/** As the daemon does it, with everything in memory that can be. */
function mergeUnder({ run, start, merge, plan }: Made, hook: Hook): void {
  withEngine(withSnapshots(run.config(metacopies)), (s) => {
    viewOf(s)
    hooked(hook, () => {
      beginMerge(merge, plan)
      const merged = s.engine.merge(plan)
      if (merged instanceof StratafsError) throw merged
      finishMerge(merge)
    })
    assert.equal(different(viewOf(s), start), '')
  })
}

function viewAbove(run: Run): View {
  const config = withSnapshots(run.config(metacopies))
  const alone = run.config({ ...metacopies, lowers: config.lowers, upper: null, work: null, readonly: true })
  return withEngine({ ...alone, snapshots: config.snapshots! }, viewOf)
}

function different(view: View, wanted: View): string {
  const seen = { view: wanted, before: wanted }
  return differences({ view, before: wanted }, seen, seen).join('; ')
}

/** '' or what is wrong with the tree, or with the snapshot above. */
function faultOf({ run, start, above, merge }: Made): string {
  const config = withSnapshots(run.config(metacopies))
  const tree = different(withEngine(config, viewOf), start)
  if (tree !== '') return `the tree: ${tree}`
  const kept = different(viewAbove(run), above)
  if (kept !== '') return `the snapshot above: ${kept}`
  const left = readdirSync(storeOf(merge.work)).filter((name) => /journal|merge/.test(name))
  return left.length === 0 ? '' : `left over: ${left}`
}
