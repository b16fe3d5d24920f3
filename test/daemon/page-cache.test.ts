/**
 * Small files of lower layers come into the page cache with their first open: that they are then read without a
 * request, that what is read is right at every size around a page and around the limit, and that it stays right when
 * the kernel has dropped the pages, and when the file changes.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, readSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsRoot, type Workspace, workspace } from './harness.js'

const LIMIT = 65_536
const SIZES = [0, 1, 4095, 4096, 4097, 20_000, LIMIT - 1, LIMIT, LIMIT + 1]

/** Bytes of which no page is like another. */
function content(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 12)) & 255))
}

/** How often the kernel has asked `kind`. */
function asked(w: Workspace, kind: string): number {
  const { byKind } = JSON.parse(w.run('stats', '--json', w.merged).stdout).mounts[0].counters
  return byKind[kind]?.requests ?? 0
}

/** A mount over a file of each size; false where the kernel has no passthrough, and opens are not asked for. */
function mounted(w: Workspace): boolean {
  for (const size of SIZES) writeFileSync(join(w.base, `f${size}`), content(size))
  const { status, stderr } = w.run('-o', `${w.options},data=passthrough`, w.merged)
  assert.equal(status, 0, stderr)
  const [document] = JSON.parse(w.run('inspect', w.merged).stdout)
  return document.Engine.Data.Mode === 'passthrough'
}

function allAreRight(w: Workspace): void {
  for (const size of SIZES)
    assert.ok(readFileSync(join(w.merged, `f${size}`)).equals(content(size)), `of ${size} bytes`)
}

test('small lower files are read without a READ, and without asking for their attributes again', needsRoot, (t) => {
  const w = workspace(t)
  if (!mounted(w)) return t.skip('this kernel has no passthrough')
  allAreRight(w)
  assert.equal(asked(w, 'READ'), 0)
  const before = asked(w, 'GETATTR')
  for (const size of SIZES.filter((each) => each <= LIMIT)) statSync(join(w.merged, `f${size}`))
  assert.equal(asked(w, 'GETATTR'), before)
  allAreRight(w)
  assert.equal(asked(w, 'READ'), 0)
})

test('pages that the kernel has dropped are read again', needsRoot, (t) => {
  const w = workspace(t)
  if (!mounted(w)) return t.skip('this kernel has no passthrough')
  allAreRight(w)
  for (const size of SIZES)
    spawnSync('dd', [`if=${join(w.merged, `f${size}`)}`, 'iflag=nocache', 'count=0', 'status=none'])
  allAreRight(w)
  assert.ok(asked(w, 'READ') > 0)
})

test('a change shows at once, to who had the file open, too', needsRoot, (t) => {
  const w = workspace(t)
  if (!mounted(w)) return t.skip('this kernel has no passthrough')
  const path = join(w.merged, 'f4097')
  const fd = openSync(path, 'r')
  allAreRight(w)
  writeFileSync(path, 'new!', { flag: 'r+' })
  const changed = content(4097)
  changed.write('new!')
  assert.ok(readFileSync(path).equals(changed))
  const seen = Buffer.alloc(4097)
  readSync(fd, seen, 0, 4097, 0)
  assert.ok(seen.equals(changed))
  truncateSync(path, 10)
  assert.ok(readFileSync(path).equals(changed.subarray(0, 10)))
  assert.ok(readFileSync(join(w.base, 'f4097')).equals(content(4097)))
})

test('files under one name in two directories, and hard links, have their own content', needsRoot, (t) => {
  const w = workspace(t)
  for (const name of ['one', 'two']) {
    mkdirSync(join(w.base, name))
    writeFileSync(join(w.base, name, 'same'), `${name}\n`)
  }
  spawnSync('ln', [join(w.base, 'one/same'), join(w.base, 'linked')])
  if (!mounted(w)) return t.skip('this kernel has no passthrough')
  for (const [path, words] of [
    ['one/same', 'one\n'],
    ['two/same', 'two\n'],
    ['linked', 'one\n'],
  ] as const)
    assert.equal(readFileSync(join(w.merged, path), 'latin1'), words)
  assert.equal(asked(w, 'READ'), 0)
})
