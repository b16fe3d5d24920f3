/**
 * What is answered from a row alone, with `index=immutable`: the same attributes as from the layer, of every kind of
 * file, and really without a look at it. What a row cannot tell is looked at, and a row that was damaged is not
 * believed.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import Database from 'better-sqlite3'
import { StratafsError } from '../../src/base/failure.js'
import type { Layer } from '../../src/layers/layer-dir.js'
import { buildIndex, openIndex, stackConfig, verifyIndex } from '../../src/owner-index/api.js'
import { readDirectoryRows } from '../../src/owner-index/build/read-directory.js'
import { EntryFlag } from '../../src/owner-index/database/entry-flags.js'
import { Place } from '../../src/owner-index/database/place.js'
import { inodeOf } from '../../src/owner-index/database/stamps.js'
import {
  derivedColumns,
  isWhole,
  type RawRow,
  Records,
  rowHash,
  setRecord,
} from '../../src/owner-index/database/stat-rows.js'
import { DirectoryView } from '../../src/owner-index/engine/directory-view.js'
import type { ViewKeeper } from '../../src/owner-index/engine/view-contract.js'
import { LowerStack } from '../../src/stack/lower-stack.js'
import { LayerSet } from '../../src/stack/parts.js'
import { Found } from '../../src/stack/search.js'
import { S_IFBLK, S_IFCHR, S_IFIFO } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../src/syscalls/stat.js'
import { picture, Run, Stage } from './stage.js'

const isRoot = process.getuid?.() === 0
const HERE = -100
/** More than are kept in memory, so that rows are asked one by one. */
const MANY = 4200
/** How often a picture asks for each name: readdir does, which lets go of it, and lookup. */
const ASKED = 2

/** Layers with every kind of file, in directories that several of them have and that one has alone. */
function everyKind(): Stage {
  const file = (path: string): { what: 'file'; path: string; content: string } => ({
    what: 'file',
    path,
    content: path,
  })
  const stage = new Stage([
    [file('both/top'), { what: 'symlink', path: 'both/short', content: 'top' }],
    [file('both/top'), file('both/below'), { what: 'symlink', path: 'alone/long', content: 'x'.repeat(200) }],
    [file('both/deep/file'), { what: 'directory', path: 'alone/empty' }],
  ])
  for (const [at, lower] of stage.lowers.entries()) for (const dir of ['both', `own-${at}`]) fill(join(lower, dir))
  const many = join(stage.lowers[1]!, 'many')
  mkdirSync(many)
  for (let i = 0; i < MANY; i++) writeFileSync(join(many, `file-${i}`), '')
  return stage
}

function fill(dir: string): void {
  mkdirSync(dir, { recursive: true })
  const at = (name: string): string => join(dir, name)
  for (const name of ['one', 'old', 'own', 'holes', 'huge', 'overridden']) writeFileSync(at(name), name)
  native.linkat(HERE, at('one'), HERE, at('two'))
  native.linkat(HERE, at('one'), HERE, at('three'))
  native.truncateat(HERE, at('holes'), 1 << 20)
  native.truncateat(HERE, at('huge'), 5 * 2 ** 30 + 1)
  native.mknodat(HERE, at('fifo'), S_IFIFO | 0o640, 0, 0)
  native.utimensat(HERE, at('old'), -1000, 1, -86400, 999_999_999)
  chmodSync(at('own'), 0o4751)
  if (!isRoot) return
  native.mknodat(HERE, at('null'), S_IFCHR | 0o666, 1, 3)
  native.mknodat(HERE, at('disk'), S_IFBLK | 0o600, 4095, 2 ** 20 - 1)
  native.chownat(HERE, at('own'), 4_294_967_294, 65_534)
}

function withStage(act: (stage: Stage) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const stage = everyKind()
    try {
      await act(stage)
    } finally {
      stage.remove()
    }
  }
}

/** A picture by an engine of its own, and the entries that were answered without a look. */
function seen(stage: Stage, options: ConstructorParameters<typeof Run>[1]): { lines: string[]; unseen: number } {
  const run = new Run(stage, options)
  try {
    return { lines: picture(run), unseen: run.index?.counters.unseen ?? 0 }
  } finally {
    run.close()
    assert.deepEqual(run.log, [])
  }
}

async function built(stage: Stage, name = 'built.db'): Promise<string> {
  const index = stage.path(name)
  assert.ok(!((await buildIndex(stackConfig(stage.lowers), index)) instanceof StratafsError))
  return index
}

