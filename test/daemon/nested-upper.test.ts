/**
 * An upper and its workdir inside another union, which takes neither devices 0:0 nor names that begin with `.wh.`:
 * whiteouts are files with the mark in directories marked opaque=x, whatever is removed, renamed, replaced or made
 * anew, and after a remount too.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { notInstalled } from '../tools/installed.js'

const stratafs = fileURLToPath(new URL('../../src/cli/stratafs.cjs', import.meta.url))
const skip = process.getuid?.() !== 0 ? 'needs root' : existsSync('/dev/fuse') ? false : 'there is no /dev/fuse'
let base = ''

/** Runs `act` as a process of its own: who uses a mount must not be who may have to serve it. */
const sh = (act: string) =>
  execFileSync('sh', ['-ec', act], { cwd: join(base, 'inner'), encoding: 'latin1', timeout: 60_000 })

type Outer = 'stratafs' | 'fuse-overlayfs'

function mountOuter(outer: Outer): void {
  if (outer === 'stratafs') return mount(join(base, 'empty'), base, 'outer')
  const [lower, upper, work] = ['empty', 'u', 'w'].map((name) => join(base, name))
  const words = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
  execFileSync('fuse-overlayfs', ['-o', words, join(base, 'outer')], { timeout: 60_000, stdio: 'ignore' })
}

function mount(lower: string, place: string, at: string): void {
  const words = ['mount', '--lower', lower, '--upper', join(place, 'u'), '--work', join(place, 'w'), join(base, at)]
  execFileSync(process.execPath, [stratafs, ...words], { timeout: 60_000, stdio: 'pipe' })
}

const inner = () => mount(join(base, 'lower'), join(base, 'outer'), 'inner')

function remount(): void {
  spawnSync('umount', [join(base, 'inner')])
  inner()
}

function populate(): void {
  for (const name of ['d/s', 'e']) mkdirSync(join(base, 'lower', name), { recursive: true })
  for (const name of ['a', 'b', 'c', 'd/f', 'd/s/g', 'e/h']) writeFileSync(join(base, 'lower', name), name)
}

function setUp(outer: Outer): void {
  base = mkdtempSync(join(tmpdir(), 'stratafs-nested-'))
  for (const name of ['lower', 'empty', 'u', 'w', 'outer', 'inner']) mkdirSync(join(base, name))
  populate()
  mountOuter(outer)
  sh('mkdir ../outer/u ../outer/w')
}

function tearDown(): void {
  for (const name of ['inner', 'outer'])
    if (spawnSync('umount', [join(base, name)]).status !== 0) spawnSync('umount', ['-l', join(base, name)])
  rmSync(base, { recursive: true, force: true })
}

const tree = () => sh('find . -mindepth 1 | sort').trim().split('\n')

function cases(): void {
  it('names are removed, and made anew over their whiteouts', () => {
    sh('rm a; rm -r d; echo new > a; rm b; mkdir b d')
    remount()
    assert.deepEqual(tree(), ['./a', './b', './c', './d', './e', './e/h'])
    assert.equal(sh('cat a'), 'new\n')
  })

  it('names are moved to nothing, over a whiteout, over an upper and over a lower file', () => {
    sh('mv a z; rm b; mv c b; echo up > up; mv e/h up; mv d/f z')
    remount()
    assert.deepEqual(tree(), ['./b', './d', './d/s', './d/s/g', './e', './up', './z'])
    assert.equal(sh('cat b up z'), 'ce/hd/f')
    sh('mv d/s/g b')
    remount()
    assert.equal(sh('cat b'), 'd/s/g')
  })

  it('a file takes the name of a lower one that has not been copied up', () => {
    sh('mv a b')
    remount()
    assert.deepEqual(tree(), ['./b', './c', './d', './d/f', './d/s', './d/s/g', './e', './e/h'])
    assert.equal(sh('cat b'), 'a')
  })

  it('directories are renamed, also over an emptied one, and keep what is in them', () => {
    sh('rm e/h; mv -T d e; mv e/s t')
    remount()
    assert.deepEqual(tree(), ['./a', './b', './c', './e', './e/f', './t', './t/g'])
  })

  it('the lower layer is as it was', () => {
    sh('rm -r a d; mv b c')
    assert.deepEqual(readdirSync(join(base, 'lower')), ['a', 'b', 'c', 'd', 'e'])
    assert.equal(readFileSync(join(base, 'lower/d/f'), 'latin1'), 'd/f')
  })
}

describe('an upper inside a union of ours', { skip }, () => {
  beforeEach(() => {
    setUp('stratafs')
    inner()
  })
  afterEach(tearDown)
  cases()
})

describe('an upper inside fuse-overlayfs', { skip: skip || notInstalled('fuse-overlayfs') }, () => {
  beforeEach(() => setUp('fuse-overlayfs'))
  afterEach(tearDown)
  it('is refused with the reason, where that hides our marks; else what is removed stays removed', () => {
    try {
      inner()
    } catch (error) {
      assert.match(String(error), /can hold no whiteouts: .* put upperdir and workdir on another filesystem/)
      return
    }
    sh('rm a; rm -r d; mkdir d')
    remount()
    assert.deepEqual(tree(), ['./b', './c', './d', './e', './e/h'])
  })
})
