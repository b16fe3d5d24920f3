/**
 * The whole table of renames: every combination of facts that can meet is planned, and the plan held against what must
 * be true of it, said in the words of the layers and not of the code. A few rows are written out.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import { planRename, type RenameFacts, type RenamePlan, type Target } from '../../src/union/entries/rename-plan.js'

const simple: RenameFacts = {
  exchange: false,
  noreplace: false,
  whiteout: false,
  oldIsDirectory: false,
  oldHasLowers: false,
  oldLowerPositive: false,
  oldParentHasLowers: true,
  newExists: false,
  newIsDirectory: false,
  newHasLowers: false,
  newParentHasLowers: true,
  target: 'none',
  redirects: true,
  aufs: false,
}

const flags = Object.keys(simple).filter((key) => key !== 'target') as Exclude<keyof RenameFacts, 'target'>[]

/** Every combination that can meet on a disk. */
function* allFacts(): Generator<RenameFacts> {
  for (let bits = 0; bits < 2 ** flags.length; bits++) {
    const facts: Record<string, unknown> = {}
    flags.forEach((flag, i) => {
      facts[flag] = (bits & (1 << i)) !== 0
    })
    for (const target of ['none', 'whiteout', 'entry'] satisfies Target[]) {
      const f = { ...facts, target } as unknown as RenameFacts
      if (canMeet(f)) yield f
    }
  }
}

function canMeet(f: RenameFacts): boolean {
  if (f.oldHasLowers && !f.oldIsDirectory) return false
  if ((f.newIsDirectory || f.newHasLowers) && !f.newExists) return false
  if (f.newHasLowers && !f.newIsDirectory) return false
  if (f.oldLowerPositive && !f.oldParentHasLowers) return false
  if (f.newExists && f.target === 'whiteout') return false
  if (!f.newExists && f.target === 'entry') return false
  if (f.aufs && f.target === 'whiteout') return false
  return true
}

const refused = (f: RenameFacts): number => {
  if (f.exchange && (f.noreplace || f.whiteout)) return -Errno.EINVAL
  if (f.exchange && !f.newExists) return -Errno.ENOENT
  if (f.noreplace && f.newExists) return -Errno.EEXIST
  const moved = f.oldHasLowers || (f.exchange && f.newHasLowers)
  return moved && !f.redirects ? -Errno.EXDEV : 0
}

describe('the plan of a rename', () => {
  it('is refused just where the flags contradict the facts, or lower parts would be left behind', () => {
    let rows = 0
    for (const f of allFacts()) {
      const plan = planRename(f)
      assert.equal(typeof plan === 'number' ? plan : 0, refused(f), JSON.stringify(f))
      rows++
    }
    assert.ok(rows > 4000, `${rows} rows`)
  })

  it('keeps lower parts with the directory that has them, and from one that has none', () => {
    for (const [f, plan] of planned()) {
      assert.equal(plan.redirectOld, f.oldHasLowers)
      assert.equal(plan.opaqueOld, f.oldIsDirectory && !f.oldHasLowers && f.newParentHasLowers)
      assert.equal(plan.redirectNew, f.exchange && f.newHasLowers)
      assert.equal(plan.opaqueNew, f.exchange && f.newIsDirectory && !f.newHasLowers && f.oldParentHasLowers)
    }
  })

  it('leaves a whiteout under the old name just where a lower layer has it, or one was asked for', () => {
    for (const [f, plan] of planned()) {
      const wanted = !f.exchange && (f.oldLowerPositive || f.whiteout)
      const left = plan.act === 'leave-whiteout' || plan.aufsWhiteoutAtOld || exchangedForWhiteout(f, plan)
      assert.equal(left, wanted, JSON.stringify(f))
    }
  })

  it('exchanges where asked to, or with a whiteout that a rename cannot replace or that the old name needs', () => {
    for (const [f, plan] of planned()) {
      if (f.exchange) assert.equal(plan.act, 'exchange')
      else if (plan.act === 'exchange') assert.equal(f.target, 'whiteout')
      if (!f.exchange && f.oldIsDirectory && f.target === 'whiteout') assert.equal(plan.act, 'exchange')
      if (plan.dropWhiteoutAtOld) assert.ok(!f.oldLowerPositive && f.target === 'whiteout' && plan.act === 'exchange')
    }
  })

  it('never asks a filesystem without whiteout devices to leave one', () => {
    for (const [f, plan] of planned()) {
      if (f.aufs) assert.notEqual(plan.act, 'leave-whiteout')
      else assert.equal(plan.aufsWhiteoutAtOld, false)
    }
  })

  const rows: [string, Partial<RenameFacts>, Partial<RenamePlan> | number][] = [
    ['a pure upper file', {}, { act: 'plain' }],
    ['a file that covers a lower one', { oldLowerPositive: true }, { act: 'leave-whiteout' }],
    [
      'the same over a whiteout',
      { oldLowerPositive: true, target: 'whiteout' },
      { act: 'exchange', dropWhiteoutAtOld: false },
    ],
    ['a file over a whiteout', { target: 'whiteout' }, { act: 'plain' }],
    [
      'a directory over a whiteout',
      { oldIsDirectory: true, target: 'whiteout' },
      { act: 'exchange', dropWhiteoutAtOld: true },
    ],
    ['a merge directory', { oldIsDirectory: true, oldHasLowers: true, oldLowerPositive: true }, { redirectOld: true }],
    [
      'a merge directory without redirects',
      { oldIsDirectory: true, oldHasLowers: true, redirects: false },
      -Errno.EXDEV,
    ],
    ['NOREPLACE over a whiteout', { noreplace: true, target: 'whiteout' }, { act: 'plain' }],
    ['RENAME_WHITEOUT', { whiteout: true }, { act: 'leave-whiteout' }],
    ['a covering file with .wh.', { oldLowerPositive: true, aufs: true }, { act: 'plain', aufsWhiteoutAtOld: true }],
  ]
  for (const [name, facts, wanted] of rows)
    it(`of ${name}`, () => {
      const plan = planRename({ ...simple, ...facts })
      if (typeof wanted === 'number' || typeof plan === 'number') assert.equal(plan, wanted)
      else assert.deepEqual({ ...plan, ...wanted }, plan)
    })
})

/** The whiteout that stood under the new name stands under the old one afterwards. */
function exchangedForWhiteout(f: RenameFacts, plan: RenamePlan): boolean {
  return plan.act === 'exchange' && f.target === 'whiteout' && !plan.dropWhiteoutAtOld
}

function* planned(): Generator<[RenameFacts, RenamePlan]> {
  for (const f of allFacts()) {
    const plan = planRename(f)
    if (typeof plan !== 'number') yield [f, plan]
  }
}
