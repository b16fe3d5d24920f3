/**
 * kill -9 while a branch is merged, before each system call that changes something in the tree: each name is what it
 * was or what it is to be, and the same merge, made again, comes to the same end. The trees are plain directories.
 */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { TreeApplication } from '../../src/library/offline/tree-apply.js'
import { type MergeOutcome, TreeMerge } from '../../src/library/offline/tree-merge.js'
import { hooked } from '../engine/native-hook.js'
import { Ended, ending, pointsOf, tracing } from '../engine/trial.js'
import { contentsOf, differences } from '../snapshots/tree.js'

interface Trees {
  readonly base: string
  readonly ours: string
  readonly theirs: string
}

/** What stands in both at first. */
function fill(root: string): void {
  const at = (name: string): string => join(root, name)
  for (const name of ['', 'gone', 'gone/in', 'kept', 'turned', 'attributes']) fs.mkdirSync(at(name))
  for (const name of ['changed', 'deleted', 'gone/in/x', 'kept/a', 'kept/b', 'turned/x', 'file', 'mine', 'both'])
    fs.writeFileSync(at(name), `${name} at first\n`)
  fs.linkSync(at('kept/a'), at('kept/a2'))
}

function changeTheirs(root: string): void {
  const at = (name: string): string => join(root, name)
  fs.writeFileSync(at('changed'), 'theirs')
  fs.rmSync(at('deleted'))
  fs.rmSync(at('gone'), { recursive: true })
  fs.rmSync(at('turned'), { recursive: true })
  fs.writeFileSync(at('turned'), 'a file now')
  fs.rmSync(at('file'))
  fs.mkdirSync(at('file'))
  fs.writeFileSync(at('file/in it'), 'in it')
  fs.symlinkSync('kept/a', at('link'))
  fs.appendFileSync(at('kept/a'), 'theirs, by both names')
  fs.mkdirSync(at('new/deep'), { recursive: true })
  fs.writeFileSync(at('new/deep/one'), 'one')
  fs.linkSync(at('new/deep/one'), at('new/two'))
  fs.chmodSync(at('attributes'), 0o700)
  fs.writeFileSync(at('both'), 'theirs')
  fs.utimesSync(at('new'), 1e9, 1e9)
}

function changeOurs(root: string): void {
  fs.writeFileSync(join(root, 'mine'), 'ours')
  fs.writeFileSync(join(root, 'kept/c'), 'ours')
  fs.writeFileSync(join(root, 'both'), 'ours, longer')
}

const changedByThem = [
  ...['/attributes', '/both', '/changed', '/deleted', '/file', '/file/in it', '/gone', '/gone/in', '/gone/in/x'],
  ...[
    '/kept',
    '/kept/a',
    '/kept/a2',
    '/link',
    '/new',
    '/new/deep',
    '/new/deep/one',
    '/new/two',
    '/turned',
    '/turned/x',
  ],
]
const changedByUs = ['/both', '/kept', '/kept/c', '/mine']

function withTrees<T>(act: (trees: Trees) => T): T {
  const at = fs.mkdtempSync(join(tmpdir(), 'stratafs-merge-'))
  try {
    const [base, ours, theirs] = ['base', 'ours', 'theirs'].map((name) => join(at, name)) as [string, string, string]
    fill(base)
    for (const copy of [ours, theirs]) fs.cpSync(base, copy, { recursive: true, preserveTimestamps: true })
    // fs.cpSync makes two files of two names.
    for (const copy of [ours, theirs]) {
      fs.rmSync(join(copy, 'kept/a2'))
      fs.linkSync(join(copy, 'kept/a'), join(copy, 'kept/a2'))
    }
    changeTheirs(theirs)
    changeOurs(ours)
    return act({ base, ours, theirs })
  } finally {
    fs.rmSync(at, { recursive: true })
  }
}

/** `again`: ours has in it what a merge before has changed. */
function plan(trees: Trees, side: 'ours' | 'theirs' | null, again = false): MergeOutcome {
  const ours = again ? [...new Set([...changedByUs, ...changedByThem])].sort() : changedByUs
  return new TreeMerge(trees, changedByThem, ours, side).plan()
}

function apply({ ours, theirs }: Trees, { actions, looked }: MergeOutcome): void {
  new TreeApplication(ours, theirs).run(actions, looked)
}

it('what both have changed is told, and nothing else', () =>
  withTrees((trees) => {
    assert.deepEqual(plan(trees, null).conflicts, [{ path: '/both', ours: 'changed', theirs: 'changed' }])
    apply(trees, plan(trees, 'ours'))
    const at = (name: string): string => fs.readFileSync(join(trees.ours, name), 'utf8')
    assert.deepEqual(['both', 'mine', 'kept/c', 'changed', 'new/two', 'file/in it', 'turned'].map(at), [
      'ours, longer',
      'ours',
      'ours',
      'theirs',
      'one',
      'in it',
      'a file now',
    ])
    assert.deepEqual(
      ['gone', 'deleted'].filter((name) => fs.existsSync(join(trees.ours, name))),
      [],
    )
    assert.equal(fs.statSync(join(trees.ours, 'new/two')).nlink, 2)
    assert.equal(fs.statSync(join(trees.ours, 'kept/a2')).nlink, 2)
    assert.equal(fs.statSync(join(trees.ours, 'new')).mtimeMs, 1e12)
    assert.equal(fs.statSync(join(trees.ours, 'attributes')).mode & 0o777, 0o700)
  }))

it('deleted by one and changed inside by the other: told by the path inside', () =>
  withTrees((trees) => {
    fs.writeFileSync(join(trees.ours, 'gone/in/x'), 'changed inside')
    const ours = [...changedByUs, '/gone', '/gone/in', '/gone/in/x']
    const { conflicts } = new TreeMerge(trees, changedByThem, ours, null).plan()
    assert.deepEqual(conflicts[1], { path: '/gone/in/x', ours: 'changed', theirs: 'deleted' })
  }))

it('ended before each change, and made again', () => {
  const { steps, hook } = tracing()
  const wanted = withTrees((trees) => {
    const outcome = plan(trees, 'theirs')
    hooked(hook, () => apply(trees, outcome))
    return contentsOf(trees.ours)
  })
  const points = pointsOf(steps).filter(({ midway }) => !midway)
  assert.ok(points.length > 40, `${points.length}`)
  // Every third of them: with each name they come again.
  for (const point of points.filter((_, at) => at % 3 === 0))
    withTrees((trees) => {
      const outcome = plan(trees, 'theirs')
      assert.throws(() => hooked(ending(point), () => apply(trees, outcome)), Ended)
      const again = plan(trees, null, true).conflicts.filter(({ path }) => path !== '/both')
      assert.deepEqual(again, [], `ended before ${steps[point.index]!.text}`)
      apply(trees, plan(trees, 'theirs', true))
      assert.equal(differences(wanted, contentsOf(trees.ours)), '', `ended before ${steps[point.index]!.text}`)
    })
})
