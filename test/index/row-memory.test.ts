/** Memory for rows: what was given back is taken again, by one at a time, and not more of it waits than is of use. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { giveMemory, takeMemory } from '../../src/index/row-memory.js'

test('memory that was given back is what the next of its size gets, once', () => {
  const first = takeMemory(5000)
  assert.ok(first.byteLength >= 5000)
  giveMemory(first)
  assert.notEqual(takeMemory(3000), first)
  assert.equal(takeMemory(8000), first)
  assert.notEqual(takeMemory(8000), first)
})

test('nothing, and very much, are sizes too; very much is not kept', () => {
  assert.ok(takeMemory(0).byteLength > 0)
  const large = takeMemory((1 << 20) + 1)
  assert.ok(large.byteLength > 1 << 20)
  giveMemory(large)
  assert.notEqual(takeMemory(large.byteLength), large)
})

test('what waits is bounded, and what nobody asks for goes', () => {
  const give = (count: number, bytes: number): ArrayBuffer[] => {
    const all = Array.from({ length: count }, () => takeMemory(bytes))
    for (const memory of all) giveMemory(memory)
    return all
  }
  const kept = (all: readonly ArrayBuffer[]): number => {
    const again = all.map(({ byteLength }) => takeMemory(byteLength))
    return again.filter((memory) => all.includes(memory)).length
  }
  const count = kept(give(40, 65_536))
  assert.ok(count > 0 && count <= 16, `${count}`)
  // A megabyte of small ones does not keep others from being taken again.
  give(4096, 256)
  assert.equal(kept(give(1, 65_536)), 1)
})
