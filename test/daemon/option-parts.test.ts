/**
 * The small parts of the option parser: escaping and unescaping undo each other for any path, and the nearest word is
 * the one a reader would have meant.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editDistance, nearest } from '../../src/daemon/options/nearest.js'
import { escapePath, splitLowers, splitOptions, unescapePath } from '../../src/daemon/options/split.js'

const path = fc.string({ minLength: 1, unit: fc.constantFrom('a', ':', ',', '\\', '=', '/', ' ', '\xff') })

test('an escaped path comes back as it was, alone and in a list', () => {
  fc.assert(fc.property(path, (given) => unescapePath(escapePath(given)) === given))
  fc.assert(
    fc.property(fc.array(path, { minLength: 1, maxLength: 5 }), (given) => {
      const [item, after] = splitOptions(`lowerdir=${given.map(escapePath).join(':')},ro`)
      assert.deepEqual(splitLowers(item?.value ?? ''), given)
      assert.equal(after?.name, 'ro')
    }),
  )
})

const distances: [string, string, number][] = [
  ['', '', 0],
  ['a', '', 1],
  ['ab', 'ba', 1],
  ['lowerdri', 'lowerdir', 1],
  ['kitten', 'sitting', 3],
]
for (const [a, b, expected] of distances) {
  test(`from ${a || '(empty)'} to ${b || '(empty)'}`, () => assert.equal(editDistance(a, b), expected))
}

test('a word far from all others has no nearest', () => {
  assert.equal(nearest('zzzzzz', ['lowerdir', 'ro']), null)
  assert.equal(nearest('upperdri', ['lowerdir', 'upperdir']), 'upperdir')
})
