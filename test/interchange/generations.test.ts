/**
 * Layers of several generations on ours and on kernel overlayfs in step: every result and every tree the same, after
 * each upper has become a lower too, and when each mounts what the other left. STRATAFS_GENERATIONS sets how many
 * histories (12), STRATAFS_SEED which; both are in the test's name.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Layers } from '../conformance/columns.js'
import { Ground } from '../conformance/ground.js'
import { plant } from '../conformance/tree.js'
import { Exchange, look, missing, type Side, through } from './exchange.js'
import { type Generation, generations, ground as lowers, movedOut } from './generations.js'
import { perform } from './history.js'

const RUNS = Number(process.env.STRATAFS_GENERATIONS ?? 12)
const SEED = Number(process.env.STRATAFS_SEED ?? 20_261_130)
const SHRINK = Number(process.env.STRATAFS_SHRINK ?? 60)
const limits = {
  interruptAfterTimeLimit: 1000 * (RUNS * 20 + SHRINK),
  endOnFailure: SHRINK === 0,
  includeErrorInReport: true,
}
const SHAPE = { times: false } as const
const METACOPY = { metacopy: 'on' } as const

let ground: Ground
let exchange: Exchange

/** The upper becomes the top lower, an inserted layer lies above it, and there is a new upper. */
function next(layers: Layers, { inserted }: Generation, n: number): Layers {
  const { disk } = ground
  const made = (name: string): string => {
    const place = join(layers.merged, '..', `${name}${n}`)
    disk.mkdir(place, 0o755)
    return place
  }
  const above = inserted === null ? [] : [made('between')]
  for (const place of above) plant(disk, place, inserted!, { uid: 0, gid: 0, xattrPrefix: 'trusted.' })
  const lowers = [...above, layers.upper!, ...layers.lowers]
  return { lowers, upper: made('upper'), work: made('work'), merged: layers.merged }
}

interface Played {
  readonly layers: Layers
  /** What each step gave, and the tree before and after each generation's. */
  readonly told: readonly string[]
}

function play(side: Side, history: readonly Generation[]): Played {
  const stage = exchange.stage(side)
  let layers = stage.layers({ lowers })
  const told: string[] = []
  history.forEach((generation, n) => {
    if (n > 0) layers = next(layers, generation, n)
    const lowest = exchange.lowersOf(layers)
    through(stage, layers, generation.options, (fs) => {
      told.push(`generation ${n}`, ...look(fs, SHAPE))
      for (const step of generation.steps) told.push(`${step.join(' ')} → ${perform(fs, step)}`)
      told.push('after it', ...look(fs, SHAPE))
    })
    assert.deepEqual(exchange.lowersOf(layers), lowest, `${side} changed a lower layer`)
  })
  return { layers, told }
}

const treeOf = ({ told }: Played): readonly string[] => told.slice(told.lastIndexOf('after it') + 1)

function agree(history: readonly Generation[]): void {
  const [ours, kernel] = [play('ours', history), play('kernel', history)]
  assert.deepEqual(ours.told, kernel.told, 'they differ')
  for (const [writer, { layers }] of Object.entries({ ours, kernel })) {
    for (const side of ['ours', 'kernel'] as const) {
      const seen = through(exchange.stage(side), layers, METACOPY, (fs) => look(fs, SHAPE))
      assert.deepEqual(seen, treeOf(kernel), `${side} shows another tree on the layers ${writer} wrote`)
    }
    ground.disk.removetree(join(layers.merged, '..'))
  }
}

describe('histories of several generations', () => {
  before(() => {
    if (missing(['ours', 'kernel']) !== false) return
    ground = new Ground()
    exchange = new Exchange(ground)
  })
  after(() => exchange?.close())

  it(`ours and kernel overlayfs agree (${RUNS} histories, seed ${SEED})`, {
    skip: missing(['ours', 'kernel']),
  }, async () => {
    const property = fc.asyncProperty(generations, async (history) => {
      await new Promise(setImmediate)
      agree(history)
    })
    await fc.assert(property, { numRuns: RUNS, seed: SEED, examples: [[movedOut]], ...limits })
  })
})
