/**
 * Whiteouts as links of one inode: they are what they were, whatever becomes of the inode's own name, of links that are
 * refused, and of an inode that has as many as it may.
 */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import { SharedWhiteout } from '../../src/layers/shared-whiteout.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'

const { linkat } = native
let base = ''
let work = -1
let upper = -1
let shared: SharedWhiteout

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'stratafs-whiteout-'))
  for (const name of ['work', 'upper']) mkdirSync(join(base, name))
  work = native.openat(AT_FDCWD, join(base, 'work'), O_PATH | O_DIRECTORY, 0)
  upper = native.openat(AT_FDCWD, join(base, 'upper'), O_PATH | O_DIRECTORY, 0)
  let last = 0
  shared = new SharedWhiteout(work, () => `#${++last}`)
})

afterEach(() => {
  native.linkat = linkat
  shared.close()
  for (const fd of [work, upper]) native.close(fd)
  rmSync(base, { recursive: true })
})

const at = (name: string) => lstatSync(join(base, 'upper', name))

function isWhiteout(name: string): boolean {
  return at(name).isCharacterDevice() && at(name).rdev === 0
}

describe('whiteouts that share an inode', () => {
  it('are links of one, which loses its own name at the end', () => {
    for (const name of ['a', 'b', 'c']) assert.equal(shared.place(upper, name), 0)
    assert.deepEqual([at('a').ino, at('a').nlink], [at('c').ino, 4])
    shared.close()
    assert.deepEqual(readdirSync(join(base, 'work')), [])
    assert.ok(['a', 'b', 'c'].every(isWhiteout))
    assert.equal(at('a').nlink, 3)
  })

  it('do not replace what stands there', () => {
    mkdirSync(join(base, 'upper/a'))
    assert.equal(shared.place(upper, 'a'), -Errno.EEXIST)
    assert.ok(at('a').isDirectory())
  })

  it('begin with another inode when one has as many names as it may', () => {
    assert.equal(shared.place(upper, 'a'), 0)
    native.linkat = () => -Errno.EMLINK
    assert.equal(shared.place(upper, 'b'), 0)
    native.linkat = linkat
    for (const name of ['c', 'd']) assert.equal(shared.place(upper, name), 0)
    assert.ok(['a', 'b', 'c', 'd'].every(isWhiteout))
    assert.notEqual(at('c').ino, at('a').ino)
    assert.equal(at('c').ino, at('d').ino)
  })

  it('are made one by one where links are refused', () => {
    native.linkat = () => -Errno.EPERM
    for (const name of ['a', 'b']) assert.equal(shared.place(upper, name), 0)
    native.linkat = () => assert.fail('it was refused once')
    assert.equal(shared.place(upper, 'c'), 0)
    assert.ok(['a', 'b', 'c'].every(isWhiteout))
    assert.deepEqual(readdirSync(join(base, 'work')), [])
  })
})
