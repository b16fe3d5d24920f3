/**
 * `store list` and `store prune`: what lies in a store, and that only what nobody needs goes: never an upper or a layer
 * of a mount, never without a yes, and nothing with --dry-run.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MAIN, needsRoot, type Workspace, workspace } from '../daemon/harness.js'

interface Piece {
  readonly kind: string
  readonly path: string
  readonly inUse: boolean
  readonly images: readonly string[]
  readonly bytes: number
}

const pieces = (w: Workspace): Piece[] => JSON.parse(w.run('store', 'list', '--store', 'store', '--json').stdout).pieces

/** A store with one image of one layer, mounted twice: one mount is there, the other left its changes. */
function used(t: TestContext): Workspace {
  const w = workspace(t)
  mkdirSync(join(w.root, 'm2'))
  assert.equal(spawnSync('tar', ['-cf', 'a.tar', '-C', 'base', '.'], { cwd: w.root }).status, 0)
  assert.equal(w.run('image', 'import', 'a.tar', 'images:a').status, 0)
  for (const merged of ['m2', 'merged']) {
    assert.equal(w.run('image', 'mount', '--store', 'store', 'images:a', merged).status, 0)
    writeFileSync(join(w.root, merged, 'changed'), 'x'.repeat(5000))
  }
  assert.equal(w.run('unmount', 'm2').status, 0)
  return w
}

test('the uppers that mounts left go, and nothing else', needsRoot, (t) => {
  const w = used(t)
  const [layer, ...uppers] = pieces(w)
  assert.deepEqual([layer!.kind, layer!.inUse, layer!.images], ['layer', true, [`${w.root}/images:a`]])
  assert.deepEqual(uppers.map(({ kind, inUse }) => [kind, inUse]).sort(), [
    ['upper', false],
    ['upper', true],
  ])
  const left = uppers.find(({ inUse }) => !inUse)!
  assert.ok(left.bytes >= 5000)
  assert.match(w.run('store', 'list', '--store', 'store').stdout, /^KIND +NAME +SIZE +CHANGED +USED +IMAGES\nlayer /)

  const formatted = (format: string) => w.run('store', 'list', '--store', 'store', '--format', format).stdout
  assert.deepEqual(formatted('{{.Kind}} {{.Path}} {{.Used}}').split('\n').sort(), [
    '',
    `layer ${layer!.path} mounted`,
    ...uppers.map(({ path, inUse }) => `upper ${path} ${inUse ? 'mounted' : '-'}`).sort(),
  ])
  assert.match(formatted('table {{.Kind}}\\t{{.Size}}'), /^KIND +SIZE\nlayer +\S+ k?B\n/)

  const dry = w.run('store', 'prune', '--store', 'store', '--dry-run')
  assert.match(dry.stdout, /^upper \S+, \S+ kB, changed .* ago\nwould remove 1 upper and 0 layers, /)
  const asked = w.run('store', 'prune', '--store', 'store')
  assert.equal(asked.status, 1)
  assert.match(asked.stderr, /^stratafs: store prune: nobody can be asked: give --force/)
  assert.ok(existsSync(left.path), 'still there')

  assert.match(w.run('store', 'prune', '--store', 'store', '--force').stdout, /removed 1 upper and 0 layers, /)
  assert.ok(!existsSync(left.path))
  assert.equal(readdirSync(join(w.root, 'merged')).includes('changed'), true, 'the other mount has its changes')
  assert.equal(w.run('store', 'prune', '--store', 'store', '--force').stdout, 'nothing to remove\n')
})

test('a person is asked, and may say no', needsRoot, (t) => {
  const w = used(t)
  const left = pieces(w).find(({ inUse }) => !inUse)!
  const answer = (word: string) => {
    const line = `'${process.execPath}' '${MAIN}' store prune --store store`
    const options = { cwd: w.root, env: w.env, encoding: 'utf8', input: `${word}\n`, timeout: 30_000 } as const
    return spawnSync('script', ['-qec', line, '/dev/null'], options)
  }
  const no = answer('n')
  assert.match(no.stdout, /Remove 1 upper and 0 layers, \S+ kB\? \[y\/N\]/)
  assert.equal(no.status, 1)
  assert.ok(existsSync(left.path))
  assert.equal(answer('y').status, 0)
  assert.ok(!existsSync(left.path))
})

test('an upper that is somebody’s lower, or locked, stays; a layer that lost its image goes', needsRoot, (t) => {
  const w = used(t)
  const left = pieces(w).find(({ inUse }) => !inUse)!
  assert.equal(w.run('mount', '--lower', join(left.path, 'upper'), 'm2').status, 0)
  assert.equal(w.run('store', 'prune', '--store', 'store', '--force').stdout, 'nothing to remove\n')
  assert.equal(w.run('unmount', 'm2').status, 0)
  assert.equal(w.run('unmount', 'merged').status, 0)
  const records = join(w.root, 'store/images')
  for (const name of readdirSync(records)) rmSync(join(records, name))
  assert.match(w.run('store', 'prune', '--store', 'store', '--force').stdout, /removed 2 uppers and 1 layer, /)
  assert.deepEqual(pieces(w), [])
})
