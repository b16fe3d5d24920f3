/**
 * A mount that outlives its process, which dies while a snapshot is made, while the mount goes back to one, and while
 * two become one: before each system call that changes something. Another engine goes on. Whatever the kernel knows,
 * files and directories without a name among it, is what it was; or, once the mount has gone back, nothing of it is.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import { StratafsError } from '../../src/base/failure.js'
import { resumedOnSnapshots } from '../../src/daemon/service/resume-snapshots.js'
import { beginMerge, finishMerge, planBeside } from '../../src/snapshots/merge.js'
import type { MergePlan } from '../../src/snapshots/merge-plan.js'
import { readJournal, readList, storeOf, withRecord, writeJournal, writeList } from '../../src/snapshots/records.js'
import { markRemoved } from '../../src/snapshots/remove.js'
import { withSnapshots } from '../../src/snapshots/stack.js'
import { O_RDONLY, O_RDWR, S_IFDIR, S_IFMT, S_IFREG } from '../../src/syscalls/constants.js'
import { Word } from '../../src/union/state/memory.js'
import { Kept } from '../engine/kept.js'
import { type Run, Stack } from '../engine/layers.js'
import { followDescriptors, type Hook, hooked } from '../engine/native-hook.js'
import { ROOT, Session } from '../engine/session.js'
import { dies, Ended, ending, pointsOf, tracing } from '../engine/trial.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

const record = (id: number, parent: number | null) => ({ id, name: `s${id}`, message: null, created: 'now', parent })

/** What the kernel knows, by nodeid: what each shows. */
type Known = Map<number, string>

function checked(done: readonly number[]): void {
  assert.deepEqual(
    done.filter((errno) => errno < 0),
    [],
  )
}

function shownBy(s: Session, nodeid: number): string {
  const errno = s.ops.getattr(nodeid)
  if (errno < 0) return `errno ${-errno}`
  const { ino, mode, size, uid, gid, nlink } = s.ops.attr
  const type = mode & S_IFMT
  if (type === S_IFDIR) return [ino, mode, uid, gid, ...namesIn(s, nodeid)].join(' ')
  const content = type === S_IFREG ? s.read(nodeid, size) : ''
  const bytes = typeof content === 'object' ? Buffer.from(content).toString('latin1') : content
  return [ino, mode, size, uid, gid, nlink, bytes].join(' ')
}

function namesIn(s: Session, nodeid: number): string[] {
  const names: string[] = []
  const add = (name: string) => names.push(name) > 0
  s.ops.readdir(nodeid, 0, false, { add: (name) => add(name) })
  return names.filter((name) => name !== '.' && name !== '..').sort()
}

/** Looks everything up, for good. */
function learn(s: Session, nodeid: number, ids: Set<number>): void {
  for (const name of namesIn(s, nodeid)) {
    const found = s.ops.lookup(nodeid, name)
    assert.ok(found > 0, `${name}: ${found}`)
    const isNew = !ids.has(found)
    ids.add(found)
    if (isNew && (s.ops.attr.mode & S_IFMT) === S_IFDIR) learn(s, found, ids)
  }
}

function opened(s: Session, parent: number, name: string, flags: number): number {
  const found = s.ops.lookup(parent, name)
  assert.ok(found > 0 && s.ops.open(found, flags) >= 0, name)
  return found
}

/** Files and directories that have no name any more, and are in use. */
function nameless(s: Session): number[] {
  checked([s.mkdir('held'), s.create('held/file', 'no name'), s.mkdir('held/dir')])
  const held = s.ops.lookup(ROOT, 'held')
  const ids = [opened(s, held, 'file', O_RDWR), s.ops.lookup(held, 'dir'), opened(s, ROOT, 'goner', O_RDONLY)]
  checked([s.unlink('held/file'), s.rmdir('held/dir'), s.unlink('goner')])
  return ids
}

/** Changes of every kind that an upper holds; nodeids of what has no name then. */
function change(s: Session): number[] {
  checked([
    s.write('file', 'changed'),
    s.setattr('links/one', { mode: 0o600 }),
    s.rename('dir', 'moved'),
    s.write('moved/x', 'moved and written'),
    s.mkdir('new'),
    s.create('new/two', 'two'),
    s.link('new/two', 'new/other'),
    s.create('a/open', 'open for writing'),
    s.link('a/open', 'new/open too'),
    s.mkdir('whole'),
    s.create('whole/one', 'one'),
  ])
  return nameless(s)
}

function knownTo(s: Session, more: readonly number[]): Known {
  const ids = new Set([ROOT, ...more])
  learn(s, ROOT, ids)
  s.at('a/open', (nodeid) => s.ops.open(nodeid, O_RDWR))
  return new Map([...ids].map((id) => [id, shownBy(s, id)]))
}

/** '' or what of `known` is another now. */
function lostOf(s: Session, known: Known): string {
  return [...known]
    .map(([id, was]) => ({ id, was, is: shownBy(s, id) }))
    .filter(({ was, is }) => was !== is)
    .map(({ id, was, is }) => `${id} was ${was}, is ${is}`)
    .join('\n')
}

interface Trial {
  readonly run: Run
  readonly kept: Kept
  readonly known: Known
}

/** What a process does first; nodeids of files without a name. */
type Prepare = (run: Run, s: Session) => readonly number[]

interface Plan {
  /** So many changes it has at least. */
  readonly least: number
  /** Of those, each so many-th is tried. */
  readonly every: number
  readonly prepare: Prepare
  readonly plan?: (run: Run) => Promise<void>
  readonly act: (s: Session, run: Run, kept: Kept) => void
  readonly use: (trial: Trial, s: Session) => void
}

