/**
 * How many directories beside those that were entered are read ahead: few at first, and more only while they are
 * wanted.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { AllSiblings, Siblings } from '../../src/union/context/siblings.js'

/** Enters `name` and begins as many others as it says, called by the numbers from `from` on. */
function enter(siblings: Siblings, name: string, from: number): number {
  const count = siblings.enter(name)
  for (let i = 0; i < count; i++) siblings.begin(String(from + i))
  return count
}

test('nothing before several directories were entered, and no end where all that is begun is wanted', () => {
  const siblings = new Siblings()
  assert.deepEqual([enter(siblings, 'a', 0), enter(siblings, 'b', 0)], [0, 0])
  let begun = enter(siblings, 'c', 0)
  assert.ok(begun > 0)
  for (let i = 0; i < 100; i++) {
    const more = enter(siblings, String(i), begun)
    assert.ok(more > 0 && more <= 8, `${more}`)
    begun += more
  }
})

test('where nothing of it is wanted it ends soon, and one that is wanted later brings a few', () => {
  const siblings = new Siblings()
  let begun = 0
  for (let i = 0; i < 1000; i++) begun += enter(siblings, `other-${i}`, begun)
  assert.equal(begun, 16)
  assert.equal(enter(siblings, '5', begun), 8)
  // Counted once.
  assert.equal(enter(siblings, '5', begun), 0)
})

test('when all names have been gone through there is nothing to begin', () => {
  const siblings = new Siblings()
  for (const name of ['a', 'b']) siblings.enter(name)
  siblings.isDone = true
  assert.equal(siblings.enter('c'), 0)
})

test('parents are remembered for a while, and until they are forgotten', () => {
  const all = new AllSiblings<object>()
  const [first, other] = [{}, {}]
  const siblings = all.of(first)
  siblings.begin('name')
  all.of(other)
  assert.deepEqual([all.has(first, 'name'), all.has(first, 'other'), all.has(other, 'name')], [true, false, false])
  assert.equal(all.of(first), siblings)
  all.forget(first)
  assert.ok(!all.has(first, 'name'))
  const again = all.of(first)
  for (let i = 0; i < 1000; i++) all.of({})
  assert.notEqual(all.of(first), again)
})
