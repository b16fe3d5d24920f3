/**
 * Walks over layers of which nothing is in memory, when directories are read ahead: that everything is found, as if
 * nothing were.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsRoot, type Workspace, workspace } from './harness.js'

const LAYERS = 12
const DIRECTORIES = 15

/** Layers that share their directories; each has a file of its own in each, and hides one of the layer below. */
function layers(w: Workspace): string[] {
  const paths = Array.from({ length: LAYERS }, (_, i) => join(w.root, `l${i}`))
  for (const [i, path] of paths.entries()) {
    for (let d = 0; d < DIRECTORIES; d++) {
      mkdirSync(join(path, `d${d}/e/f`), { recursive: true })
      writeFileSync(join(path, `d${d}/own-${i}`), `${i}`)
      writeFileSync(join(path, `d${d}/e/f/same`), `${i}`)
      if (i < LAYERS - 1) spawnSync('mknod', [join(path, `d${d}/own-${i + 1}`), 'c', '0', '0'])
    }
  }
  return paths
}

/** What a walk tells, with sizes. */
function walk(root: string): string[] {
  spawnSync('sh', ['-c', 'sync; echo 3 > /proc/sys/vm/drop_caches'])
  const { stdout, status, stderr } = spawnSync('find', ['.', '-printf', '%p %y %s\\n'], { cwd: root, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/ d \d+$/, ' d'))
    .sort()
}

const expected = (): string[] => {
  const inside = Array.from({ length: DIRECTORIES }, (_, d) => [
    `./d${d} d`,
    `./d${d}/e d`,
    `./d${d}/e/f d`,
    `./d${d}/e/f/same f 1`,
    `./d${d}/own-0 f 1`,
  ])
  return ['. d', ...inside.flat()].sort()
}

for (const more of ['', ',index=off', ',index=immutable']) {
  test(`many layers are walked from a cold disk${more}`, needsRoot, (t) => {
    const w = workspace(t)
    const lowers = layers(w).join(':')
    const mount = (): void => {
      const { status, stderr } = w.run(
        '-o',
        `lowerdir=${lowers},upperdir=${w.upper},workdir=${w.work}${more}`,
        w.merged,
      )
      assert.equal(status, 0, stderr)
    }
    mount()
    assert.deepEqual(walk(w.merged), expected())
    assert.deepEqual(walk(w.merged), expected())
    for (let d = 0; d < DIRECTORIES; d++) assert.equal(statSync(join(w.merged, `d${d}/own-0`)).size, 1)
    assert.equal(w.run('unmount', w.merged).status, 0)
    mount()
    assert.deepEqual(walk(w.merged), expected())
  })
}

test('a tree of one layer is walked from a cold disk', needsRoot, (t) => {
  const w = workspace(t)
  const paths = Array.from({ length: 300 }, (_, i) => `a${i % 7}/b${i % 11}/c${i}`)
  for (const path of paths) mkdirSync(join(w.base, path), { recursive: true })
  for (const path of paths) writeFileSync(join(w.base, path, 'file'), 'x')
  const { status, stderr } = w.run('-o', `lowerdir=${w.base},upperdir=${w.upper},workdir=${w.work}`, w.merged)
  assert.equal(status, 0, stderr)
  assert.deepEqual(walk(w.merged), walk(w.base))
})
