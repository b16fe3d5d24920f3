/**
 * A short form of `npm run bench:kill`: fifty times kill -9 of the serving process under programs that notice what is
 * lost.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KillGround } from '../../scripts/kill/ground.js'
import { killUnder } from '../../scripts/kill/killing.js'
import { killWorkloads } from '../../scripts/kill/workloads.js'
import { needsRoot } from '../daemon/harness.js'

const MOST_WAIT_MS = 120

const runs = [
  { options: 'recover=on', name: 'random acts in step with a model', kills: 20 },
  { options: 'recover=on,data=cached', name: 'random acts in step with a model', kills: 15 },
  { options: 'recover=on', name: 'tar x, diff, rm -rf', kills: 15 },
] as const

describe('fifty kills', needsRoot, () => {
  for (const { options, name, kills } of runs)
    it(`${name}, ${options}`, async () => {
      const workload = killWorkloads.find((each) => each.name === name)!
      const ground = new KillGround(options, workload)
      try {
        const before = ground.lowerSum()
        ground.mount()
        const seed = Date.now() & 0xffff
        const { kills: done, fault } = await killUnder(ground, workload, kills, seed, MOST_WAIT_MS)
        assert.deepEqual([fault, done], [null, kills], `seed ${seed}`)
        assert.equal(ground.lowerSum(), before)
      } finally {
        ground.remove()
      }
    })
})
