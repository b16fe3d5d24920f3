/**
 * Rows of single layers: a mount's index is filled from them without reading the layers, and is, row for row, what it
 * would be if they had been read: whatever marks the layers carry, whatever was edited since, whatever became of the
 * files that hold them.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { makeLayerRows } from '../../src/owner-index/layer-rows/make-layer-rows.js'
import { native } from '../../src/syscalls/native.js'
import { edits, layers } from './plantings.js'
import { type Planting, Run, Stage } from './stage.js'

const READS = ['readDirectory', 'statMany', 'listxattr', 'getxattr', 'hasPrefix'] as const

/** Longer than one tick of the clock that filesystems stamp with. */
const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12)

/** Makes the rows of each layer, when what is in it is older than the layer's root. */
async function known(stage: Stage): Promise<void> {
  pause()
  for (const root of stage.lowers) utimesSync(root, 1e9, 1e9)
  for (const path of stage.lowers) assert.ok(await makeLayerRows({ path, prefix: stage.prefix }))
}

/** Nothing is kept but rows of single layers. */
function begin(stage: Stage): void {
  for (const name of readdirSync(stage.directory)) if (name.startsWith('index.db')) rmSync(stage.path(name))
  const stacks = process.env.STRATAFS_STACKS!
  for (const name of existsSync(stacks) ? readdirSync(stacks) : []) if (name !== 'layers') rmSync(join(stacks, name))
}

/** Everything that an index says of the lower layers, but when it was read. */
async function filled(
  stage: Stage,
  options: { immutable?: boolean; begins?: () => void; ended?: () => void } = {},
): Promise<{ rows: unknown[]; run: Run }> {
  const index = stage.path('index.db')
  begin(stage)
  const run = new Run(stage, { index, ...options })
  options.begins?.()
  const { db } = run.writer!.store!
  run.writer!.take({ kind: 'fill' })
  for (let i = 0; i < 5000 && run.writer!.store!.meta('complete') !== 1; i++) await turn()
  assert.equal(run.writer!.store!.meta('complete'), 1)
  options.ended?.()
  const byPath = 'JOIN dirs d ON d.id = t.dir ORDER BY d.path, t.name, t.layer'
  const rows = [
    db.prepare('SELECT path, layers, stamps, flags, count, sum FROM dirs ORDER BY path').raw().all(),
    ...['entries', 'hidden'].map((table) =>
      db.prepare(`SELECT d.path, t.* FROM ${table} t ${byPath}`).raw().all().map(withoutId),
    ),
  ]
  run.close()
  return { rows, run }
}

/** Directories are numbered in the order in which they are come to. */
function withoutId(row: unknown): unknown[] {
  const [path, , ...rest] = row as unknown[]
  return [path, ...rest]
}

/** What is changed in place leaves its directory as it was: attributes and marks of files are those of before then. */
function withoutAttributes(table: unknown, at: number): unknown {
  if (at !== 1) return table
  const isDirectory = (mode: unknown): boolean => (mode as number) >> 12 === 4
  return (table as unknown[][]).map((row) =>
    isDirectory(row[5]) ? row : [...row.slice(0, 4), (row[5] as number) >> 12],
  )
}

async function withoutRows(stage: Stage): Promise<unknown[]> {
  const { STRATAFS_STACKS } = process.env
  process.env.STRATAFS_STACKS = stage.path('none')
  try {
    return (await filled(stage)).rows
  } finally {
    process.env.STRATAFS_STACKS = STRATAFS_STACKS
    rmSync(stage.path('none'), { recursive: true, force: true })
  }
}

function layersPath(stage: Stage): string {
  return stage.path('stacks/layers')
}

function calls(t: TestContext): () => Record<string, number> {
  const mocks = READS.map((name) => [name, t.mock.method(native, name).mock] as const)
  return () => {
    const found = mocks.map(([name, mock]) => [name, mock.callCount()] as const)
    for (const [, mock] of mocks) mock.restore()
    return Object.fromEntries(found.filter(([, count]) => count > 0))
  }
}

const plain: Planting[][] = [
  [
    { what: 'file', path: 'both/of/top', content: 'x' },
    { what: 'whiteout', path: 'both/gone' },
    { what: 'symlink', path: 'l', content: 'both' },
  ],
  [
    { what: 'file', path: 'both/of/low', content: 'yy' },
    { what: 'file', path: 'both/gone', content: 'z' },
    { what: 'file', path: 'own/deep/er/f', content: '' },
  ],
  [
    { what: 'file', path: 'both/gone', content: '' },
    { what: 'file', path: 'own/deep/g', content: '' },
  ],
]

