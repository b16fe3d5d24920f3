/**
 * Whatever happened to the database, the mount answers as it does without one, and says what was wrong: damaged, cut
 * short, of another program, version or stack, not to be written, left by a process that was killed.
 */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import Database from 'better-sqlite3'
import { StratafsError } from '../../src/base/failure.js'
import { buildIndex, openIndex, stackConfig, statusOf } from '../../src/owner-index/api.js'
import { type Planting, picture, Run, Stage } from './stage.js'

const file = (path: string, content = path): Planting => ({ what: 'file', path, content })
const STACK: Planting[][] = [
  [file('a/top'), file('both/x'), file('usr/bin/ls')],
  [file('a/middle'), { what: 'whiteout', path: 'gone' }, file('usr/bin/cat'), { what: 'opaque', path: 'both' }],
  [
    file('a/low'),
    file('gone'),
    file('both/y'),
    file('usr/lib/libc'),
    ...Array.from({ length: 60 }, (_, i) => file(`usr/bin/p${i}`)),
  ],
]

/** A stage with a filled database, and what it should answer. */
function filled(): { stage: Stage; index: string; right: string[] } {
  const stage = new Stage(STACK)
  const off = new Run(stage)
  const right = picture(off, ['no'])
  off.close()
  const index = stage.path('work/index.db')
  for (let time = 0; time < 2; time++) look(stage, index, right)
  return { stage, index, right }
}

/** Mounts, compares every answer three times while the index fills, ends; what was said. */
function look(stage: Stage, index: string, right: readonly string[]): Run {
  const run = new Run(stage, { index })
  for (let time = 0; time < 3; time++) {
    assert.deepEqual(picture(run, ['no']), right)
    run.write()
  }
  run.close()
  return run
}

function withFilled(act: (stage: Stage, index: string, right: string[]) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const { stage, index, right } = filled()
    try {
      await act(stage, index, right)
    } finally {
      stage.remove()
    }
  }
}

const setAside = (stage: Stage): string[] =>
  readdirSync(stage.path('work')).filter((name) => name.includes('.damaged-'))

const WITHOUT_VIEWS = ['owners', 'shown', 'upper', 'dirs'].map((name) => `DROP VIEW ${name};`).join('')

const damages: Record<string, (index: string) => void> = {
  'is no database': (index) => writeFileSync(index, 'a letter home\n'.repeat(1000)),
  'is empty': (index) => truncateSync(index, 0),
  'is cut short': (index) => truncateSync(index, 12_000),
  'has its pages overwritten': (index) => {
    const bytes = readFileSync(index)
    bytes.fill(0xa5, 8192)
    writeFileSync(index, bytes)
  },
  'belongs to another program': (index) => alter(index, 'PRAGMA application_id = 7'),
  'is of another version': (index) => alter(index, 'PRAGMA user_version = 99'),
  // As version 1 was: without what it takes to answer from rows alone.
  'is of version 1': (index) =>
    alter(
      index,
      `PRAGMA user_version = 1; ${WITHOUT_VIEWS}
      ${['atime', 'atime_ns', 'btime', 'btime_ns', 'blocks', 'blksize', 'rdev', 'hash'].map((name) => `ALTER TABLE entries DROP COLUMN ${name};`).join('')}`,
    ),
  // As version 2 was: the stamps before what is read with every directory.
  'is of version 2': (index) =>
    alter(
      index,
      `PRAGMA user_version = 2; ${WITHOUT_VIEWS} ALTER TABLE lower_dirs RENAME COLUMN read_at TO moved;
      ALTER TABLE lower_dirs RENAME COLUMN stamps TO read_at; ALTER TABLE lower_dirs RENAME COLUMN moved TO stamps;`,
    ),
  'has lost a table': (index) => alter(index, 'DROP TABLE entries'),
  'has lost a row': (index) => alter(index, "DELETE FROM entries WHERE name = CAST('usr' AS BLOB)"),
}

function alter(index: string, sql: string): void {
  const db = new Database(index)
  db.exec(sql)
  db.close()
}

