/**
 * A lower file that has lost its name is copied up, and the process dies right after the new file has been kept for the
 * next one, before the state says so. It is copied up once more then, and whoever follows after that finds that one.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Kept } from '../engine/kept.js'
import { Stack } from '../engine/layers.js'
import { followDescriptors, hooked } from '../engine/native-hook.js'
import { ROOT, Session } from '../engine/session.js'
import { dies, Ended } from '../engine/trial.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'
const CACHED = { passthrough: false, noOpen: true, writeback: false }

it('what was kept of a copy-up that was not finished is not taken for the file', { skip }, () => {
  const stack = new Stack('tmpfs')
  const run = stack.newRun()
  const kept = new Kept()
  const begin = (resumed: boolean) => new Session(kept.engine(run.config({}), resumed, CACHED))
  try {
    let id = 0
    const isDead = dies(() => {
      const s = begin(false)
      id = s.ops.lookup(ROOT, 'goner')
      assert.equal(s.unlink('goner'), 0)
      const afterKeeping = (name: string, _args: readonly unknown[], proceed: () => unknown) => {
        const answer = proceed()
        if (name === 'sendFds') throw new Ended()
        return answer
      }
      hooked(afterKeeping, () => s.writeTo(id, 'first', 0))
    })
    assert.equal(isDead, true)
    const { closeAll } = followDescriptors(() => {
      const s = begin(true)
      assert.equal(s.writeTo(id, 'first', 0), 5)
      assert.equal(s.writeTo(id, 'second', 5), 6)
    })
    closeAll()
    const s = begin(true)
    const content = s.read(id, 11)
    assert.equal(typeof content === 'number' ? content : Buffer.from(content).toString(), 'firstsecond')
    s.engine.close()
  } finally {
    kept.close()
    run.remove()
    stack.remove()
  }
})