test(
  'every attribute of every kind of file is what the layer says, and nothing was looked at',
  withStage(async (stage) => {
    const off = seen(stage, {})
    const index = await built(stage)
    assert.deepEqual(seen(stage, { index }), { lines: off.lines, unseen: 0 })
    const immutable = seen(stage, { index, immutable: true })
    assert.deepEqual(immutable.lines, off.lines)
    assert.ok(immutable.lines.length > MANY)
    assert.equal(immutable.unseen, ASKED * immutable.lines.length)
  }),
)

test(
  'what was changed in the upper shows, and hard links stay one file',
  withStage(async (stage) => {
    const index = await built(stage)
    const run = new Run(stage, { index, immutable: true })
    const { operations } = run.engine
    const both = operations.lookup(1, 'both')
    const one = operations.lookup(both, 'one')
    assert.equal(operations.attr.nlink, 3)
    assert.equal(operations.setattr(one, { mode: 0o600 }), 0)
    assert.equal(operations.lookup(both, 'two'), one)
    assert.equal(operations.attr.mode & 0o777, 0o600)
    assert.equal(operations.setattr(operations.lookup(1, 'own-1'), { mode: 0o700 }), 0)
    const alone = operations.lookup(1, 'alone')
    assert.equal(operations.unlink(alone, 'long'), 0)
    assert.equal(operations.lookup(alone, 'long'), 0)
    run.close()
    const off = seen(stage, {})
    const immutable = seen(stage, { index, immutable: true })
    assert.deepEqual(immutable.lines, off.lines)
    assert.ok(immutable.unseen > MANY)
  }),
)

test(
  'a broken promise shows the old attributes until they are asked for again; without a promise nothing of it does',
  withStage(async (stage) => {
    const index = await built(stage)
    const before = seen(stage, {}).lines
    const edited = join(stage.lowers[0]!, 'both/top')
    native.utimensat(HERE, edited, 5, 6, 7, 8)
    chmodSync(join(stage.lowers[2]!, 'alone/empty'), 0o700)
    // Directories show what was there, even when all of it is gone.
    rmSync(join(stage.lowers[1]!, 'alone/long'))
    assert.deepEqual(seen(stage, { index, immutable: true }).lines, before)
    const run = new Run(stage, { index, immutable: true })
    const { operations } = run.engine
    const top = operations.lookup(operations.lookup(1, 'both'), 'top')
    assert.notEqual(operations.attr.mtime, 7)
    assert.equal(operations.getattr(top), 0)
    assert.deepEqual([operations.attr.mtime, operations.attr.mtimeNs, operations.attr.atime], [7, 8, 5])
    run.close()
    assert.deepEqual(seen(stage, { index }).lines, seen(stage, {}).lines)
  }),
)

test(
  'owners and permissions kept in an attribute are those of the attribute',
  { skip: isRoot ? false : 'makes device nodes' },
  withStage(async (stage) => {
    const override = 'user.containers.override_stat'
    stage.xattrPermissions = 2
    for (const [path, value] of [
      ['', '3:4:755'],
      ['both', '5:6:2711'],
      ['both/overridden', '7:8:640'],
    ] as const) {
      // Nobody else may write them, whatever the umask that an engine in this process has left.
      chmodSync(join(stage.lowers[0]!, path), path === 'both/overridden' ? 0o644 : 0o755)
      const errno = native.setxattr(HERE, join(stage.lowers[0]!, path), override, Buffer.from(value), 0)
      if (errno === -95) return
      assert.equal(errno, 0)
    }
    const off = seen(stage, {}).lines
    assert.ok(off.some((line) => line.startsWith('/both/overridden 100640 ')))
    assert.deepEqual(seen(stage, { index: await built(stage), immutable: true }).lines, off)
  }),
)

test(
  'a row that was damaged is not believed',
  withStage(async (stage) => {
    const off = seen(stage, {}).lines
    for (const [at, sql] of [
      "UPDATE entries SET size = size + 1 WHERE name = CAST('below' AS BLOB)",
      "UPDATE entries SET atime = coalesce(atime, mtime) + 4294967296 WHERE name = CAST('file-7' AS BLOB)",
    ].entries()) {
      const index = await built(stage, `${at}.db`)
      const db = new Database(index)
      db.exec(sql)
      db.close()
      const run = new Run(stage, { index, immutable: true })
      const { operations } = run.engine
      // Asked for alone, and then among all.
      operations.lookup(operations.lookup(1, 'both'), 'below')
      assert.equal(operations.attr.size, 'both/below'.length)
      operations.lookup(operations.lookup(1, 'many'), 'file-7')
      assert.ok(operations.attr.atime < 2 ** 32)
      assert.deepEqual(picture(run), off)
      run.close()
      assert.match(run.log.join('\n'), /do not add up.*set aside/)
    }
  }),
)

