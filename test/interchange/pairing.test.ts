/**
 * A lower, an upper and a workdir that belong together, noted by the kernel's index=on and by ours: what one has noted,
 * the other believes, and each refuses with index=on what does not fit. Without that word ours mounts and says so.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { columnNamed } from '../conformance/columns.js'
import { needsRoot, type Workspace, workspace } from '../daemon/harness.js'

const carriesKernel = columnNamed('kernel').available()
const skip = needsRoot.skip || (carriesKernel === true ? false : carriesKernel)

interface Pair {
  readonly lower: string
  readonly upper: string
  readonly work: string
}

type Side = 'kernel' | 'ours'

/** What mounting said: '' where it worked; `act` is done in the mount then. */
function tried(w: Workspace, side: Side, { lower, upper, work }: Pair, index = ',index=on', act = () => {}): string {
  const words = `lowerdir=${lower},upperdir=${upper},workdir=${work}${index}`
  if (side === 'ours') {
    const run = w.run('mount', '-o', words, w.merged)
    if (run.status !== 0) return run.stderr
    act()
    return w.run('unmount', w.merged).stderr
  }
  const run = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', words, w.merged], { encoding: 'utf8' })
  if (run.status !== 0) return run.stderr
  act()
  return spawnSync('umount', [w.merged], { encoding: 'utf8' }).stderr
}

function noted(t: TestContext, by: Side) {
  const w = workspace(t)
  linkSync(join(w.base, 'b'), join(w.base, 'b2'))
  const others = { upper: join(w.root, 'upper2'), work: join(w.root, 'work2') }
  for (const path of Object.values(others)) mkdirSync(path)
  const pair = { lower: w.base, upper: w.upper, work: w.work }
  assert.equal(tried(w, by, pair), '')
  return { w, others, pair }
}

for (const by of ['kernel', 'ours'] as const)
  test(`noted by ${by}: both take what fits and refuse another lower, another upper`, { skip }, (t) => {
    const { w, others, pair } = noted(t, by)
    for (const [side, why] of [
      ['kernel', /Stale file handle/],
      ['ours', /name that one first in lowerdir, or mount without index=on/],
    ] as const) {
      assert.equal(tried(w, side, pair), '', side)
      assert.match(tried(w, side, { ...pair, lower: w.top }), why)
      assert.match(tried(w, side, { ...pair, upper: others.upper }), side === 'kernel' ? why : /another upperdir than/)
      assert.equal(tried(w, side, pair), '', `${side}: after the refusals`)
    }
    assert.equal(tried(w, 'kernel', { ...pair, ...others }), '', 'a new upper and workdir over the same lower')
  })

test('which words make a mismatch refused: those that do so with the kernel', { skip }, (t) => {
  const { w, others, pair } = noted(t, 'kernel')
  const unfits = [{ lower: w.top }, { upper: others.upper }]
  for (const [n, words] of ['index=on', 'index=off', 'xino=on', 'metacopy=on', 'xino=on,index=on'].entries()) {
    const tries = { ...pair, ...unfits[n % 2] }
    const [kernel, ours] = (['kernel', 'ours'] as const).map((side) => tried(w, side, tries, `,${words}`))
    assert.equal(ours === '', kernel === '', `${words}: ${ours} ${kernel}`)
  }
  const exported = ',index=on,nfs_export=on'
  assert.match(tried(w, 'kernel', { ...pair, lower: w.top }, exported), /Stale file handle/)
  assert.match(tried(w, 'ours', pair, exported), /cannot be exported over NFS/)
})

test('a lower group whose names all went while unmounted leaves nothing in the index', { skip }, (t) => {
  for (const side of ['kernel', 'ours'] as const) {
    const { w, pair } = noted(t, side)
    const b = join(w.merged, 'b')
    const append = () => writeFileSync(b, '+', { flag: 'a' })
    assert.equal(tried(w, side, pair, undefined, append), '')
    assert.equal(readdirSync(join(pair.work, 'index')).length, 1)
    for (const name of ['b', 'b2']) rmSync(join(w.base, name))
    const remove = () => {
      assert.equal(readFileSync(b, 'utf8'), 'base b\n+')
      // The kernel counts its index here.
      if (side === 'ours') assert.equal(statSync(b).nlink, 1)
      rmSync(b)
    }
    assert.equal(tried(w, side, pair, undefined, remove), '')
    assert.equal(tried(w, side, pair), '')
    assert.deepEqual(readdirSync(join(pair.work, 'index')), [], side)
  }
})

test('without index=on a mount of what does not fit goes on, and says so', { skip }, (t) => {
  const { w, others, pair } = noted(t, 'kernel')
  const said = (words: string) => {
    assert.equal(w.run('mount', '-o', words, w.merged).status, 0)
    const { stdout } = w.run('inspect', w.merged)
    writeFileSync(join(w.merged, 'new'), 'x')
    assert.equal(w.run('unmount', w.merged).status, 0)
    return stdout
  }
  const lowers = (lower: string) => `lowerdir=${lower},upperdir=${pair.upper},workdir=${pair.work}`
  assert.match(said(lowers(w.top)), /was made over another lower layer than/)
  assert.match(said(`${lowers(w.top)},index=off`), /was made over another lower layer than/)
  assert.doesNotMatch(said(lowers(w.base)), /another lower layer|another upperdir/)
  const other = `lowerdir=${pair.lower},upperdir=${others.upper},workdir=${pair.work}`
  assert.match(said(other), /holds the hard-link index of another upperdir than/)
})

test("the index of another upper is not used: its links are that upper's files", { skip }, (t) => {
  const { w, others, pair } = noted(t, 'ours')
  const words = (upper: string) => `lowerdir=${pair.lower},upperdir=${upper},workdir=${pair.work}`
  assert.equal(w.run('mount', '-o', words(pair.upper), w.merged).status, 0)
  writeFileSync(join(w.merged, 'b'), 'secret of one upper')
  assert.equal(w.run('unmount', w.merged).status, 0)
  assert.equal(readdirSync(join(pair.work, 'index')).length, 1)
  assert.equal(w.run('mount', '-o', words(others.upper), w.merged).status, 0)
  const shown = spawnSync('cat', [join(w.merged, 'b'), join(w.merged, 'b2')], { encoding: 'utf8' }).stdout
  assert.equal(w.run('unmount', w.merged).status, 0)
  assert.equal(shown, 'base b\nbase b\n')
})
