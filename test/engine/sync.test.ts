/**
 * When a copy-up syncs: as kernel overlayfs does, which syncs a file once before its name is there, and not at all when
 * its content stays below (metacopy, but for fsync=strict) or the mount is volatile; nor on tmpfs, where nothing
 * outlives the machine. Counted in the system calls of the engine.
 */
import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { TMPFS_MAGIC } from '../../src/syscalls/constants.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import { type FilesystemName, filesystems, Stack } from './layers.js'
import type { Session } from './session.js'
import { disturbed, prepared, tracing } from './trial.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'
const noDisk = statfsSync(filesystems.disk).type === TMPFS_MAGIC && 'the folder for temporary files lies on tmpfs'

describe('syncs of a copy-up', { skip }, () => {
  const stacks = new Map<FilesystemName, Stack>()
  before(() => {
    for (const name of ['disk', 'tmpfs'] as const) stacks.set(name, new Stack(name))
  })
  after(() => {
    for (const stack of stacks.values()) stack.remove()
  })

  const cases: readonly (readonly [words: string, on: FilesystemName, config: Partial<UnionConfig>, syncs: number])[] =
    [
      ['by default', 'disk', { fsync: true }, 1],
      ['with metacopy=on', 'disk', { fsync: true, metacopy: true }, 0],
      ['with fsync=strict', 'disk', { fsync: true, strictSync: true }, 1],
      ['with fsync=strict,metacopy=on', 'disk', { fsync: true, strictSync: true, metacopy: true }, 1],
      ['with volatile', 'disk', { fsync: true, volatile: true }, 0],
      ['with fsync=0', 'disk', { fsync: false }, 0],
      ['with an upper on tmpfs', 'tmpfs', { fsync: true }, 0],
    ]
  for (const [words, on, config, syncs] of cases)
    it(`${words}: ${syncs}`, { skip: on === 'disk' && noDisk }, () => {
      const scenario = { name: words, config, act: (s: Session) => s.setattr('large', { mode: 0o611 }) }
      const stack = stacks.get(on)!
      const { steps, hook } = tracing()
      const result = disturbed(prepared(stack, scenario), scenario, hook, (s, run) => run(s))
      assert.equal(result, 0)
      assert.equal(steps.filter(({ name }) => name === 'fsync').length, syncs)
    })
})
