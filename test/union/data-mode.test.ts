import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { negotiatedMode, wishFor } from '../../src/union/context/data-mode.js'

const terms = { passthrough: false, noOpen: true, writeback: true }

describe('the data mode', () => {
  it('cached where it is asked for, whoever mounts', () => {
    for (const allowed of [true, false]) {
      const wish = wishFor({ data: 'cached', writeback: true }, allowed, false)
      assert.deepEqual([wish.passthrough, wish.writeback], [false, true])
      assert.match(wish.why, /data=cached/)
    }
  })

  it('passthrough for those who may', () => {
    for (const data of ['auto', 'passthrough'] as const) {
      assert.equal(wishFor({ data, writeback: true }, true, false).passthrough, true)
      const wish = wishFor({ data, writeback: false }, false, false)
      assert.deepEqual([wish.passthrough, wish.writeback], [false, false])
      assert.match(wish.why, /CAP_SYS_ADMIN/)
    }
  })

  it('as deep a stack as the layers need, and no deeper', () => {
    assert.equal(wishFor({ data: 'auto', writeback: true }, true, false).stackDepth, 1)
    assert.equal(wishFor({ data: 'auto', writeback: true }, true, true).stackDepth, 2)
  })

  it('says what became of it', () => {
    const wish = wishFor({ data: 'auto', writeback: true }, true, false)
    assert.match(negotiatedMode(wish, terms).why, /kernel has no FUSE passthrough/)
    assert.match(negotiatedMode(wish, { passthrough: true, noOpen: false, writeback: false }).why, /root/)
  })
})
