/**
 * Redirects: which values are taken from a disk, what a path becomes on the way down, and what is written when a
 * directory is renamed.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { validRedirect } from '../../src/layers/marks.js'
import { joinRedirect } from '../../src/stack/search-state.js'
import { S_IFDIR } from '../../src/syscalls/constants.js'
import { redirectPath } from '../../src/union/entries/redirects.js'
import { addName, DirState, Node } from '../../src/union/nodes/node.js'

describe('a redirect read from a disk', () => {
  for (const value of ['a', 'a b', '..a', '.wh.x', '\xff', '/a', '/a/b/c', '/a/..b'])
    it(`is taken: ${JSON.stringify(value)}`, () => assert.equal(validRedirect(value), value))

  for (const value of ['', '.', '..', 'a/b', 'a/', '../a', '/', '//', '/a/', '/a//b', '/..', '/a/../b', '/a/.', './a'])
    it(`is not taken, for it leaves its place: ${JSON.stringify(value)}`, () =>
      assert.equal(validRedirect(value), null))
})

describe('a redirect met on a path', () => {
  const cases: [string, number, string, string][] = [
    ['a/b/c', 0, 'x', 'x/b/c'],
    ['a/b/c', 1, 'x', 'a/x/c'],
    ['a/b/c', 2, 'x', 'a/b/x'],
    ['a/b/c', 1, '/x/y', 'x/y/c'],
    ['a/b/c', 2, '/x', 'x'],
    ['a', 0, '/x/y/z', 'x/y/z'],
  ]
  for (const [path, at, redirect, wanted] of cases)
    it(`${redirect} at component ${at} of ${path} leads to ${wanted}`, () => {
      assert.equal(joinRedirect(path.split('/'), at, redirect).join('/'), wanted)
    })
})

describe('a redirect to be written', () => {
  it('is the path that the lower layers know', () => {
    assert.equal(redirectPath(chain(['a', 'b', 'c']).at(-1)!), '/a/b/c')
  })

  it('has the names that redirected parents have below', () => {
    const nodes = chain(['a', 'moved', 'c'])
    nodes[1]!.dir!.redirect = 'b'
    assert.equal(redirectPath(nodes[2]!), '/a/b/c')
  })

  it('starts at the nearest absolute one', () => {
    const nodes = chain(['x', 'moved', 'c'])
    nodes[1]!.dir!.redirect = '/far/away'
    assert.equal(redirectPath(nodes[2]!), '/far/away/c')
  })

  it('uses its own earlier one', () => {
    const nodes = chain(['x', 'moved'])
    nodes[1]!.dir!.redirect = 'first'
    assert.equal(redirectPath(nodes[1]!), '/x/first')
  })

  it('is refused beyond 256 bytes', () => {
    assert.equal(redirectPath(chain(['a'.repeat(255)]).at(-1)!)?.length, 256)
    assert.equal(redirectPath(chain(['a'.repeat(255), 'b']).at(-1)!), null)
  })
})

/** A root, and directories each in the one before it; the root is left out of the answer. */
function chain(names: readonly string[]): Node[] {
  let parent = new Node(1, S_IFDIR, 1, new DirState(null, []))
  return names.map((name, i) => {
    const node = new Node(i + 2, S_IFDIR, i + 2, new DirState(null, []))
    addName(node, parent, name)
    parent = node
    return node
  })
}
