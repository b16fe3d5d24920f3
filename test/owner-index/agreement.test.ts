/**
 * The index never changes an answer: random stacks of layers, with every spelling of whiteout, opaque, redirect and
 * metacopy, are walked with the index off, on (empty, then filled with what was visited), kept from the mount before,
 * freshly built, and after edits of the layers between two mounts; each time every answer must be the same as without
 * an index.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { StratafsError } from '../../src/base/failure.js'
import { buildIndex, stackConfig, verifyIndex } from '../../src/owner-index/api.js'
import { edits, layers, NAMES } from './plantings.js'
import { type Planting, picture, Run, Stage } from './stage.js'

/** Longer than one tick of the clock that filesystems stamp with. */
const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12)

let loads = 0
let mismatches = 0
let unseen = 0

function pictureWith(stage: Stage, options: ConstructorParameters<typeof Run>[1], times = 1): string[][] {
  const run = new Run(stage, options)
  const seen: string[][] = []
  for (let time = 0; time < times; time++) {
    seen.push(picture(run, NAMES))
    run.write()
  }
  loads += run.index?.counters.loads ?? 0
  mismatches += run.index?.counters.mismatches ?? 0
  unseen += run.index?.counters.unseen ?? 0
  run.close()
  assert.deepEqual(run.log, [])
  return seen
}

async function check(stage: Stage, changes: readonly (readonly [number, Planting])[]): Promise<void> {
  const index = stage.path('index.db')
  const before = unseen
  const [off] = pictureWith(stage, {})
  for (const seen of pictureWith(stage, { index }, 3)) assert.deepEqual(seen, off, 'on, filling')
  assert.deepEqual(pictureWith(stage, { index })[0], off, 'on, kept from the mount before')
  assert.equal(unseen, before, 'rows are compared')
  for (const seen of pictureWith(stage, { index, immutable: true }, 3)) assert.deepEqual(seen, off, 'immutable')
  const built = stage.path('built.db')
  const config = stackConfig(stage.lowers)
  assert.ok(!((await buildIndex(config, built)) instanceof StratafsError))
  assert.deepEqual(pictureWith(stage, { index: built })[0], off, 'freshly built')
  assert.deepEqual(pictureWith(stage, { index: built, immutable: true })[0], off, 'freshly built, immutable')
  const found: object[] = []
  const verified = verifyIndex(built, config, (difference) => found.push(difference))
  assert.deepEqual([found, 'unread' in verified && verified.unread], [[], 0])
  pause()
  for (const [layer, change] of changes) stage.plant(stage.lowers[layer % stage.lowers.length]!, change)
  const [edited] = pictureWith(stage, {})
  for (const seen of pictureWith(stage, { index }, 3)) assert.deepEqual(seen, edited, 'on, layers edited')
  for (const seen of pictureWith(stage, { index: built }, 2)) assert.deepEqual(seen, edited, 'built, layers edited')
}

test('a directory made opaque between two mounts joins fewer layers, each time it is asked', async () => {
  const file = { what: 'file' as const, path: 'a/a', content: '' }
  const stage = new Stage([[file], [{ what: 'directory', path: 'a' }], [file]])
  try {
    await check(stage, [[1, { what: 'opaque', path: 'a' }]])
  } finally {
    stage.remove()
  }
})

test('an index never changes an answer', async () => {
  await fc.assert(
    fc.asyncProperty(layers, edits, async (stack, changes) => {
      const stage = new Stage(stack)
      try {
        await check(stage, changes)
      } finally {
        stage.remove()
      }
    }),
    { numRuns: Number(process.env.STRATAFS_INDEX_RUNS ?? 40) },
  )
  // Else nothing has been compared.
  assert.ok(loads > 0 && mismatches > 0, `${loads} directories answered, ${mismatches} edits met`)
  assert.ok(unseen > 0, 'no entry was answered from its row')
})