describe('who follows a process that dies while', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('disk')
  })
  after(() => stack?.remove())

  /** Ends `act` at each of its changes, and once lets it come to its end; `use` sees to what is left. */
  const atEach = async (plan: Plan): Promise<void> => {
    const { steps, hook } = tracing()
    await once(stack, plan, hook, 'after all of it')
    const points = pointsOf(steps)
    assert.ok(points.length > plan.least, `${points.length}`)
    for (const [at, point] of points.entries())
      if (at % plan.every === 0) await once(stack, plan, ending(point), `ended before ${steps[point.index]!.text}`)
    assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
  }

  it('a snapshot is made', () =>
    atEach({
      least: 40,
      every: 3,
      prepare: (_run, s) => change(s),
      act: (s, run) => {
        writeJournal(run.config({}).work!, { create: record(1, null) })
        done(s.engine.freeze(1, 's1'))
      },
      use: ({ run, known }, s) => {
        assert.equal(lostOf(s, known), '')
        const { work } = run.config({})
        checked([s.write('a/open', 'THE PRESENT')])
        const isMade = readList(work!).snapshots.length > 0
        if (isMade) assert.equal(readFileSync(`${storeOf(work!)}/1/a/open`, 'latin1'), 'open for writing')
      },
    }))

  it('the mount goes back to one', () =>
    atEach({
      least: 8,
      every: 3,
      prepare: (run, s) => {
        const { work } = run.config({})
        const ids = change(s)
        done(s.engine.freeze(1, 's1'))
        writeList(work!, withRecord(readList(work!), record(1, null)))
        checked([s.write('moved/x', 'since then'), s.unlink('new/two')])
        return ids
      },
      act: (s, run, kept) => {
        const config = withSnapshots(run.config({}), true)
        kept.memory().words[Word.RESTORING] = 1
        writeJournal(config.work!, { restore: { id: 1, token: 'abc' } })
        done(s.engine.restore({ id: 1, token: 'abc', config, byName: false }))
      },
      use: ({ kept, known }, s) => {
        if (kept.memory().words[Word.VOID] === 0) return assert.equal(lostOf(s, known), '')
        for (const id of known.keys()) if (id !== ROOT) assert.equal(shownBy(s, id), `errno ${Errno.ESTALE}`)
        assert.equal(kept.backings.size, 0)
        assert.ok(s.at('new/two', (id) => id) > 0)
      },
    }))

  it('two become one', () =>
    atEach({
      least: 10,
      every: 3,
      prepare: prepareMerge,
      plan: planMerge,
      act: (s, run) => {
        const { upper, work } = run.config({})
        const merge = { upper: upper!, work: work!, id: 1, into: 2 }
        const plan = JSON.parse(readFileSync(`${work}/plan`, 'latin1')) as MergePlan
        beginMerge(merge, plan)
        done(s.engine.merge(plan))
        finishMerge(merge)
      },
      use: ({ known }, s) => assert.equal(lostOf(s, known), ''),
    }))
})

function done<T>(answer: T | StratafsError): void {
  if (answer instanceof StratafsError) throw answer
}

/** Two snapshots, of which the first is to go: `plan` in the workdir says how. */
function prepareMerge(run: Run, s: Session): readonly number[] {
  const { work } = run.config({})
  const ids = change(s)
  done(s.engine.freeze(1, 's1'))
  checked([s.write('file', 'changed again'), s.rename('new', 'renamed'), s.create('gone', 'a file')])
  done(s.engine.freeze(2, 's2'))
  const list = [record(1, null), record(2, 1)].reduce(withRecord, readList(work!))
  writeList(work!, list)
  // It lies in the layer that goes, and the upper alone hides it.
  const whole = s.ops.lookup(ROOT, 'whole')
  const one = s.ops.lookup(whole, 'one')
  checked([s.unlink('whole/one')])
  markRemoved(work!, record(1, null))
  return [...ids, one]
}

async function planMerge(run: Run): Promise<void> {
  const { upper, work } = run.config({})
  const plan = await planBeside({ upper: upper!, work: work!, id: 1, into: 2 }, async () => undefined)
  writeFileSync(`${work}/plan`, JSON.stringify(plan), 'latin1')
}

async function once(stack: Stack, { prepare, plan, act, use }: Plan, by: Hook, where: string): Promise<void> {
  const run = stack.newRun()
  const kept = new Kept()
  try {
    mkdirSync(storeOf(run.config({}).work!))
    const known = lives(run, kept, prepare)
    await plan?.(run)
    // The one that dies has followed another one already.
    dies(() => {
      const s = new Session(kept.engine(withSnapshots(run.config({}), true), true))
      hooked(by, () => act(s, run, kept))
      throw new Ended()
    })
    const found = resumedOnSnapshots({ config: run.config({}) } as never, kept.memory())
    if (found instanceof StratafsError) throw found
    const engine = kept.engine(found.config, true)
    use({ run, kept, known }, new Session(engine))
    engine.close()
    assert.equal(readJournal(run.config({}).work!), null)
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`)
  } finally {
    kept.close()
    run.remove()
  }
}

/** The first process, up to its death. */
function lives(run: Run, kept: Kept, prepare: Prepare): Known {
  const { result, closeAll } = followDescriptors(() => {
    const s = new Session(kept.engine(run.config({}), false))
    return knownTo(s, prepare(run, s))
  })
  closeAll()
  return result
}
