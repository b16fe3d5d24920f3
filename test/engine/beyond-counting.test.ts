/**
 * Files of 2^53 bytes and more, which a number does not count exactly: shown to the byte, and never copied, for the
 * copy would have another size. tmpfs holds such files; ext4 does not.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import { AT_FDCWD } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import { check } from './fingerprint.js'
import { Stack } from './layers.js'
import type { Session } from './session.js'
import { withEngine } from './trial.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

/** Sizes that are rounded up, rounded down, and the largest there is. */
const sizes = [2n ** 53n + 3n, 2n ** 60n + 129n, 2n ** 63n - 1n]

const getattr = (s: Session, path: string): number => s.at(path, (nodeid) => s.ops.getattr(nodeid))

/** A hole of `size` bytes; node's own truncate takes no such number. */
function makeFile(path: string, size: bigint): void {
  const made = spawnSync('truncate', ['-s', String(size), path])
  assert.equal(made.status, 0, String(made.stderr))
}

describe('files of 8 PiB and more', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('tmpfs')
    for (const size of sizes) makeFile(join(stack.lowers[0]!, `of-${size}`), size)
    makeFile(join(stack.lowers[0]!, 'of-most'), 2n ** 53n - 1n)
  })
  after(() => stack.remove())

  const withSession = (config: Partial<UnionConfig>, act: (s: Session) => void): void =>
    withEngine(stack.newRun(), { name: 'sizes', config, act: () => 0 }, act)

  for (const size of sizes) {
    const path = `of-${size}`
    it(`${size} bytes: the low half is told beside the rounded number`, () =>
      withSession({}, (s) => {
        assert.equal(getattr(s, path), 0)
        assert.equal(s.ops.attr.size, Number(size))
        assert.equal(s.ops.attr.sizeLow, Number(size & 0xffff_ffffn))
      }))

    for (const metacopy of [false, true])
      it(`${size} bytes: EFBIG for what would copy it${metacopy ? ', with metacopy too' : ''}`, () =>
        withSession({ metacopy }, (s) => {
          assert.equal(s.setattr(path, { mode: 0o600 }), -Errno.EFBIG)
          assert.equal(s.write(path, 'y'), -Errno.EFBIG)
        }))

    it(`${size} bytes: EFBIG for what would bring the content of a metacopy that another made`, () => {
      const run = stack.newRun()
      const metacopy = join(run.upper, path)
      makeFile(metacopy, size)
      check(native.setxattr(AT_FDCWD, metacopy, 'trusted.overlay.metacopy', new Uint8Array(), 0), metacopy)
      withEngine(run, { name: 'sizes', config: { metacopy: true }, act: () => 0 }, (s) => {
        assert.equal(s.write(path, 'y'), -Errno.EFBIG)
        assert.equal(getattr(s, path), 0)
        assert.equal(s.ops.attr.size, Number(size))
      })
    })

    it(`${size} bytes: can be cut to what can be counted`, () =>
      withSession({}, (s) => {
        assert.equal(s.setattr(path, { size: 5 }), 0)
        assert.equal(getattr(s, path), 0)
        assert.equal(s.ops.attr.size, 5)
      }))
  }

  it('of 2^53 - 1 bytes the owner and mode are copied, and the size with them', () =>
    withSession({ metacopy: true }, (s) => {
      assert.equal(s.setattr('of-most', { mode: 0o600 }), 0)
      assert.equal(getattr(s, 'of-most'), 0)
      assert.equal(s.ops.attr.size, Number.MAX_SAFE_INTEGER)
    }))
})
