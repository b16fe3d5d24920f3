/**
 * Rows of a directory on their way into memory: column by column they are what they are one by one, whatever bytes a
 * name has; a number that JSON would round comes the other way, and what does not add up is told and not believed.
 */
import assert from 'node:assert/strict'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import Database from 'better-sqlite3'
import { StratafsError } from '../../src/base/failure.js'
import { bytesOf } from '../../src/layers/marks.js'
import { buildIndex, stackConfig } from '../../src/owner-index/api.js'
import { keyOf } from '../../src/owner-index/database/place.js'
import { newSharedState, Slot, State } from '../../src/owner-index/database/shared-state.js'
import {
  emptyRecord,
  type RawRow,
  STAT_COLUMNS,
  setRecord,
  VIEW_COLUMNS,
} from '../../src/owner-index/database/stat-rows.js'
import { LazyRows } from '../../src/owner-index/engine/lazy-rows.js'
import { type DirRow, loadRows } from '../../src/owner-index/engine/load-rows.js'
import { CHECKSUM_MISMATCH } from '../../src/owner-index/engine/loaded-rows.js'
import { NO_ROWS } from '../../src/owner-index/engine/queried-rows.js'
import { IndexReader, type Statements } from '../../src/owner-index/engine/reader.js'
import { allocRowBuffer, freeRowBuffer } from '../../src/owner-index/engine/row-buffers.js'
import type { RowSource, ViewRow } from '../../src/owner-index/engine/view-contract.js'
import { LayerSets } from '../../src/stack/parts.js'
import { Stage } from './stage.js'

/** In latin1, as everywhere: bytes that are no text, and what SQL, JSON and lists are made of. */
const NAMES = ['a,b', '"', "'", '\\', '[1]', 'new\nline', '\xff\xfe', '\xc3\xa4', 'null', 'z'.repeat(255)]

function oddNames(): Stage {
  const stage = new Stage([
    [{ what: 'file', path: 'd/sub/f', content: '' }],
    [{ what: 'file', path: 'd/sub/g', content: '' }],
    [{ what: 'file', path: 'd/alone/h', content: '' }],
  ])
  for (const [at, name] of NAMES.entries()) {
    const dir = join(stage.lowers[at % stage.lowers.length]!, 'd/')
    writeFileSync(Buffer.concat([bytesOf(dir), bytesOf(name)]), name)
  }
  mkdirSync(join(stage.lowers[1]!, 'd/empty'))
  return stage
}

/** What loading `d` from the database at `path` gives, what it told, and how often rows were taken one by one. */
function load(path: string, whole = false): { source: ReturnType<typeof loadRows>; told: unknown[]; byRows: number } {
  const shared = newSharedState()
  Atomics.store(shared, Slot.STATE, State.READY)
  Atomics.store(shared, Slot.EPOCH, 1)
  const reader = new IndexReader(path, null, shared, () => {})
  const all = reader.statements()!
  let byRows = 0
  const counted = (statement: Statements['rows']): Statements['rows'] => {
    const raw = (): Statements['rows'] => {
      byRows++
      return statement.raw()
    }
    return { raw } as unknown as Statements['rows']
  }
  const sets = new LayerSets()
  const row = all.findDir.raw().get(keyOf('d')) as DirRow
  const told: unknown[] = []
  const statements = { ...all, rows: counted(all.rows), wholeRows: counted(all.wholeRows) }
  const directory = { set: sets.ofPacked(row[1]), sets }
  const fail = (error: unknown): void => void told.push(error)
  const source = loadRows({ statements, path: 'd', row, directory, whole, fail })
  // Whole rows come when they are listed.
  if (whole) source?.list(() => {})
  reader.close()
  return { source, told, byRows }
}

/** The database of `stage`, after `sql`. */
async function built(stage: Stage, sql = ''): Promise<string> {
  const path = stage.path('built.db')
  assert.ok(!((await buildIndex(stackConfig(stage.lowers), path)) instanceof StratafsError))
  const db = new Database(path)
  db.exec(sql)
  db.close()
  return path
}

/** Every name of `d`, with what its row says, as plain SQL tells it. */
function expected(path: string): [string, Record<string, unknown>][] {
  const db = new Database(path, { readonly: true })
  const sql = `SELECT ${VIEW_COLUMNS} FROM entries WHERE dir = (SELECT id FROM dirs WHERE path = CAST('d' AS BLOB))`
  const rows = db.prepare(sql).all() as Record<string, Buffer & number>[]
  db.close()
  return rows.map(({ name, layer, layers, flags, mode, ino, ctime, ctime_ns }) => [
    name!.toString('latin1'),
    { layer, layers: layers === null ? null : [...layers!], flags, mode, ino, ctime, ctimeNs: ctime_ns },
  ])
}

/** A row as `expected` has it. */
function plain({ at: _at, joined, ...row }: ViewRow): Record<string, unknown> {
  const layers = joined === null ? null : joined.layers.flatMap((layer) => [layer & 255, layer >> 8])
  return { ...row, layers }
}

