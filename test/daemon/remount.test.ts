/** `-o remount` on a mount that stands: as under the kernel's overlay, the kernel itself refuses writes afterwards. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { wantedFlags } from '../../src/daemon/control/remount.js'
import { mountWords } from '../../src/daemon/mount/mountinfo.js'
import { MountFlag } from '../../src/daemon/options/mount-settings.js'
import { MAIN, needsRoot, workspace } from './harness.js'

const { RDONLY, NOSUID, NOATIME, LAZYTIME } = MountFlag
const rows: [present: string, options: string, flags: number][] = [
  ['rw,nosuid,relatime,rw,user_id=0', 'remount,ro', RDONLY | NOSUID],
  ['ro,nosuid,rw', 'remount', RDONLY | NOSUID],
  ['ro,nosuid,ro', 'remount,rw,suid,noatime', NOATIME],
  ['rw,rw,lazytime', 'rw,lazytime,user_id=0,lowerdir=/a,ro,remount', RDONLY | LAZYTIME],
]
for (const [present, options, flags] of rows)
  test(`a mount ${present} with ${options}`, () => assert.equal(wantedFlags(present.split(','), [options]), flags))

test('read only and back, with the other flags kept', needsRoot, (t) => {
  const w = workspace(t)
  const helper = join(w.root, 'mount.fuse.stratafs')
  symlinkSync(MAIN, helper)
  const run = (...args: string[]) => spawnSync(process.execPath, [helper, ...args], { env: w.env, encoding: 'utf8' })
  assert.equal(w.run('mount', '-o', `nosuid,${w.options}`, w.merged).status, 0)
  assert.equal(run('stratafs', w.merged, '-o', 'remount,ro').status, 0)
  assert.throws(() => writeFileSync(join(w.merged, 'new'), 'x'), { code: 'EROFS' })
  assert.ok(mountWords(w.merged).includes('nosuid'))
  assert.equal(w.run('mount', '-o', 'remount,rw', w.merged).status, 0)
  writeFileSync(join(w.merged, 'new'), 'x')
  assert.equal(readFileSync(join(w.upper, 'new'), 'utf8'), 'x')
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('what has no upper directory does not become writable; what is not mounted is not remounted', needsRoot, (t) => {
  const w = workspace(t)
  assert.match(w.run('mount', '-o', 'remount,ro', w.merged).stderr, /is not a stratafs mount/)
  assert.equal(w.run('mount', '--lower', w.base, w.merged).status, 0)
  const refused = w.run('mount', '-o', 'remount,rw', w.merged)
  assert.match(refused.stderr, /was mounted to be read only: unmount it, then mount it with upperdir and workdir/)
  assert.notEqual(refused.status, 0)
  assert.equal(w.run('unmount', w.merged).status, 0)
})
