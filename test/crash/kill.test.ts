/**
 * That an engine ended inside a test process (crash.test.ts) leaves on disk what a killed process leaves: a few
 * scenarios, killed with SIGKILL before each of their changes in a process of their own, compared with the same end in
 * this one. What is left must be the same byte for byte, and a new engine must make whole what was before or what was
 * to be.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Expectation, expectationOf, judge } from '../engine/expectation.js'
import { type Run, Stack } from '../engine/layers.js'
import { type Scenario, scenarioNamed } from '../engine/scenarios/all.js'
import { endedAt, type Point, pointsOf, prepared, view } from '../engine/trial.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

const VICTIM = fileURLToPath(new URL('./victim.js', import.meta.url))

const chosen = [
  'write to a large sparse lower file',
  'write to a metacopy',
  'create over a whiteout there',
  'unlink the last of them',
  'rename a directory over an empty one that holds whiteouts',
  'rename a lower file over a lower file [.wh.]',
  'exchange a lower directory and a lower file',
]

function kill(run: Run, scenario: Scenario, point: Point): void {
  const args = [VICTIM, run.path, run.lowers.join(':'), scenario.name, String(point.index), point.midway ? '1' : '0']
  const { signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert.equal(signal, 'SIGKILL', stderr)
}

function killAndCompare(stack: Stack, scenario: Scenario, e: Expectation, point: Point): void {
  const killed = prepared(stack, scenario)
  const ended = prepared(stack, scenario)
  try {
    const start = view(killed, scenario)
    view(ended, scenario)
    kill(killed, scenario, point)
    endedAt(ended, scenario, point)
    const where = e.steps[point.index]!.text
    assert.equal(killed.rawState(), ended.rawState(), where)
    const { state, why } = judge({ view: view(killed, scenario), before: start }, e)
    assert.notEqual(state, 'broken', `killed before ${where}: ${why}`)
    assert.deepEqual(killed.rubbish(), [])
  } finally {
    killed.remove()
    ended.remove()
  }
}

describe('kill -9 before each change', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('tmpfs')
  })
  after(() => stack?.remove())
  for (const name of chosen)
    it(name, () => {
      const scenario = scenarioNamed(name)
      const e = expectationOf(stack, scenario)
      for (const point of pointsOf(e.steps)) killAndCompare(stack, scenario, e, point)
      assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
    })
})
