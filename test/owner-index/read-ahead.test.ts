/**
 * What is read ahead of a directory that the index answers for: the layers that own something in it, for no other is
 * going to be looked into; all that it joins only where they are still to be compared.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { native } from '../../src/syscalls/native.js'
import { picture, Run, Stage } from './stage.js'

const LAYERS = 12
const OWNERS = 5
/** No directory joins so many layers: nothing is compared ahead. */
const NONE = 1000

const file = (path: string) => ({ what: 'file' as const, path, content: '' })

/** Two directories that all layers have, with files in some. */
function staged(): Stage {
  return new Stage(
    Array.from({ length: LAYERS }, (_, layer) => [
      { what: 'directory', path: 'c' },
      { what: 'directory', path: 'd' },
      ...(layer % 2 === 1 && layer < 2 * OWNERS ? [file(`c/file-${layer}`), file(`d/file-${layer}`)] : []),
    ]),
  )
}

/**
 * Fills the index, mounts once more on a disk that is always at work, and counts how often each path is read ahead in
 * `act`.
 */
function readAhead(t: TestContext, wide: number, act: (run: Run) => void): Map<string, number> {
  const stage = staged()
  try {
    const index = stage.path('index.db')
    const first = new Run(stage, { index })
    for (let time = 0; time < 2; time++) {
      picture(first)
      first.write()
    }
    first.close()
    const paths = new Map<string, number>()
    let blocks = 0
    t.mock.method(native, 'diskBlocksRead', () => ++blocks)
    t.mock.method(native, 'prefetchDirectory', (_root: number, path: string) => {
      paths.set(path, (paths.get(path) ?? 0) + 1)
      return 0
    })
    const run = new Run(stage, { index, wide })
    act(run)
    run.close()
    return paths
  } finally {
    t.mock.restoreAll()
    stage.remove()
  }
}

function list(run: Run, nodeid: number): void {
  run.engine.operations.readdir(nodeid, 0, true, { add: () => true })
}

test('of the next directory in a listing, and of one that is listed, the owners', (t) => {
  const paths = readAhead(t, 2, (run) => {
    // Before the first there is nothing to go by.
    list(run, run.engine.operations.lookup(1, 'c'))
    list(run, 1)
  })
  assert.deepEqual([paths.get('c'), paths.get('d')], [undefined, OWNERS])
  const alone = readAhead(t, 2, (run) => {
    list(run, run.engine.operations.lookup(1, 'c'))
    list(run, run.engine.operations.lookup(1, 'd'))
  })
  assert.deepEqual([...alone], [['d', OWNERS]])
})

test('of a directory in which files are looked up, the owners', (t) => {
  const paths = readAhead(t, 2, ({ engine: { operations } }) => {
    for (const dir of ['c', 'd']) {
      const nodeid = operations.lookup(1, dir)
      assert.ok(operations.lookup(nodeid, 'file-1') > 0)
      assert.ok(operations.lookup(nodeid, 'file-3') > 0)
    }
  })
  assert.deepEqual([...paths], [['d', OWNERS]])
})

test('all that it joins, where they are still to be compared', (t) => {
  const paths = readAhead(t, NONE, ({ engine: { operations } }) => {
    operations.lookup(1, 'c')
    operations.lookup(1, 'd')
  })
  assert.equal(paths.get('d'), LAYERS)
})

test('without an index, directories beside those that are entered by name', (t) => {
  const names = Array.from({ length: 40 }, (_, i) => `dir-${i}`)
  const stage = new Stage(
    Array.from({ length: LAYERS }, () => names.map((path) => ({ what: 'directory' as const, path }))),
  )
  try {
    const paths = new Map<string, number>()
    let blocks = 0
    t.mock.method(native, 'diskBlocksRead', (all: boolean) => (all ? ++blocks : 0))
    t.mock.method(native, 'prefetchDirectory', (_root: number, path: string) => {
      paths.set(path, (paths.get(path) ?? 0) + 1)
      return 0
    })
    const run = new Run(stage, {})
    const entered = names.slice(0, 8)
    for (const name of entered) assert.ok(run.engine.operations.lookup(1, name) > 0)
    run.close()
    const beside = [...paths.keys()].filter((name) => names.includes(name))
    assert.ok(beside.length > 8, `${beside}`)
    for (const name of beside) assert.equal(paths.get(name), LAYERS)
    // Looked up already when the names came to be known.
    for (const name of entered.slice(0, 4)) assert.ok(!beside.includes(name), name)
  } finally {
    t.mock.restoreAll()
    stage.remove()
  }
})
