/**
 * Building a whole index: a large tree's rows are written by a second thread, and must be those that one thread would
 * have written; what that thread cannot write is told, and leaves nothing behind.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import fc from 'fast-check'
import { StratafsError } from '../../src/base/failure.js'
import { buildIndex, stackConfig, statusOf, verifyIndex } from '../../src/owner-index/api.js'
import { memoryOf, type NumberedRows, packRows, unpackRows } from '../../src/owner-index/build/row-batches.js'
import { RowWriterThread } from '../../src/owner-index/build/row-writer-thread.js'
import { KEY_BYTES } from '../../src/owner-index/database/place.js'
import type { StoredRows } from '../../src/owner-index/database/rows.js'
import { STAMP_BYTES } from '../../src/owner-index/database/stamps.js'
import { IndexStore } from '../../src/owner-index/database/store.js'
import type { HiddenName } from '../../src/stack/explained-names.js'
import { LowerStack } from '../../src/stack/lower-stack.js'
import { STAT_SLOTS } from '../../src/syscalls/stat.js'
import { Stage } from './stage.js'

const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '\xff', ','), minLength: 1, maxLength: 6 })
const hidden: fc.Arbitrary<HiddenName> = fc.record(
  {
    name: text,
    layer: fc.nat(9),
    type: fc.constantFrom(0, 4, 8),
    hider: fc.option(fc.nat(9)),
    why: fc.constantFrom('whiteout', 'behind a file'),
  },
  { noNullPrototype: true },
)
const entry = fc.record({
  name: text,
  owner: fc.nat(9),
  flags: fc.nat(15),
  joined: fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 })),
  stats: fc.array(fc.double({ noNaN: true }), { minLength: STAT_SLOTS, maxLength: STAT_SLOTS }),
})

const directory: fc.Arbitrary<NumberedRows> = fc
  .record({
    id: fc.nat(),
    parent: fc.nat(),
    name: text,
    key: fc.option(
      fc.uint8Array({ min: 1, minLength: KEY_BYTES, maxLength: KEY_BYTES }).map((key) => Buffer.from(key)),
    ),
    layers: fc.uniqueArray(fc.nat(499), { minLength: 1, maxLength: 4 }),
    racy: fc.boolean(),
    readAt: fc.nat(),
    flags: fc.nat(3),
    entries: fc.array(entry, { maxLength: 5 }),
    hidden: fc.array(hidden, { maxLength: 2 }),
  })
  .map(({ id, parent, entries, ...rest }) => {
    const rows: StoredRows = {
      ...rest,
      stamps: Buffer.from(
        rest.layers.flatMap((layer) => Array.from({ length: STAMP_BYTES }, (_, i) => (layer + i) & 255)),
      ),
      names: entries.map(({ name }) => name),
      owners: Int32Array.from(entries, ({ owner }) => owner),
      entryFlags: Uint8Array.from(entries, ({ flags }) => flags),
      joined: entries.map(({ joined }) => (joined === null ? null : Buffer.from(joined))),
      stats: Float64Array.from(entries.flatMap(({ stats }) => stats)),
    }
    return { id, parent, rows }
  })

test('rows come over as they were sent', () => {
  fc.assert(
    fc.property(fc.array(directory, { minLength: 1, maxLength: 5 }), (batch) => {
      const sent = packRows(batch)
      const come = structuredClone(sent, { transfer: memoryOf(sent) })
      assert.deepEqual([...unpackRows(come)], batch)
    }),
  )
})

/** Two layers with some six thousand names, some in both, some hidden. */
function large(): Stage {
  const stage = new Stage([
    [
      { what: 'whiteout', path: 'd1/file-7' },
      { what: 'directory', path: 'd2' },
      { what: 'opaque', path: 'd2' },
    ],
    [{ what: 'symlink', path: 'd1/deep/er/link', content: '../x' }],
  ])
  for (let at = 0; at < 8; at++) {
    for (const [layer, root] of stage.lowers.entries()) fill(join(root, `d${at}`), 60 + 800 * layer)
  }
  return stage
}

