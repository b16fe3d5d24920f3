/** The addon's surface as a whole: everything declared is there, misuse throws, nothing leaks a descriptor. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { OwnedFd } from '../../src/syscalls/owned-fd.js'
import { STAT_SLOTS, Stat } from '../../src/syscalls/stat.js'
import { inScratch, isRoot, makeFile, openDescriptors } from './support.js'

const declarations = readFileSync(new URL('../../../native-bindings/index.d.ts', import.meta.url), 'utf8')

test('every declared function exists, and nothing else', () => {
  const body = declarations.slice(
    declarations.indexOf('interface Native {'),
    declarations.indexOf('interface DeviceCon'),
  )
  const declared = [...body.matchAll(/^ {2}(\w+)\(/gm)].map((match) => match[1]!)
  const present = Object.entries(native).filter(([key, value]) => typeof value === 'function' && key !== 'Device')
  assert.deepEqual(present.map(([key]) => key).sort(), declared.sort())
})

test('the slots have the names the declaration gives them', () => {
  const body = declarations.slice(declarations.indexOf('StatSlots'), declarations.indexOf(']'))
  const declared = [...body.matchAll(/'(\w+)'/g)].map((match) => match[1]!)
  const named = Object.keys(Stat).map((key) =>
    key.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
  )
  assert.deepEqual(named, declared)
  assert.equal(declared.length, STAT_SLOTS)
})

test('an argument of the wrong type throws, and does not crash', () => {
  const loose = native as unknown as Record<string, (...args: unknown[]) => unknown>
  assert.throws(() => loose.statat!(), TypeError)
  assert.throws(() => loose.statat!('x', 'y'), TypeError)
  assert.throws(() => loose.pread!(0, new Float64Array(1), 0, 1, 0), TypeError)
  assert.throws(() => loose.Device!(), TypeError)
  const Loose = native.Device as unknown as new (...args: unknown[]) => unknown
  assert.throws(() => new Loose('x'), TypeError)
  const next = native.Device.prototype.next as (this: unknown, bytes: number) => number
  assert.throws(() => next.call({}, 0), TypeError)
})

/** Every call that opens something inside, as it works and as it fails. */
function callsThatOpen(fd: number): void {
  native.readDirectory(fd, '')
  native.readDirectory(fd, 'f')
  native.hasPrefix(fd, '', 'x')
  native.hasPrefix(fd, '', 'f')
  native.chmodat(fd, 'f', 0o600)
  native.truncateat(fd, 'f', 1)
  native.truncateat(fd, '.', 1)
  native.getFlags(fd, 'f')
  native.setFlags(fd, 'f', 0)
  native.filesystemUuid(fd)
  native.openBeneath(fd, 'no/such', c.O_PATH, 0)
  native.linkat(fd, '', fd, 'x')
  native.fusermount('/bin/false', '', '/')
  native.notify('/no/such/socket', 'x')
  native.fusermount('/no/such/program', 'x', '/')
  native.cloneMount('/no/such', 1)
  if (isRoot) native.close(native.cloneMount('/', c.MOUNT_ATTR_RDONLY))
}

test('no call leaks a descriptor', () =>
  inScratch('/tmp', (scratch) => {
    makeFile(scratch, 'f')
    callsThatOpen(scratch.fd)
    const before = openDescriptors()
    for (let i = 0; i < 10; i++) callsThatOpen(scratch.fd)
    assert.equal(openDescriptors(), before)
  }))

test('an owned descriptor is closed once', () =>
  inScratch('/tmp', (scratch) => {
    const before = openDescriptors()
    const owned = OwnedFd.from(native.openat(scratch.fd, '', c.O_PATH, 0)) as OwnedFd
    const second = owned.reopen(c.O_RDONLY) as OwnedFd
    assert.notEqual(second.fd, owned.fd)
    assert.equal(owned.close(), 0)
    assert.equal(owned.close(), 0)
    assert.deepEqual([owned.fd, owned.closed, owned.reopen(0)], [-1, true, -Errno.EBADF])
    assert.throws(() => owned.release())
    native.close(second.release())
    assert.equal(OwnedFd.from(-Errno.ENOENT), -Errno.ENOENT)
    assert.throws(() => new OwnedFd(-1), RangeError)
    assert.equal(openDescriptors(), before)
  }))