/** The stat record of each name, as it is made of a row that was read alone. */
function assertRecords(source: RowSource, path: string): void {
  const db = new Database(path, { readonly: true })
  const sql = `SELECT ${VIEW_COLUMNS}, ${STAT_COLUMNS} FROM entries WHERE dir = (SELECT id FROM dirs WHERE path = CAST('d' AS BLOB))`
  const raws = db.prepare(sql).raw().all() as RawRow[]
  db.close()
  for (const raw of raws) {
    const [told, wanted] = [emptyRecord(), emptyRecord()]
    setRecord(wanted, raw)
    assert.ok(source.record(source.row(raw[0].toString('latin1'))!, told))
    assert.deepEqual(told, wanted)
  }
}

function assertSame(path: string, byRows: number, whole = false): void {
  const { source, told, byRows: taken } = load(path, whole)
  assert.deepEqual([told, taken], [[], byRows])
  assert.ok(source !== null)
  const rows = expected(path)
  assert.deepEqual(rows.map(([name]) => name).sort(), [...NAMES, 'alone', 'empty', 'sub'].sort())
  for (const [name, row] of rows) assert.deepEqual(plain(source.row(name)!), row, name)
  assert.equal(source.row('absent'), null)
  if (whole) assertRecords(source, path)
}

test('rows come column by column as they are, whatever the names', async () => {
  const stage = oddNames()
  try {
    assertSame(await built(stage), 0)
    utimesSync(join(stage.lowers[0]!, 'd/a,b'), 1, 2)
    assertSame(await built(stage), 0, true)
  } finally {
    stage.remove()
  }
})

/** Everything that rows say of the names. */
function said(source: RowSource): unknown {
  const record = emptyRecord()
  return NAMES.map((name) => {
    const row = source.row(name)!
    source.record(row, record)
    return [row, [...record]]
  })
}

/** Names and kinds; `between` is done at each. */
function listing(source: RowSource, between = (): void => {}): unknown {
  const names: [string, number][] = []
  source.list((name, type) => {
    names.push([name, type])
    between()
  })
  return names
}

/** Writes over all memory that others may take. */
function spoil(): void {
  const taken = Array.from({ length: 12 }, (_, i) => [allocRowBuffer(256 << i), allocRowBuffer(256 << i)]).flat()
  assert.equal(new Set(taken).size, taken.length)
  for (const memory of taken) new Uint8Array(memory).fill(255)
  for (const memory of taken) freeRowBuffer(memory)
}

test('rows that were let go give their memory to others, once, and not while they are being listed', async () => {
  const stage = oddNames()
  try {
    const path = await built(stage)
    for (const whole of [false, true]) {
      const [kept, told, released] = [1, 2, 3].map(() => load(path, whole).source!)
      const before = said(kept!)
      const listed = listing(kept!)
      released!.release()
      released!.release()
      assert.deepEqual(
        listing(told!, () => {
          told!.release()
          spoil()
        }),
        listed,
      )
      assert.deepEqual(said(kept!), before)
      assertSame(path, 0, whole)
    }
  } finally {
    stage.remove()
  }
})

test('rows that grow let go of the names when all come, and of all at the end', () => {
  const released: string[] = []
  const source = (name: string): RowSource => ({
    ...NO_ROWS,
    row: () => null,
    release: () => void released.push(name),
  })
  const rows = new LazyRows(40, 40, source('few'), { names: () => source('names'), all: () => source('all') })
  assert.equal(rows.row('absent'), null)
  assert.deepEqual(released, [])
  rows.list(() => {})
  assert.deepEqual(released, ['names'])
  rows.release()
  rows.release()
  assert.deepEqual(released, ['names', 'all'])
})

test('a number that JSON would round is taken with its row', async () => {
  const stage = oddNames()
  try {
    assertSame(
      await built(stage, "UPDATE entries SET ino = 1.8446744073709549e19 WHERE name = CAST('null' AS BLOB)"),
      1,
    )
  } finally {
    stage.remove()
  }
})

test('rows that do not add up are told of', async () => {
  const stage = oddNames()
  try {
    for (const sql of [
      "UPDATE entries SET name = CAST('a/b' AS BLOB) WHERE name = CAST('a,b' AS BLOB)",
      "UPDATE entries SET layer = 7 WHERE name = CAST('a,b' AS BLOB)",
      "UPDATE entries SET layers = x'00000700' WHERE name = CAST('sub' AS BLOB)",
      "UPDATE entries SET mode = mode + 1 WHERE name = CAST('a,b' AS BLOB)",
      "DELETE FROM entries WHERE name = CAST('a,b' AS BLOB)",
    ]) {
      const { source, told } = load(await built(stage, sql))
      assert.deepEqual([source, told], [null, [CHECKSUM_MISMATCH]], sql)
    }
  } finally {
    stage.remove()
  }
})