function fill(dir: string, count: number): void {
  mkdirSync(join(dir, 'deep'), { recursive: true })
  for (let i = 0; i < count; i++) {
    // Where a whiteout stands already.
    if (i !== 7) writeFileSync(join(dir, `file-${i}`), '')
  }
}

/** The rows of an empty directory of one layer. */
const nothing: Omit<StoredRows, 'name'> = {
  key: null,
  layers: [0],
  stamps: Buffer.alloc(STAMP_BYTES),
  racy: false,
  readAt: 0,
  flags: 0,
  names: [],
  owners: new Int32Array(0),
  entryFlags: new Uint8Array(0),
  joined: [],
  stats: new Float64Array(0),
  hidden: [],
}

let stage: Stage
before(() => {
  stage = large()
})
after(() => stage.remove())

test('a large tree is written whole by the second thread', async (t) => {
  const path = stage.path('built.db')
  const seen: number[] = []
  const sent = t.mock.method(RowWriterThread.prototype, 'take')
  const built = await buildIndex(stackConfig(stage.lowers), path, ({ entries }) => seen.push(entries))
  assert.ok(!(built instanceof StratafsError))
  assert.ok(built.entries > 5000, `${built.entries} entries`)
  assert.equal(seen.at(-1), built.entries)
  assert.ok(sent.mock.callCount() > 5, `${sent.mock.callCount()} directories for the second thread`)
  assert.deepEqual([statusOf(path).entries, statusOf(path).complete], [built.entries, true])
  const found: object[] = []
  const verified = verifyIndex(path, stackConfig(stage.lowers), (difference) => found.push(difference))
  assert.deepEqual([found, 'unread' in verified && verified.unread], [[], 0])
})

test('two builds at once in one process do not meet', async () => {
  const path = stage.path('one.db')
  const config = stackConfig(stage.lowers)
  const all = await Promise.all([buildIndex(config, path), buildIndex(config, path)])
  for (const built of all) assert.ok(!(built instanceof StratafsError) && built.failures.length === 0)
  assert.equal(statusOf(path).entries, statusOf(stage.path('built.db')).entries)
  assert.deepEqual(
    readdirSync(stage.path('')).filter((name) => name.startsWith('one.db')),
    ['one.db'],
  )
})

test('the second thread is there, and what it cannot write is told', async () => {
  const rows: StoredRows = { ...nothing, name: 'd' }
  const wrong = new RowWriterThread(stage.path('nowhere/built.db'))
  wrong.take(1, rows, 0)
  await assert.rejects(wrong.end(), /unable to open|cannot open|directory does not exist/)
  await assert.rejects(wrong.room())
  await wrong.abandon()

  const path = stage.path('twice.db')
  const lower = LowerStack.open(stackConfig(stage.lowers))
  assert.ok(lower instanceof LowerStack)
  IndexStore.create(path, lower).close()
  lower.close()
  const thread = new RowWriterThread(path)
  thread.take(1, { ...rows, hidden: [{ name: 'x', layer: 0, type: 8, hider: 0, why: 'behind a file' }] }, 0)
  thread.take(2, rows, 0)
  await assert.rejects(thread.end(), ({ code }: { code: string }) => code === 'SQLITE_CONSTRAINT_UNIQUE')
  thread.take(3, rows, 0)
  thread.flush()
  await assert.rejects(thread.room())
  await thread.abandon()
})

const skip = process.getuid?.() === 0 ? false : 'mounts a small tmpfs as root'

test('a disk that is full is told of, and nothing is left', { skip }, async () => {
  const small = stage.path('small')
  mkdirSync(small)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'small', small])
  try {
    const built = await buildIndex(stackConfig(stage.lowers), join(small, 'built.db'))
    assert.ok(built instanceof StratafsError)
    assert.equal(built.message, 'the index cannot be built: SQLITE_FULL')
    assert.deepEqual(readdirSync(small), [])
  } finally {
    execFileSync('umount', [small])
  }
})
