/**
 * kill -9 while a snapshot is made, before each system call that changes something; then again while the next mount
 * finishes or undoes it. Whatever came of it: the tree is what it was, the snapshot is there whole or not at all,
 * nothing is left over, and another one can be made.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { StratafsError } from '../../src/base/failure.js'
import { readList, storeOf, withRecord, writeJournal, writeList } from '../../src/snapshots/records.js'
import { recover } from '../../src/snapshots/recover.js'
import { withSnapshots } from '../../src/snapshots/stack.js'
import { O_RDWR } from '../../src/syscalls/constants.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import { type Run, Stack } from '../engine/layers.js'
import { type Hook, hooked } from '../engine/native-hook.js'
import { Session, startEngine, unbound } from '../engine/session.js'
import { dies, ending, type Point, pointsOf, tracing } from '../engine/trial.js'
import { differences, type View, viewOf } from '../engine/view.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

/** Every file that is opened to be written is passed through. */
const passing = { ...unbound, openBacking: () => 1 }

const record = (id: number, parent: number | null) => ({ id, name: `s${id}`, message: null, created: 'now', parent })

/** Changes of every kind that a frozen upper holds: marks, links, whiteouts, a renamed directory, opaque ones. */
function change(s: Session): void {
  const done = [
    s.write('file', 'changed'),
    s.setattr('links/one', { mode: 0o600 }),
    s.unlink('goner'),
    s.rename('dir', 'moved'),
    s.write('moved/x', 'moved and written'),
    s.mkdir('new'),
    s.create('new/two', 'two'),
    s.link('new/two', 'new/other'),
    s.create('a/open', 'open for writing'),
    s.link('a/open', 'new/open too'),
  ]
  assert.deepEqual(
    done.filter((errno) => errno < 0),
    [],
  )
}

function withEngine<T>(config: UnionConfig, act: (s: Session) => T): T {
  const engine = startEngine(config, passing)
  try {
    engine.operations.begin({ passthrough: true, noOpen: false, writeback: false })
    return act(new Session(engine))
  } finally {
    engine.close()
  }
}

/** The first snapshot of `run`, with a file open for writing, up to where `hook` ends it. */
function freezeUnder(run: Run, hook: Hook): void {
  withEngine(run.config({}), (s) => {
    viewOf(s)
    s.at('a/open', (nodeid) => s.ops.open(nodeid, O_RDWR))
    writeJournal(run.config({}).work!, { create: record(1, null) })
    hooked(hook, () => {
      const frozen = s.engine.freeze(1, 's1')
      if (frozen instanceof StratafsError) throw frozen
    })
  })
}

/** '' or what is wrong with `run`, whose tree was `start`. */
function faultOf(run: Run, start: View): string {
  const config = withSnapshots(run.config({}))
  const work = config.work!
  const made = readList(work).snapshots.length
  const left = readdirSync(storeOf(work)).filter((name) => name !== 'snapshots.json' && name !== '1')
  if (left.length > 0) return `left over: ${left}`
  if ((config.snapshots ?? 0) !== made) return `${config.snapshots} layers of ${made} snapshots`
  const isSame = (view: View, before: View) => {
    const wanted = { view: start, before }
    return differences({ view, before }, wanted, wanted)
  }
  const tree = withEngine(config, (s) => isSame(viewOf(s), start))
  if (tree.length > 0) return `the tree: ${tree.join('; ')}`
  return made === 0 ? '' : snapshotFault(run, config, isSame)
}

function snapshotFault(run: Run, config: UnionConfig, isSame: (view: View, before: View) => string[]): string {
  const alone = run.config({ lowers: config.lowers, snapshots: 1, upper: null, work: null, readonly: true })
  // What was open for writing is another inode there.
  const kept = withEngine(alone, (s) => isSame(viewOf(s), new Map()))
  return kept.length > 0 ? `the snapshot: ${kept.join('; ')}` : ''
}

/** Another one can be made, and the tree is still what it was. */
function makeAnother(run: Run, start: View): string {
  const config = withSnapshots(run.config({}))
  const list = readList(config.work!)
  const next = record(list.snapshots.length + 1, list.base)
  writeJournal(config.work!, { create: next })
  withEngine(config, (s) => assert.ok(!(s.engine.freeze(next.id, next.name) instanceof StratafsError)))
  if (next.id > 1) return ''
  writeList(config.work!, withRecord(list, next))
  recover(config.upper!, config.work!)
  return faultOf(run, start)
}