function staged(t: TestContext, layers: readonly (readonly Planting[])[] = plain): Stage {
  const stage = new Stage(layers)
  t.after(() => stage.remove())
  return stage
}

test('a mount over layers that have rows fills its index without reading one of them', async (t) => {
  const stage = staged(t)
  const expected = await withoutRows(stage)
  await known(stage)
  assert.equal(readdirSync(layersPath(stage)).length, 3)
  const again = await withoutRows(stage)
  assert.deepEqual(again[1], expected[1])
  const counted: (() => Record<string, number>)[] = []
  let made: Record<string, number> = {}
  const ended = (): void => {
    made = counted[0]!()
  }
  const { rows, run } = await filled(stage, { begins: () => counted.push(calls(t)), ended })
  assert.deepEqual(rows, again)
  assert.deepEqual(run.log, [])
  // Of the roots themselves, which were touched last; two of them show something.
  assert.deepEqual(made, { readDirectory: 3, statMany: 2, getxattr: 3 })
})

test('layers that never change are not looked at', async (t) => {
  const stage = staged(t)
  await known(stage)
  const expected = await withoutRows(stage)
  const looked = t.mock.method(native, 'openat')
  const { rows } = await filled(stage, { immutable: true })
  assert.deepEqual(rows, expected)
  const names = looked.mock.calls.map(({ arguments: [, name] }) => name)
  assert.ok(!names.includes('both') && !names.includes('own'), `${names}`)
})

test('whatever marks layers carry, and whatever was edited since: row for row what reading them gives', async () => {
  await fc.assert(
    fc.asyncProperty(layers, edits, async (stack, changes) => {
      const stage = new Stage(stack)
      try {
        await known(stage)
        const { rows } = await filled(stage)
        assert.deepEqual(rows, await withoutRows(stage))
        pause()
        for (const [layer, change] of changes) stage.plant(stage.lowers[layer % stage.lowers.length]!, change)
        const [now, read] = [(await filled(stage)).rows, await withoutRows(stage)]
        assert.deepEqual(now.map(withoutAttributes), read.map(withoutAttributes), 'layers edited')
      } finally {
        stage.remove()
      }
    }),
    { numRuns: Number(process.env.STRATAFS_INDEX_RUNS ?? 12) },
  )
})

test('an index that was kept notices what a directory joins since it was made opaque', async (t) => {
  const file = { what: 'file' as const, path: 'a/b/f', content: '' }
  const stage = staged(t, [[{ what: 'directory', path: 'a/b' }], [file]])
  // What was read of layers as young as these would be read once more.
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 100_000 })
  const index = stage.path('index.db')
  await filled(stage)
  pause()
  stage.plant(stage.lowers[0]!, { what: 'opaque', path: 'a/b' })
  const next = new Run(stage, { index, fill: true })
  const { db } = next.writer!.store!
  const joined = (): unknown =>
    db.prepare("SELECT hex(layers) FROM entries WHERE name = CAST('b' AS BLOB)").pluck().get()
  assert.equal(joined(), '00000100')
  for (let i = 0; i < 500 && joined() !== ''; i++) await sleep(10)
  assert.equal(joined(), '')
  next.close()
})

for (const [what, spoil] of [
  ['cut short', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 9000))],
  ['changed within', (path: string) => writeFileSync(path, changed(readFileSync(path)))],
  ['another program’s', (path: string) => writeFileSync(path, 'something else')],
  ['a FIFO', (path: string) => execFileSync('sh', ['-c', 'rm "$0" && mkfifo "$0"', path])],
] as const) {
  test(`a file of rows that is ${what}: out of the way, and the layer is read`, async (t) => {
    const stage = staged(t)
    await known(stage)
    const expected = await withoutRows(stage)
    for (const name of readdirSync(layersPath(stage))) spoil(join(layersPath(stage), name))
    const { rows, run } = await filled(stage)
    assert.deepEqual(rows, expected)
    assert.ok(
      run.log.some((line) => /^the rows of layer .* set aside, the layer is read$/.test(line)),
      `${run.log}`,
    )
    const left = readdirSync(layersPath(stage))
    assert.ok(
      left.every((name) => name.endsWith('.damaged')),
      `${left}`,
    )
  })
}

/** One letter of each name is another one. */
function changed(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll('deep', 'weep').replaceAll('gone', 'bone'), 'latin1')
}