for (const [words, damage] of Object.entries(damages)) {
  test(
    `a database that ${words} is set aside`,
    withFilled((stage, index, right) => {
      damage(index)
      const run = look(stage, index, right)
      assert.equal(setAside(stage).length, 1, run.log.join('\n'))
      assert.match(run.log.join('\n'), /set aside as .*begun anew/)
      if (words.includes('version')) assert.match(run.log.join('\n'), /of version (1|2|99), not 5: set aside/)
      assert.deepEqual(look(stage, index, right).log, [])
      assert.equal(statusOf(index).fault, null)
    }),
  )
}

test(
  'a database about other layers is begun anew',
  withFilled((stage, index) => {
    stage.lowers.pop()
    const off = new Run(stage)
    const right = picture(off, ['no'])
    off.close()
    assert.match(look(stage, index, right).log.join(), /about other layers/)
  }),
)

test(
  'a place where no database can be made leaves the mount without one',
  withFilled((stage, _index, right) => {
    const run = new Run(stage, { index: stage.path('nowhere/index.db') })
    assert.deepEqual(
      picture(run),
      right.filter((line) => !line.endsWith('/no 0')),
    )
    assert.match(String(run.downgrade), /works without it/)
    run.close()
    mkdirSync(stage.path('work/directory.db'))
    const other = new Run(stage, { index: stage.path('work/directory.db') })
    assert.deepEqual(picture(other, ['no']), right)
    other.close()
  }),
)

test(
  'after a kill the next mount repairs what it says of the upper, also with the log cut off',
  withFilled((stage, index, right) => {
    const run = new Run(stage, { index })
    picture(run)
    const caller = { uid: 0, gid: 0, pid: 1, umask: 0 }
    assert.ok(run.engine.operations.mkdir(caller, 1, 'made', 0o755) > 0)
    assert.equal(run.engine.operations.unlink(run.engine.operations.lookup(1, 'a'), 'low'), 0)
    run.write()
    for (const companion of ['', '-wal']) copyFileSync(index + companion, `${stage.path('kept')}${companion}`)
    run.close()
    for (const cut of [null, 0, 100, 5000]) {
      for (const companion of ['', '-wal']) copyFileSync(`${stage.path('kept')}${companion}`, index + companion)
      rmSync(`${index}-shm`, { force: true })
      if (cut !== null) truncateSync(`${index}-wal`, cut)
      rmSync(stage.path('upper/made/late'), { force: true })
      writeFileSync(stage.path('upper/made/late'), 'while nobody looked')
      const again = new Run(stage, { index })
      again.write()
      again.close()
      const queries = openIndex(index)
      assert.ok(!(queries instanceof StratafsError))
      assert.equal(queries.owner('made/late')?.layer, -1)
      assert.equal(queries.owner('a/low'), null)
      assert.equal(queries.owner('a/top')?.layer, 0)
      queries.close()
    }
    assert.ok(right.length > 0)
  }),
)

test(
  'what the upper becomes is followed',
  withFilled(async (stage, index) => {
    assert.ok(!((await buildIndex(stackConfig(stage.lowers), index)) instanceof StratafsError))
    const run = new Run(stage, { index })
    const { operations } = run.engine
    const caller = { uid: 0, gid: 0, pid: 1, umask: 0 }
    picture(run)
    run.write()
    const usr = operations.lookup(1, 'usr')
    assert.equal(operations.rename(usr, 'bin', 1, 'moved', 0), 0)
    assert.ok(operations.mkdir(caller, usr, 'new', 0o700) > 0)
    assert.equal(operations.setattr(operations.lookup(operations.lookup(1, 'a'), 'top'), { mode: 0o600 }), 0)
    assert.equal(operations.unlink(operations.lookup(1, 'a'), 'middle'), 0)
    run.write()
    const queries = openIndex(index)
    assert.ok(!(queries instanceof StratafsError))
    const shown = queries.db.prepare('SELECT path, layer FROM owners ORDER BY path').all() as {
      path: string
      layer: number
    }[]
    const owner = new Map(shown.map(({ path, layer }) => [path, layer]))
    const wanted = picture(run).map((line) => line.split(' ')[0]!)
    assert.deepEqual([...owner.keys()].sort(), wanted.sort())
    assert.deepEqual(
      ['/moved', '/moved/ls', '/a/top', '/usr/new', '/a/low'].map((path) => owner.get(path)),
      [-1, 0, -1, -1, 2],
    )
    queries.close()
    run.close()
    assert.equal(statusOf(index).dirty, 'clean')
  }),
)
