/**
 * Debian's containerd over our snapshotter: images and containers in a short form here; with
 * STRATAFS_CONTAINERD_TESTS=all the snapshotter is killed 200 times under load as well (npm run test:containerd).
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { BUSYBOX, makeRootfs } from '../attach/rootfs.js'
import { LAUNCH, needsRoot } from '../daemon/harness.js'
import { notInstalled } from '../tools/installed.js'
import { writeImages } from './images.js'

const needs = {
  skip: needsRoot.skip || notInstalled('containerd', 'ctr', 'runc', BUSYBOX, 'setfattr'),
  timeout: 3_600_000,
}

function play(t: TestContext, mode: 'short' | 'fuse3' | 'kill', seconds: number): string {
  const place = mkdtempSync(join(tmpdir(), 'stratafs-containerd-'))
  t.after(() => rmSync(place, { recursive: true, force: true }))
  mkdirSync(join(place, 'rootfs-room'))
  writeImages(place, `${makeRootfs(join(place, 'rootfs-room'))}.tar`)
  const at = (path: string) => join(checkoutRoot(), path)
  const own = ['-m', '-p', '-f', '--mount-proc', '--kill-child', 'bash', at('test/attach/ground.sh'), place]
  const words = [
    ...own,
    'bash',
    at('test/containerd/scene.sh'),
    place,
    LAUNCH,
    mode,
    process.env.STRATAFS_KILLS ?? '200',
  ]
  const { status, stdout, stderr } = spawnSync('unshare', words, {
    encoding: 'utf8',
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    env: { ...process.env, TMPDIR: place, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  })
  assert.equal(status, 0, `${stdout}\n${stderr}`)
  return stdout
}

const all = process.env.STRATAFS_CONTAINERD_TESTS === 'all'

test('images and containers through containerd', needs, (t) => {
  const said = play(t, 'short', 120)
  t.diagnostic(said.replaceAll('\n', '; '))
  assert.match(said, /ok nothing is left\n$/)
})

test('mounts that containerd makes by mount.fuse3', {
  ...needs,
  skip: needs.skip || notInstalled('mount.fuse3') || (!all && 'npm run test:containerd does it'),
}, (t) => {
  assert.match(play(t, 'fuse3', 120), /ok nothing is left of mount.fuse3\n$/)
})

test('killed 200 times under load', {
  ...needs,
  skip: needs.skip || (!all && 'npm run test:containerd does it'),
}, (t) => {
  const said = play(t, 'kill', 1800)
  t.diagnostic(said.replaceAll('\n', '; '))
  assert.match(said, /ok nothing is left after the kills\n$/)
})
