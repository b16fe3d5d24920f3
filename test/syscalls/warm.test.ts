/** Directories that are read on other threads: whatever is asked for, nothing is left of it. */
import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { Errno } from '../../src/base/errno.js'
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
    for (const name of ['d', 'f', 'l', 'absent']) assert.equal(native.warmDirectory(scratch.fd, name, 20), 0)
  for (const path of ['', 'd/../d', '../x', '/etc']) assert.equal(native.warmDirectory(scratch.fd, path, 20), 0)
  assert.equal(native.warmDirectory(-1, 'd', 20), 0)
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
  for (let i = 0; i < 30_000; i++) if (native.warmDirectory(scratch.fd, 'd', 2000) === -Errno.EAGAIN) refused++
  assert.ok(refused > 0)
  assert.equal(native.stopWarming(), 0)
  assert.equal(openDescriptors(), before)
})