test(
  'a directory that is read again between two of its rows is no damage',
  withStage(async (stage) => {
    const index = await built(stage)
    const run = new Run(stage, { index, immutable: true })
    const { operations } = run.engine
    const alone = operations.lookup(1, 'own-1')
    assert.ok(operations.lookup(alone, 'old') > 0)
    writeFileSync(join(stage.lowers[1]!, 'own-1/new'), '')
    run.writer!.take({ kind: 'visit', path: 'own-1', edited: [], why: 'absent' })
    run.write()
    // It takes all rows to say that.
    assert.equal(operations.lookup(alone, 'absent'), 0)
    assert.ok(operations.lookup(alone, 'new') > 0)
    run.close()
    assert.deepEqual(run.log, [])
  }),
)

test(
  'verify holds what only immutable rows are used for against the layers',
  withStage(async (stage) => {
    const index = await built(stage)
    const db = new Database(index)
    db.exec("UPDATE entries SET blocks = 77, btime = 1, rdev = 9 WHERE name = CAST('below' AS BLOB)")
    db.close()
    const columns: (string | undefined)[] = []
    verifyIndex(index, stackConfig(stage.lowers), ({ column }) => columns.push(column))
    assert.deepEqual(columns.sort(), ['blocks', 'btime', 'rdev'])
  }),
)

/**
 * Runs `act` on a layer on kernel overlayfs whose files come from two filesystems, so that they have several devices.
 */
async function onSeveralDevices(act: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage([
    [{ what: 'file', path: 'a/plain', content: 'x' }],
    [{ what: 'file', path: 'a/b', content: 'y' }],
  ])
  const [memory, merged] = [stage.path('memory'), stage.path('merged')]
  const mounted: string[] = []
  const mount = (at: string, ...words: string[]): void => {
    execFileSync('mount', [...words, at])
    mounted.unshift(at)
  }
  try {
    mkdirSync(memory)
    mount(memory, '-t', 'tmpfs', '-o', 'size=1m', 'memory')
    mkdirSync(join(memory, 'layer/a'), { recursive: true })
    writeFileSync(join(memory, 'layer/a/other'), 'z')
    mount(merged, '-t', 'overlay', 'overlay', '-o', `xino=off,lowerdir=${stage.lowers[0]}:${memory}/layer`)
    stage.lowers[0] = merged
    await act(stage)
  } finally {
    for (const at of mounted) execFileSync('umount', [at])
    stage.remove()
  }
}

test('files on another filesystem than their layer are looked at', {
  skip: isRoot ? false : 'mounts as root',
}, async () => {
  await onSeveralDevices(async (stage) => {
    const index = await built(stage)
    const queries = openIndex(index)
    assert.ok(!(queries instanceof StratafsError))
    const sql = `SELECT CAST(name AS TEXT) FROM entries WHERE flags & ${EntryFlag.PARTIAL} ORDER BY 1`
    const partial = queries.db.prepare(sql).pluck().all()
    queries.close()
    assert.deepEqual(partial, ['other', 'plain'])
    const off = seen(stage, {}).lines
    assert.deepEqual(seen(stage, { index, immutable: true }), {
      lines: off,
      unseen: ASKED * (off.length - partial.length),
    })
  })
})

test('layers with mapped owners are looked at, whether they were mapped when they were read or are now', () => {
  const stage = new Stage([[{ what: 'file', path: 'a/f', content: '' }], [{ what: 'file', path: 'b', content: '' }]])
  try {
    const stack = LowerStack.open({ ...stackConfig(stage.lowers), mapped: [true, false] })
    assert.ok(stack instanceof LowerStack)
    const rows = readDirectoryRows(stack, Place.root(stack.roots))
    stack.close()
    assert.ok(typeof rows !== 'number')
    assert.deepEqual(
      [rows.names, [...rows.entryFlags]],
      [
        ['a', 'b'],
        [EntryFlag.PARTIAL, 0],
      ],
    )
    const [mapped, plain] = [true, false].map((isMapped) => answeredUnseen(stage, isMapped))
    assert.deepEqual([mapped, plain], [0, 1])
  } finally {
    stage.remove()
  }
})

