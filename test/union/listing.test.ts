/**
 * Readers that go on at a cookie while names come and go: whatever happens between two of their steps, each sees every
 * name that was there all along exactly once, and none twice.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { END_COOKIE, Listing } from '../../src/union/nodes/listing.js'

/** One reader: goes on where it stopped, as readdir does with its cookie. */
class Reader {
  readonly seen: string[] = []
  #cookie = 2
  done = false

  read(listing: Listing, count: number): void {
    for (let i = 0; i < count && !this.done; i++) {
      const at = listing.next(this.#cookie)
      if (at < 0) this.done = true
      else {
        this.seen.push(listing.name(at))
        this.#cookie = at
      }
    }
  }
}

const name = fc.integer({ min: 0, max: 30 }).map((n) => `name${n}`)
const act = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), name }),
  fc.record({ kind: fc.constant('remove' as const), name }),
  fc.record({ kind: fc.constant('read' as const), reader: fc.integer({ min: 0, max: 2 }), count: fc.nat(6) }),
)

describe('a listing', () => {
  it('shows each reader every lasting name exactly once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name), fc.array(act, { maxLength: 60 }), (start, acts) => {
        const listing = new Listing()
        for (const n of start) listing.add(n, 8, 0)
        const lasting = new Set(start)
        const readers = [new Reader(), new Reader(), new Reader()]
        for (const a of acts) {
          if (a.kind === 'add') listing.insert(a.name, 8)
          else if (a.kind === 'remove') {
            listing.remove(a.name)
            lasting.delete(a.name)
          } else readers[a.reader]!.read(listing, a.count)
        }
        for (const reader of readers) {
          reader.read(listing, Number.POSITIVE_INFINITY)
          for (const n of lasting) assert.equal(reader.seen.filter((seen) => seen === n).length, 1, n)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('shows no name twice to a reader, unless it was removed and made again meanwhile', () => {
    const listing = new Listing()
    for (const n of ['a', 'b', 'c']) listing.add(n, 8, 0)
    const reader = new Reader()
    reader.read(listing, 2)
    listing.insert('a', 4)
    reader.read(listing, 9)
    assert.deepEqual(reader.seen, ['a', 'b', 'c'])
  })

  it('comes to an end for a reader during whose steps names are made', () => {
    const listing = new Listing()
    for (const n of ['a', 'b', 'c']) listing.add(n, 8, 0)
    const reader = new Reader()
    for (let i = 0; !reader.done; i++) {
      reader.read(listing, 1)
      listing.remove(`new${i - 1}`)
      listing.insert(`new${i}`, 8)
      assert.ok(i < 10, 'no end')
    }
    assert.deepEqual(reader.seen, ['a', 'b', 'c'])
  })

  it('shows a reader that starts later what has come since', () => {
    const listing = new Listing()
    listing.add('a', 8, 0)
    listing.insert('b', 8)
    assert.deepEqual(listing.names().sort(), ['a', 'b'])
  })

  it('goes on in the order that was told, whoever has read the directory anew', () => {
    const [told, anew] = [new Listing(), new Listing()]
    for (const n of ['a', 'b', 'c', 'gone']) told.add(n, 8, 0)
    told.insert('d', 8)
    told.remove('gone')
    for (const n of ['new', 'd', 'c', 'b', 'a']) anew.add(n, 8, 0)
    const reader = new Reader()
    reader.read(told, 2)
    assert.equal(told.isKept, false)
    const followed = anew.inOrder(told.order)
    reader.read(followed, 9)
    assert.deepEqual(reader.seen, ['d', 'a', 'b', 'c'])
    assert.deepEqual([followed.has('new'), followed.isKept], [true, false])
    assert.equal(anew.inOrder(followed.order).isKept, true)
    assert.equal(followed.next(END_COOKIE), -1)
  })

  it('knows what it holds', () => {
    const listing = new Listing()
    listing.add('a', 8, 0)
    listing.add('b', 4, 1)
    listing.insert('b', 10)
    listing.remove('a')
    listing.remove('never there')
    assert.equal(listing.size, 1)
    assert.equal(listing.length, 2)
    assert.equal(listing.has('a'), false)
    assert.deepEqual(listing.names(), ['b'])
    const at = listing.next(2)
    assert.deepEqual([listing.name(at), listing.type(at), listing.partOf('b')], ['b', 10, 0])
    assert.equal(listing.next(at), -1)
  })
})
