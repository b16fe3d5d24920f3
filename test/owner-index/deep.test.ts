/**
 * Trees that are deeper than any path can say: what is kept of them, and what it takes to read them, grows with the
 * number of their directories and not with its square.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { StratafsError } from '../../src/base/failure.js'
import { spaceByLayer } from '../../src/library/owners.js'
import { buildIndex, openIndex, stackConfig, statusOf, verifyIndex } from '../../src/owner-index/api.js'
import type { IndexQueries } from '../../src/owner-index/database/queries.js'
import { O_CREAT, O_DIRECTORY, O_PATH, O_WRONLY } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Run, Stage } from './stage.js'

const LEVELS = 1200
const NAME = 'n'.repeat(60)
const CALLER = { uid: 0, gid: 0, pid: 1, umask: 0 }

function staged(t: TestContext): Stage {
  const stage = new Stage([[], []])
  t.after(() => stage.remove())
  return stage
}

/** Directories in each other below `root`, each with a file. */
function dig(root: string, levels: number, name = NAME): void {
  let fd = native.openat(-100, root, O_PATH | O_DIRECTORY, 0)
  for (let level = 0; level < levels; level++) {
    assert.equal(native.mkdirat(fd, name, 0o755), 0)
    const inside = native.openat(fd, name, O_PATH | O_DIRECTORY, 0)
    native.close(fd)
    fd = inside
    native.close(native.openat(fd, 'f', O_CREAT | O_WRONLY, 0o644))
  }
  native.close(fd)
}

const pathAt = (level: number): string => Array(level).fill(NAME).join('/')

function opened(index: string): IndexQueries {
  const queries = openIndex(index)
  assert.ok(!(queries instanceof StratafsError))
  return queries
}

/** How many calls into the layers `act` makes. */
async function calls(t: TestContext, act: () => unknown): Promise<number> {
  const names = ['openat', 'openBeneath', 'statat', 'statMany', 'readDirectory', 'getxattr', 'listxattr'] as const
  const mocks = names.map((name) => t.mock.method(native, name))
  await act()
  const count = mocks.reduce((sum, { mock }) => sum + mock.callCount(), 0)
  for (const { mock } of mocks) mock.restore()
  return count
}

async function built(stage: Stage, index: string): Promise<number> {
  const done = await buildIndex(stackConfig(stage.lowers), index, undefined, stage.path('upper'))
  assert.ok(!(done instanceof StratafsError) && done.failures.length === 0)
  return statusOf(index).bytes
}

test('the file grows with the number of directories, in the lower layers and in the upper', async (t) => {
  const sizes: number[] = []
  for (const levels of [150, 600]) {
    const stage = staged(t)
    for (const root of [...stage.lowers, stage.path('upper')]) dig(root, levels)
    sizes.push(await built(stage, stage.path('index.db')))
  }
  assert.ok(sizes[1]! < 5 * sizes[0]!, `${sizes}`)
  assert.ok(sizes[1]! < 2000 * 600, `${sizes}`)
})

test('a deep tree is read whole, found to be right, and can be asked about', async (t) => {
  const stage = staged(t)
  dig(stage.lowers[1]!, LEVELS)
  const index = stage.path('index.db')
  const run = new Run(stage, { index })
  run.writer!.take({ kind: 'fill' })
  for (let i = 0; i < 5000 && run.writer!.store!.meta('complete') !== 1; i++) await turn()
  run.end()
  const found: object[] = []
  const verified = verifyIndex(index, stackConfig(stage.lowers), (difference) => found.push(difference))
  assert.ok('directories' in verified)
  assert.deepEqual([found, verified.directories, verified.unread], [[], LEVELS + 1, 0])
  const queries = opened(index)
  assert.deepEqual(
    queries.list(pathAt(LEVELS))?.map(({ name, layer }) => [name, layer]),
    [['f', 1]],
  )
  const path = `/${pathAt(LEVELS)}/f`
  assert.deepEqual(queries.db.prepare('SELECT layer, kind FROM owners WHERE path = ?').all(path), [
    { layer: 1, kind: 'file' },
  ])
  assert.equal(queries.db.prepare('SELECT count(*) FROM owners').pluck().get(), 2 * LEVELS)
  queries.close()
})

test('what changes in the upper, deeper than a path can say, has its rows', (t) => {
  const stage = staged(t)
  dig(stage.path('upper'), 100)
  const index = stage.path('work/index.db')
  const run = new Run(stage, { index })
  let node = 1
  for (let level = 0; level < 100; level++) node = run.engine.operations.lookup(node, NAME)
  assert.ok(node > 0)
  assert.ok(run.engine.operations.mkdir(CALLER, node, 'made', 0o755) > 0)
  assert.equal(run.engine.operations.unlink(node, 'f'), 0)
  run.close()
  const queries = opened(index)
  assert.deepEqual(
    queries.list(pathAt(100))?.map(({ name, layer }) => [name, layer]),
    [['made', -1]],
  )
  assert.deepEqual(
    queries.list(pathAt(99))?.map(({ name }) => name),
    ['f', NAME],
  )
  // From level 68 on: 33 directories, 32 files, and what was made.
  assert.equal(queries.db.prepare('SELECT count(*) FROM upper WHERE length(path) > 4096').pluck().get(), 66)
  queries.close()
})

test('directories that are visited one in the other are each read once', async (t) => {
  const count = async (levels: number): Promise<number> => {
    const stage = staged(t)
    for (const root of stage.lowers) dig(root, levels, 'd')
    const run = new Run(stage, { index: stage.path('index.db') })
    const made = await calls(t, () => {
      for (let level = 1; level <= levels; level++) {
        run.writer!.take({ kind: 'visit', path: Array(level).fill('d').join('/'), edited: [], why: 'absent' })
        run.read()
      }
    })
    assert.equal(run.writer!.store!.db.prepare('SELECT count(*) FROM dirs').pluck().get(), levels + 1)
    run.close()
    return made
  }
  const [few, many] = [await count(150), await count(600)]
  assert.ok(many < 5 * few, `${few} calls for 150 levels, ${many} for 600`)
})

test('the space of a deep tree is added up without going down from the root each time', async (t) => {
  const count = async (levels: number): Promise<number> => {
    const stage = staged(t)
    for (const root of stage.lowers) dig(root, levels, 'd')
    return calls(t, async () => {
      const spaces = await spaceByLayer('/', { lower: stage.lowers })
      assert.deepEqual(
        spaces.map(({ entries }) => entries),
        [2 * levels, 0],
      )
    })
  }
  const [few, many] = [await count(150), await count(600)]
  assert.ok(many < 5 * few, `${few} calls for 150 levels, ${many} for 600`)
})
