/** Memory for rows: what was given back is taken again, by one at a time, and not more of it waits than is of use. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { allocRowBuffer, freeRowBuffer } from '../../src/owner-index/engine/row-buffers.js'

test('memory that was given back is what the next of its size gets, once', () => {
  const first = allocRowBuffer(5000)
  assert.ok(first.byteLength >= 5000)
  freeRowBuffer(first)
  assert.notEqual(allocRowBuffer(3000), first)
  assert.equal(allocRowBuffer(8000), first)
  assert.notEqual(allocRowBuffer(8000), first)
})

test('nothing, and very much, are sizes too; very much is not kept', () => {
  assert.ok(allocRowBuffer(0).byteLength > 0)
  const large = allocRowBuffer((1 << 20) + 1)
  assert.ok(large.byteLength > 1 << 20)
  freeRowBuffer(large)
  assert.notEqual(allocRowBuffer(large.byteLength), large)
})

test('what waits is bounded, and what nobody asks for goes', () => {
  const give = (count: number, bytes: number): ArrayBuffer[] => {
    const all = Array.from({ length: count }, () => allocRowBuffer(bytes))
    for (const memory of all) freeRowBuffer(memory)
    return all
  }
  const kept = (all: readonly ArrayBuffer[]): number => {
    const again = all.map(({ byteLength }) => allocRowBuffer(byteLength))
    return again.filter((memory) => all.includes(memory)).length
  }
  const count = kept(give(40, 65_536))
  assert.ok(count > 0 && count <= 16, `${count}`)
  // A megabyte of small ones does not keep others from being taken again.
  give(4096, 256)
  assert.equal(kept(give(1, 65_536)), 1)
})
