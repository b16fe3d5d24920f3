/**
 * The run directory: state files of live daemons are found, what dead ones left is swept, strangers' directories are
 * not used.
 */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { StratafsError } from '../../src/base/failure.js'
import {
  filesStem,
  giveStem,
  listMounts,
  type MountState,
  ownIdentity,
  runDirectory,
  writeState,
} from '../../src/daemon/mount/run-directory.js'
import { parseOptions } from '../../src/daemon/options/parse.js'

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'stratafs-run-'))
  const before = process.env.STRATAFS_RUN_DIR
  process.env.STRATAFS_RUN_DIR = path
  t.after(() => {
    if (before === undefined) delete process.env.STRATAFS_RUN_DIR
    else process.env.STRATAFS_RUN_DIR = before
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

function newState(mountpoint: string, identity: Partial<MountState> = {}): MountState {
  const parsed = parseOptions(['lowerdir=/a'], { strict: true, cwd: '/' })
  assert.ok(!(parsed instanceof StratafsError))
  const facts = { device: '0:1', mountpoint, options: [], config: parsed.config, log: null, since: '2026' }
  return { ...ownIdentity(), ...facts, ...identity }
}

test('a live mount is found, and gone when its files are removed', (t) => {
  const path = directory(t)
  const stem = filesStem(path, '/m\xff', process.pid)
  writeState(stem, newState('/m\xff'))
  const [found, ...rest] = listMounts()
  assert.deepEqual(rest, [])
  assert.equal(found?.state.mountpoint, '/m\xff')
  assert.equal(found?.socket, `${stem}.sock`)
  giveStem(stem)
  assert.deepEqual(listMounts(), [])
})

test('what a dead process left is swept: its pid may be used again by now', (t) => {
  const path = directory(t)
  writeState(join(path, 'reused'), newState('/m', { startTime: '1' }))
  writeState(join(path, 'gone'), newState('/m', { pid: 2 ** 22 + 1 }))
  writeFileSync(join(path, 'gone.sock'), '')
  writeFileSync(join(path, 'broken.json'), '{')
  assert.deepEqual(listMounts(), [])
  assert.deepEqual(readdirSync(path), [])
})

test('a daemon of another pid namespace is left alone', (t) => {
  const path = directory(t)
  writeState(join(path, 'far'), newState('/m', { pid: 1, startTime: '1', pidNamespace: 'pid:[1]' }))
  assert.equal(listMounts().length, 1)
})

test('the directory is closed to others; one that was open is closed before it is used', (t) => {
  const path = directory(t)
  chmodSync(path, 0o755)
  assert.deepEqual(listMounts(), [])
  assert.equal(runDirectory(), path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
})
