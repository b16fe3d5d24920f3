/** When directories are read ahead: while a disk is being read since the first of them, and not for what was read before. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Layer } from '../../src/layers/layer.js'
import { RealDir } from '../../src/layers/real-dir.js'
import { native } from '../../src/syscalls/native.js'
import type { Union } from '../../src/union/union.js'
import { aheadOfParts, aheadOfSearch, WalkAhead } from '../../src/union/walk-ahead.js'

const PARTS = 10

/** A union of which only this is asked, and a disk of which so many blocks have been read; counts the directories to be read. */
class Stand {
  asked = 0
  blocks = 500
  readonly u: Union
  readonly parts = Array.from({ length: PARTS }, (_, index) => {
    const root = new RealDir({ index } as Layer, null, '')
    return new RealDir(root.layer, root, 'd')
  })

  constructor(t: TestContext) {
    this.u = { walk: new WalkAhead() } as unknown as Union
    t.mock.method(native, 'warmDirectory', () => {
      this.asked++
      return 0
    })
    t.mock.method(native, 'diskBlocksRead', () => this.blocks)
  }

  /** How many directories `act` has read. */
  count(act: () => void): number {
    const before = this.asked
    act()
    return this.asked - before
  }
}

test('the parts of a directory, once something is read after the first, and for some directories more', (t) => {
  const s = new Stand(t)
  const read = (uppers: number): number => s.count(() => aheadOfParts(s.u, s.parts, uppers, null))
  assert.deepEqual([read(0), read(0)], [0, 0])
  s.blocks++
  // The first of them is what the engine reads itself.
  assert.deepEqual([read(0), read(1)], [PARTS - 1, PARTS])
  let more = 0
  while (read(0) > 0) more++
  assert.ok(more > 0 && more < 20, `${more}`)
  assert.equal(
    s.count(() => aheadOfParts(s.u, s.parts.slice(0, 3), 0, null)),
    0,
  )
})

test('the parts that a search has still to ask, once something was read since the last one', (t) => {
  const s = new Stand(t)
  const search = (at: number, name = 'name'): number => s.count(() => aheadOfSearch(s.u, s.parts, at, name))
  assert.deepEqual([search(0), search(2)], [0, 0])
  s.blocks++
  assert.deepEqual([search(2), search(2)], [PARTS - 2, 0])
  s.blocks++
  assert.equal(search(0), PARTS)
  s.blocks++
  s.u.walk.begun = ['other', 'name']
  assert.equal(search(0), 0)
  s.blocks++
  assert.equal(search(0, 'third'), PARTS)
})
