/** Directories that are read on other threads: whatever is asked for, nothing is left of it. */
import assert from 'node:assert/strict'
import { statSync, symlinkSync, utimesSync } from 'node:fs'
import { Errno } from '../../src/base/errno.js'
import { O_DIRECTORY, O_PATH } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { makeFile, ok, onEach, openDescriptors } from './support.js'

onEach('directories, files, links and names that are absent are taken alike', (scratch) => {
  ok(native.mkdirat(scratch.fd, 'd', 0o700))
  for (let i = 0; i < 50; i++) makeFile(scratch, `d/${i}`)
  makeFile(scratch, 'f', 'x')
  symlinkSync('d', `${scratch.path}/l`)
  const before = openDescriptors()
  const blocks = native.diskBlocksRead(true)
  for (let i = 0; i < 20; i++)
    for (const name of ['d', 'f', 'l', 'absent']) assert.equal(native.prefetchDirectory(scratch.fd, name, 20), 0)
  assert.equal(native.prefetchDirectory(-1, 'd', 20), 0)
  assert.equal(native.stopWarming(), 0)
  assert.equal(openDescriptors(), before)
  assert.ok(native.diskBlocksRead(true) >= blocks)
  assert.ok(native.diskBlocksRead(false) >= 0)
})

onEach('too much at once is refused, and forgotten by who stops', (scratch) => {
  ok(native.mkdirat(scratch.fd, 'd', 0o700))
  for (let i = 0; i < 400; i++) makeFile(scratch, `d/${i}`)
  const before = openDescriptors()
  let refused = 0
  for (let i = 0; i < 30_000; i++) if (native.prefetchDirectory(scratch.fd, 'd', 2000) === -Errno.EAGAIN) refused++
  assert.ok(refused > 0)
  assert.equal(native.stopWarming(), 0)
  assert.equal(openDescriptors(), before)
})

onEach('nothing outside the layer is read, nor through a link', (scratch, t) => {
  for (const name of ['layer', 'outside']) ok(native.mkdirat(scratch.fd, name, 0o700))
  ok(native.mkdirat(scratch.fd, 'layer/inside', 0o700))
  symlinkSync('../outside', `${scratch.path}/layer/link`)
  const root = ok(native.openat(scratch.fd, 'layer', O_PATH | O_DIRECTORY, 0))
  const old = new Date(1_000_000_000_000)
  const readAt = (path: string, asked: string): number => {
    utimesSync(`${scratch.path}/${path}`, old, new Date())
    assert.equal(native.prefetchDirectory(root, asked, 20), 0)
    // What has not begun is forgotten by who stops.
    for (let i = 0; i < 100 && statSync(`${scratch.path}/${path}`).atimeMs === old.getTime(); i++)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    native.stopWarming()
    return statSync(`${scratch.path}/${path}`).atimeMs
  }
  if (readAt('layer/inside', 'inside') === old.getTime()) t.skip('times of access are not kept here')
  else {
    for (const asked of ['../outside', 'inside/../../outside', 'link', `${scratch.path}/outside`])
      assert.equal(readAt('outside', asked), old.getTime(), asked)
  }
  native.close(root)
})
