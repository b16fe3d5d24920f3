/**
 * A directory's nodes by name, held against a Map over random histories, with names that a node begins with and others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Children } from '../../src/union/nodes/children.js'

const name = fc.oneof(fc.nat(60).map(String), fc.string({ maxLength: 3 }), fc.constantFrom('', 'é', 'a'.repeat(255)))
const step = fc.tuple(fc.constantFrom('set', 'set', 'link', 'delete', 'get'), name)

test('it answers as a Map does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const ours = new Children<{ readonly name: string }>()
      const map = new Map<string, { readonly name: string }>()
      for (const [what, at] of steps) {
        const node = { name: what === 'link' ? 'its own name' : at }
        if (what === 'get') assert.equal(ours.get(at), map.get(at))
        else if (what === 'delete') {
          ours.delete(at)
          map.delete(at)
        } else {
          ours.set(at, node, what === 'set')
          map.set(at, node)
        }
        assert.equal(ours.size, map.size)
      }
      for (const [at, node] of map) assert.equal(ours.get(at), node)
    }),
  )
})

test('many, and none again', () => {
  const ours = new Children<{ readonly name: string }>()
  for (let i = 0; i < 20_000; i++) ours.set(`file-${i}`, { name: `file-${i}` }, true)
  for (let i = 0; i < 20_000; i++) assert.equal(ours.get(`file-${i}`)?.name, `file-${i}`)
  for (let i = 0; i < 20_000; i += 2) ours.delete(`file-${i}`)
  for (let i = 0; i < 20_000; i++) assert.equal(ours.get(`file-${i}`) === undefined, i % 2 === 0)
  for (let i = 1; i < 20_000; i += 2) ours.delete(`file-${i}`)
  assert.equal(ours.size, 0)
})
