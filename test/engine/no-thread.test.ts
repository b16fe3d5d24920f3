/**
 * Copy-ups of large files where no thread can be had to copy beside the loop (a container's limit of processes is
 * reached): they are made in the loop, and no descriptor is closed twice, for by then its number may be another
 * thread's.
 */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import { Stack } from './layers.js'
import { type Hook, hooked } from './native-hook.js'
import { Session, startEngine, unbound } from './session.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

const NAME = 'five-megabytes'
const content = Buffer.alloc(5 << 20, 'stratum ')
const changed = Buffer.concat([Buffer.from('S'), content.subarray(1)])

describe('large copy-ups without a thread', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('disk')
    writeFileSync(join(stack.lowers[0]!, NAME), content)
  })
  after(() => stack.remove())

  for (const metacopy of [false, true])
    it(metacopy ? 'into a metacopy in place' : 'into a new file', (t) => {
      const run = stack.newRun()
      const wakeFd = openSync('/dev/null', 'w')
      t.after(() => closeSync(wakeFd))
      let refused = 0
      const hook: Hook = (name, args, proceed) => {
        if (name === 'startCopy') refused++
        const result = name === 'startCopy' ? -Errno.EAGAIN : proceed()
        if (name === 'close') assert.equal(result, 0, `close(${args[0]})`)
        return result
      }
      hooked(hook, () => {
        const engine = startEngine(run.config({ metacopy }), { ...unbound, wakeFd })
        try {
          const s = new Session(engine)
          if (metacopy) assert.equal(s.setattr(NAME, { mode: 0o600 }), 0)
          assert.equal(s.write(NAME, 'S'), 0)
        } finally {
          engine.close()
        }
      })
      assert.equal(refused, 1)
      assert.ok(readFileSync(join(run.upper, NAME)).equals(changed))
    })
})