/** How many of one answer of a view are given without a look, where the layers' owners are mapped now or not. */
function answeredUnseen(stage: Stage, isMapped: boolean): number {
  const stack = LowerStack.open({ ...stackConfig(stage.lowers), mapped: [isMapped, isMapped] })
  assert.ok(stack instanceof LowerStack)
  let unseen = 0
  let released = 0
  const keeper: ViewKeeper = {
    immutable: true,
    unseen: () => unseen++,
    ownersIn: () => null,
    compared: () => {},
    comparing: () => {},
    stampsFor: () => null,
    mismatch: () => assert.fail('nothing was edited'),
  }
  const row = { at: 0, layer: 1, joined: null, flags: 0, mode: 0o100644, ino: 1, ctime: 0, ctimeNs: 0 }
  const view = new DirectoryView(
    keeper,
    '',
    { size: 1, owners: null, row: () => row, record: () => true, list: () => false, release: () => void released++ },
    new LayerSet([0, 1]),
  )
  const found = new Found()
  assert.ok(view.answer(stack, { upper: null, lowers: stack.roots, impure: false }, found, 'b'))
  assert.equal(found.inodeDir?.layer.position, 1)
  stack.close()
  for (let time = 0; time < 2; time++) view.drop()
  assert.deepEqual([view.dropped, released], [true, 1])
  return unseen
}

const plain = { isMapped: false, deviceMajor: 8, deviceMinor: 1 } as Layer

/** A record of a file on `plain`, with some numbers of its own. */
function record(numbers: Partial<Record<keyof typeof Stat, number>>): Float64Array {
  const stats = new Float64Array(STAT_SLOTS)
  stats[Stat.DEV_MAJOR] = 8
  stats[Stat.DEV_MINOR] = 1
  for (const [slot, value] of Object.entries(numbers)) stats[Stat[slot as keyof typeof Stat]] = value
  return stats
}

test('a record comes back from its columns and from memory number for number, and each of them counts in the sum', () => {
  const stats = record({})
  for (let slot = 0; slot <= Stat.BTIME_NS; slot++) if (stats[slot] === 0) stats[slot] = 1000 + slot
  stats[Stat.SIZE] = 2 ** 53 - 1
  stats[Stat.MTIME] = -5
  stats[Stat.INO_HIGH] = 2 ** 20
  stats[Stat.INO_LOW] = 2 ** 32 - 1
  const same = record({ ATIME: 5, MTIME: 5, CTIME: 9, BTIME: 9, SIZE: 4097, BLOCKS: 16, BLKSIZE: 4096 })
  assert.deepEqual(derivedColumns(same, 0), [null, null, null, null, null, null, 0])
  for (const each of [stats, same]) {
    assert.ok(isWhole(each, 0, plain))
    const of = (...slots: (keyof typeof Stat)[]): number[] => slots.map((slot) => each[Stat[slot]]!)
    const [mode, ...times] = of('MODE', 'CTIME', 'CTIME_NS')
    const kept = of('SIZE', 'UID', 'GID', 'NLINK', 'MTIME', 'MTIME_NS')
    const row = [Buffer.from('n'), 0, null, 0, mode, inodeOf(each), ...times, ...kept, ...derivedColumns(each, 0)]
    const back = record({})
    setRecord(back, row as RawRow)
    assert.deepEqual(back, each)
    const records = new Records(2, new ArrayBuffer(8 + Records.bytesFor(2)), 8)
    records.keep(1, each)
    const copied = record({})
    records.copy(1, copied)
    assert.deepEqual(copied, each)
  }
  for (let slot = 0; slot <= Stat.BTIME_NS; slot++) {
    if (slot === Stat.DEV_MAJOR || slot === Stat.DEV_MINOR) continue
    const other = stats.slice()
    other[slot]!++
    assert.notEqual(rowHash(1, 0, other, 0), rowHash(1, 0, stats, 0), `slot ${slot}`)
  }
})

test('a record is whole on its layer’s filesystem, with owners as on the disk, and with numbers that fit', () => {
  assert.ok(isWhole(record({}), 0, plain))
  assert.ok(!isWhole(record({}), 0, { ...plain, isMapped: true } as Layer))
  for (const numbers of [
    { DEV_MINOR: 2 },
    { DEV_MAJOR: 0 },
    { INO_HIGH: 2 ** 21 },
    { SIZE: 2 ** 53 },
    { RDEV_MINOR: 2 ** 20 },
    { RDEV_MAJOR: 2 ** 12 },
  ])
    assert.ok(!isWhole(record(numbers), 0, plain), JSON.stringify(numbers))
})
