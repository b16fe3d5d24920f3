/**
 * A directory that is listed from its beginning twice in a row, as rm(1) does: what the kernel was told a moment ago is
 * not looked at and told once more, and nothing else of a listing is left out.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { native } from '../../src/syscalls/native.js'
import { Run, Stage } from '../owner-index/stage.js'

type Listed = Record<string, number>

test('entries are told with attributes, and again only when the kernel may have forgotten them', () => {
  const stage = new Stage([
    [
      { what: 'file', path: 'd/a', content: 'a' },
      { what: 'file', path: 'd/b', content: 'b' },
      { what: 'directory', path: 'e' },
    ],
  ])
  const run = new Run(stage)
  const { statat } = native
  let looks = 0
  native.statat = (fd, name) => {
    looks++
    return statat(fd, name)
  }
  try {
    const { operations } = run.engine
    const d = operations.lookup(1, 'd')
    const e = operations.lookup(1, 'e')
    /** Names with their nodeids, 0 where no attributes came along. */
    const list = (nodeid: number, offset = 0): Listed => {
      const listed: Listed = {}
      const add = (name: string, _cookie: number, _ino: number, _type: number, child: number): boolean => {
        if (!name.startsWith('.')) listed[name] = child
        return true
      }
      assert.equal(operations.readdir(nodeid, offset, true, { add }), 0)
      return listed
    }
    const first = list(d)
    assert.ok(first.a! > 0 && first.b! > 0)
    looks = 0
    assert.deepEqual(list(d), { a: 0, b: 0 })
    assert.equal(looks, 0)
    // The kernel lets go of one: of that it is told again.
    operations.forget(first.a!, 1)
    const { a, b } = list(d)
    assert.ok(a! > 0)
    assert.equal(b, 0)
    list(e)
    assert.deepEqual(list(d), { a, b: first.b })
    assert.deepEqual(list(d, 1), { a, b: first.b }, 'not from its beginning')
  } finally {
    native.statat = statat
    run.close()
    stage.remove()
  }
})
