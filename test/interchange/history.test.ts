/**
 * Random histories on ours and on kernel overlayfs in step: every result the same, the same tree afterwards, the same
 * again after a remount, and the same when each mounts what the other left. STRATAFS_HISTORIES sets how many (8),
 * STRATAFS_SEED repeats a run; a failure prints the seed and the shortest history that still fails.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Layers } from '../conformance/columns.js'
import { Ground } from '../conformance/ground.js'
import { Exchange, look, missing, type Side, through } from './exchange.js'
import { histories, lowers, perform, type Step } from './history.js'

const RUNS = Number(process.env.STRATAFS_HISTORIES ?? 8)
const SEED = process.env.STRATAFS_SEED ? Number(process.env.STRATAFS_SEED) : Date.now() % 1_000_000_000
/** Making a failing history shorter takes a run per try, so it is bounded; STRATAFS_SHRINK=seconds gives it more. */
const limits = { interruptAfterTimeLimit: 1000 * (RUNS * 15 + Number(process.env.STRATAFS_SHRINK ?? 60)) }
const SHAPE = { times: false } as const

let exchange: Exchange

interface Played {
  readonly layers: Layers
  readonly results: readonly string[]
  readonly shown: readonly string[]
}

function play(side: Side, steps: readonly Step[]): Played {
  const stage = exchange.stage(side)
  const layers = stage.layers({ lowers })
  const before = exchange.lowersOf(layers)
  const played = through(stage, layers, {}, (fs) => ({
    results: steps.map((step) => `${step.join(' ')} → ${perform(fs, step)}`),
    shown: look(fs, SHAPE),
  }))
  assert.deepEqual(exchange.lowersOf(layers), before, `${side} changed a lower layer`)
  return { layers, ...played }
}

function agree(steps: readonly Step[]): void {
  const [ours, kernel] = [play('ours', steps), play('kernel', steps)]
  assert.deepEqual(ours.results, kernel.results, 'results differ')
  assert.deepEqual(ours.shown, kernel.shown, 'trees differ')
  for (const { layers } of [ours, kernel])
    for (const side of ['ours', 'kernel'] as const) {
      const seen = through(exchange.stage(side), layers, {}, (fs) => look(fs, SHAPE))
      const origin = layers === ours.layers ? 'ours' : 'kernel'
      assert.deepEqual(seen, kernel.shown, `${side} shows another tree on the layers ${origin} wrote`)
    }
}

describe('random histories', () => {
  before(() => {
    if (missing(['kernel']) === false) exchange = new Exchange(new Ground())
  })
  after(() => exchange?.close())
  it(`ours and kernel overlayfs agree (${RUNS} histories, seed ${SEED})`, {
    skip: missing(['ours', 'kernel']),
  }, async () => {
    const property = fc.asyncProperty(histories(60), async (steps) => {
      await new Promise(setImmediate)
      agree(steps)
    })
    await fc.assert(property, { numRuns: RUNS, seed: SEED, ...limits })
  })
})
