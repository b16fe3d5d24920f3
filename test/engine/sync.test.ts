/**
 * When a copy-up syncs: as kernel overlayfs does, which syncs a file once before its name is there, and not at all when its content
 * stays below (metacopy) or the mount is volatile. Counted in the system calls of the engine.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { UnionConfig } from '../../src/union/config.js'
import { Stack } from './layers.js'
import type { Session } from './session.js'
import { disturbed, prepared, tracing } from './trial.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

describe('syncs of a copy-up', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('tmpfs')
  })
  after(() => stack?.remove())

  const cases: readonly (readonly [words: string, config: Partial<UnionConfig>, syncs: number])[] = [
    ['by default', { fsync: true }, 1],
    ['with metacopy=on', { fsync: true, metacopy: true }, 0],
    ['with volatile', { fsync: true, volatile: true }, 0],
    ['with fsync=0', { fsync: false }, 0],
  ]
  for (const [words, config, syncs] of cases)
    it(`${words}: ${syncs}`, () => {
      const scenario = { name: words, config, act: (s: Session) => s.setattr('large', { mode: 0o611 }) }
      const { steps, hook } = tracing()
      const result = disturbed(prepared(stack, scenario), scenario, hook, (s, run) => run(s))
      assert.equal(result, 0)
      assert.equal(steps.filter(({ name }) => name === 'fsync').length, syncs)
    })
})
