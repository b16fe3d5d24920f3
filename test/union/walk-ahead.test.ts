/**
 * When directories are read ahead: while a disk is being read since the first of them, and not for what was read
 * before.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Errno } from '../../src/base/errno.js'
import { type Layer, LayerDir } from '../../src/layers/layer-dir.js'
import { DT_DIR, DT_REG, S_IFDIR } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { WalkAhead } from '../../src/union/context/read-ahead-state.js'
import type { Union } from '../../src/union/context/union.js'
import { Listing } from '../../src/union/nodes/listing.js'
import { DirState, Node } from '../../src/union/nodes/node.js'
import { prefetchSiblings } from '../../src/union/read-ahead/sibling-prefetch.js'
import { prefetchParts, prefetchSearch } from '../../src/union/read-ahead/walk.js'

const PARTS = 10

/**
 * A union of which only this is asked, and a disk of which so many blocks have been read; counts the directories to be
 * read.
 */
class Stand {
  asked = 0
  readonly paths: string[] = []
  blocks = 500
  /** So many may wait. */
  room = Number.POSITIVE_INFINITY
  readonly u: Union
  readonly parts = Array.from({ length: PARTS }, (_, index) => {
    const root = new LayerDir({ position: index } as Layer, null, '')
    return new LayerDir(root.layer, root, 'd')
  })

  constructor(t: TestContext) {
    this.u = { walk: new WalkAhead(), lowerIndex: null } as unknown as Union
    t.mock.method(native, 'prefetchDirectory', (_root: number, path: string) => {
      if (this.asked >= this.room) return -Errno.EAGAIN
      this.asked++
      this.paths.push(path)
      return 0
    })
    t.mock.method(native, 'diskBlocksRead', () => this.blocks)
  }

  /** How many are read because `name` in `node` was entered, after something had to be read from the disk. */
  enter(node: Node, name = 'known'): number {
    this.blocks++
    return this.count(() => prefetchSiblings(this.u, node, name))
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
  const read = (uppers: number): number => s.count(() => prefetchParts(s.u, s.parts, uppers, null))
  assert.deepEqual([read(0), read(0)], [0, 0])
  s.blocks++
  // The first of them is what the engine reads itself.
  assert.deepEqual([read(0), read(1)], [PARTS - 1, PARTS])
  let more = 0
  while (read(0) > 0) more++
  assert.ok(more > 0 && more < 20, `${more}`)
  assert.equal(
    s.count(() => prefetchParts(s.u, s.parts.slice(0, 3), 0, null)),
    0,
  )
})

test('the parts that a search has still to ask, once something was read since the last one', (t) => {
  const s = new Stand(t)
  const search = (at: number, name = 'name'): number => s.count(() => prefetchSearch(s.u, s.parts, at, name))
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
  s.blocks++
  s.u.walk.siblings.of(s.parts).begin('third')
  assert.equal(search(0, 'third'), 0)
})

/** A directory of these names that joins the stand's parts. */
function directory(s: Stand, names: readonly [name: string, type: number][], parts = s.parts): Node {
  const node = new Node(2, S_IFDIR, 2, new DirState(null, parts))
  node.dir!.listing = new Listing()
  for (const [name, type] of names) node.dir!.listing.add(name, type, 0)
  return node
}

test('directories beside those that were entered, while something is read: not files, nor what is known, nor twice', (t) => {
  const s = new Stand(t)
  const names = Array.from({ length: 30 }, (_, i): [string, number] => [`n${i}`, i % 3 === 0 ? DT_REG : DT_DIR])
  const node = directory(s, names)
  s.u.walk.blocks = s.blocks
  for (const name of ['n1', 'n2', 'n4']) {
    node.dir!.children.set(name, { name } as Node, true)
    assert.equal(s.enter(node, name) > 0, name === 'n4', name)
  }
  for (let i = 5; i < 30; i++) s.enter(node, `n${i}`)
  const wanted = names.filter(([name, type]) => type === DT_DIR && !['n1', 'n2', 'n4'].includes(name))
  assert.deepEqual(s.paths.sort(), wanted.flatMap(([name]) => s.parts.map(() => `d/${name}`)).sort())
})

test('no more than can wait, and what was refused later', (t) => {
  const s = new Stand(t)
  const names = Array.from({ length: 5 }, (_, i): [string, number] => [`n${i}`, DT_DIR])
  const node = directory(s, names)
  s.u.walk.blocks = s.blocks
  const enter = (): number => s.enter(node)
  enter()
  enter()
  s.room = PARTS + 1
  assert.equal(enter(), PARTS + 1)
  assert.equal(enter(), 0)
  s.room = Number.POSITIVE_INFINITY
  assert.equal(enter(), 4 * PARTS)
})

test('of very many parts few directories at once', (t) => {
  const s = new Stand(t)
  const names = Array.from({ length: 30 }, (_, i): [string, number] => [`n${i}`, DT_DIR])
  const parts = Array.from({ length: 30 }, () => s.parts).flat()
  const node = directory(s, names, parts)
  s.u.walk.blocks = s.blocks
  const enter = (): number => s.enter(node)
  assert.deepEqual([enter(), enter(), enter(), enter()], [0, 0, parts.length, parts.length])
})

test('who is read ahead of entering does not end it for who lists', (t) => {
  const s = new Stand(t)
  s.u.walk.left = 5
  const node = directory(s, [])
  for (let i = 0; i < 100; i++) prefetchSiblings(s.u, node, String(i))
  assert.equal(s.u.walk.left, 5)
})

test('none of them in memory, in few parts, without a listing, or where an index tells the owners', (t) => {
  const s = new Stand(t)
  const names = Array.from({ length: 30 }, (_, i): [string, number] => [`n${i}`, DT_DIR])
  const count = (node: Node, reads: boolean, u = s.u): number =>
    names.reduce((sum, [name]) => {
      if (reads) s.blocks++
      return sum + s.count(() => prefetchSiblings(u, node, name))
    }, 0)
  assert.equal(count(directory(s, names), false), 0)
  assert.equal(count(directory(s, names, s.parts.slice(0, 3)), true), 0)
  const unlisted = directory(s, names)
  unlisted.dir!.listing = null
  assert.equal(count(unlisted, true), 0)
  const indexed = { walk: new WalkAhead(), lowerIndex: { serves: () => true, view: () => ({}) } } as unknown as Union
  assert.equal(count(directory(s, names), true, indexed), 0)
  assert.ok(count(directory(s, names), true) > 0)
})
