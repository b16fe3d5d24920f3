/** Things by number, held against a Map over random histories. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ById } from '../../src/union/nodes/id-map.js'

const id = fc.oneof(fc.nat(300), fc.nat(2 ** 31 - 1), fc.constantFrom(2 ** 40, 2 ** 40 + 63, 2 ** 40 + 64))

test('it answers as a Map does', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('set', 'delete', 'get'), id), { maxLength: 400 }), (steps) => {
      const ours = new ById<object>()
      const map = new Map<number, object>()
      for (const [what, at] of steps) {
        if (what === 'delete') assert.equal(ours.delete(at), map.delete(at))
        if (what === 'get') assert.equal(ours.get(at), map.get(at))
        if (what !== 'set') continue
        const thing = {}
        ours.set(at, thing)
        map.set(at, thing)
      }
      assert.equal(ours.size, map.size)
      assert.deepEqual(new Set(ours.values()), new Set(map.values()))
    }),
  )
})
