/**
 * kill -9 at any instant. Every scenario is run once to its end to learn which system calls it makes; then, for each
 * call that changes something on disk, it is run again on a new upper, and ended right before that call. A new engine
 * over what is left must show the whole tree as it was before or as it is after, the workdir swept, the index without
 * entries that nothing needs, the lower layers untouched; and where the tree is as before, the same operation must now
 * work.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { doneAgain, type Expectation, expectationOf, judge } from '../engine/expectation.js'
import { type FilesystemName, filesystems, type Run, Stack } from '../engine/layers.js'
import { type Scenario, scenarios } from '../engine/scenarios/all.js'
import { endedAt, type Point, pointsOf, prepared, view, withEngine } from '../engine/trial.js'
import { differences, type View, viewOf } from '../engine/view.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

/** '' or what is wrong with the tree after an end at `point`. */
function endAndLook(stack: Stack, scenario: Scenario, e: Expectation, point: Point): string {
  const run = prepared(stack, scenario)
  try {
    const start = view(run, scenario)
    if (!endedAt(run, scenario, point)) return 'it was not reached'
    const { state, why } = look(run, scenario, e, start)
    if (state === 'after' && run.indexed().length > e.indexed) return `left in the index: ${run.indexed()}`
    return state === 'before' ? doneAgain(run, scenario, e, start) : why
  } finally {
    run.remove()
  }
}

function look(run: Run, scenario: Scenario, e: Expectation, start: View): ReturnType<typeof judge> {
  return withEngine(run, scenario, (s) => {
    const rubbish = run.rubbish()
    if (rubbish.length > 0) return { state: 'broken', why: `the workdir is not swept: ${rubbish}` }
    return judge({ view: viewOf(s), before: start }, e)
  })
}

function crashAtEachStep(stack: Stack, scenario: Scenario): void {
  const e = expectationOf(stack, scenario)
  assert.ok(e.result >= 0, `undisturbed it fails: errno ${-e.result}`)
  assert.deepEqual(differences(e.live, e.after, e.before), [], 'before a remount')
  const points = pointsOf(e.steps)
  assert.ok(points.length > 0, 'nothing was changed on disk')
  const faults = points.map((point) => {
    const fault = endAndLook(stack, scenario, e, point)
    return fault === '' ? '' : `ended ${point.midway ? 'within' : 'before'} ${e.steps[point.index]!.text}: ${fault}`
  })
  const wrong = faults.filter((fault) => fault !== '')
  assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
  assert.equal(wrong.length, 0, `${wrong.length} of ${points.length} ends:\n${wrong.join('\n')}`)
}

for (const filesystem of Object.keys(filesystems) as FilesystemName[]) {
  // How whiteouts are spelled, and what has no O_TMPFILE, is the same on every filesystem.
  const those = scenarios.filter((scenario) => filesystem === 'tmpfs' || !(scenario.aufs || scenario.named))
  describe(`kill at each step, layers on ${filesystem}`, { skip }, () => {
    let stack: Stack
    before(() => {
      stack = new Stack(filesystem)
    })
    after(() => stack?.remove())
    for (const scenario of those) it(scenario.name, () => crashAtEachStep(stack, scenario))
  })
}