/** Goes back to the first snapshot of `run`, up to where `hook` ends it. */
function restoreUnder(run: Run, hook: Hook): void {
  const config = withSnapshots(run.config({}))
  withEngine(config, (s) => {
    viewOf(s)
    writeJournal(config.work!, { restore: { id: 1, token: 'abc' } })
    hooked(hook, () => {
      const restored = s.engine.restore({ id: 1, token: 'abc', config, byName: false })
      if (restored instanceof StratafsError) throw restored
    })
  })
}

/** '' or how the tree of `run`, mounted anew, differs from `wanted`. */
function treeFault(run: Run, wanted: View): string {
  return withEngine(withSnapshots(run.config({})), (s) => {
    const seen = { view: wanted, before: wanted }
    return differences({ view: viewOf(s), before: wanted }, seen, seen).join('; ')
  })
}

describe('kill while a snapshot is made', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('disk')
  })
  after(() => stack?.remove())

  /** A run with changes, the tree that it shows, and what becomes of it at `point`. */
  const at = (point: Point | null, use: (run: Run, start: View) => void, hook?: Hook): void => {
    const run = stack.newRun()
    try {
      mkdirSync(storeOf(run.config({}).work!))
      const start = withEngine(run.config({}), (s) => {
        change(s)
        return viewOf(s)
      })
      const ended = dies(() => freezeUnder(run, hook ?? ending(point!)))
      assert.equal(ended, point !== null)
      use(run, start)
    } finally {
      run.remove()
    }
  }

  it('before each change', () => {
    const { steps, hook } = tracing()
    at(null, (run, start) => assert.equal(faultOf(run, start), ''), hook)
    const points = pointsOf(steps)
    assert.ok(points.length > 40, `${points.length}`)
    for (const point of points)
      at(point, (run, start) => {
        const where = `ended before ${steps[point.index]!.text}`
        assert.equal(faultOf(run, start), '', where)
        assert.equal(makeAnother(run, start), '', where)
      })
    assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
  })

  it('and while somebody goes back to one', () => {
    const { steps, hook } = tracing()
    inRestore(null, (run, start) => assert.equal(treeFault(run, start), ''), hook)
    const points = pointsOf(steps)
    assert.ok(points.length > 10, `${points.length}`)
    for (const point of points)
      inRestore(point, (run, start, present) => {
        const where = `ended before ${steps[point.index]!.text}`
        const faults = [start, present].map((view) => treeFault(run, view))
        assert.ok(faults.includes(''), `${where}: ${faults.join('\n')}`)
        const left = readdirSync(storeOf(run.config({}).work!)).filter((name) => /journal|old|index/.test(name))
        assert.deepEqual(left, [], where)
      })
  })

  /** A snapshot, the tree then; further changes, the tree after them; and the way back, up to `point`. */
  const inRestore = (point: Point | null, use: (run: Run, start: View, present: View) => void, hook?: Hook): void => {
    const run = stack.newRun()
    try {
      const { work } = run.config({})
      mkdirSync(storeOf(work!))
      const start = withEngine(run.config({}), (s) => {
        change(s)
        const view = viewOf(s)
        assert.ok(!(s.engine.freeze(1, 's1') instanceof StratafsError))
        return view
      })
      writeList(work!, withRecord(readList(work!), record(1, null)))
      const present = withEngine(withSnapshots(run.config({})), (s) => {
        assert.ok(s.setattr('moved/three', { mode: 0o640 }) >= 0)
        assert.ok(s.unlink('new/two') >= 0)
        return viewOf(s)
      })
      const ended = dies(() => restoreUnder(run, hook ?? ending(point!)))
      assert.equal(ended, point !== null)
      use(run, start, present)
    } finally {
      run.remove()
    }
  }

  it('and once more while the next mount sees to it', () => {
    const { steps, hook } = tracing()
    at(null, () => undefined, hook)
    const exchanged = steps.findIndex(({ text }) => text.startsWith('renameat(') && text.endsWith(', 2)'))
    const points = pointsOf(steps).filter(({ index }) => index === exchanged || index === exchanged + 3)
    for (const point of points) endRecoveries(at, point)
  })
})

type At = (point: Point | null, use: (run: Run, start: View) => void, hook?: Hook) => void

function endRecoveries(at: At, point: Point): void {
  const again = tracing()
  const recovering = (run: Run, hook: Hook): void =>
    hooked(hook, () => recover(run.config({}).upper!, run.config({}).work!))
  at(point, (run) => recovering(run, again.hook))
  for (const second of pointsOf(again.steps))
    at(point, (run, start) => {
      assert.ok(dies(() => recovering(run, ending(second))))
      assert.equal(faultOf(run, start), '', `ended once more before ${again.steps[second.index]!.text}`)
    })
}
