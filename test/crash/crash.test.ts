/**
 * kill -9 at any instant. Every scenario is run once to its end to learn which system calls it makes; then, for each call
 * that changes something on disk, it is run again on a new upper, and ended right before that call. A new engine over what
 * is left must show the whole tree as it was before or as it is after, the workdir swept, the lower layers untouched; and
 * where the tree is as before, the same operation must now work.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type FilesystemName, filesystems, type Run, Stack } from '../engine/layers.js'
import { type Scenario, scenarios } from '../engine/scenarios.js'
import { endedAt, type Point, pointsOf, prepared, type Step, traced, view, withEngine } from '../engine/trial.js'
import { differences, type Seen, viewOf } from '../engine/view.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

/** What a scenario shows when nothing disturbs it. */
interface Undisturbed {
  readonly before: Seen
  readonly after: Seen
  readonly passing: readonly Seen[]
  readonly steps: readonly Step[]
  readonly result: number
}

function undisturbed(stack: Stack, scenario: Scenario): Undisturbed {
  const run = prepared(stack, scenario)
  const start = view(run, scenario)
  const { steps, result } = traced(run, scenario)
  const end = { view: view(run, scenario), before: start }
  run.remove()
  const passing = (scenario.passing ?? []).map(({ make }) => passed(stack, scenario, make))
  return { before: { view: start, before: start }, after: end, passing, steps, result }
}

function passed(stack: Stack, scenario: Scenario, make: (s: never) => void): Seen {
  const run = prepared(stack, scenario)
  const start = view(run, scenario)
  withEngine(run, scenario, (s) => make(s as never))
  const seen = { view: view(run, scenario), before: start }
  run.remove()
  return seen
}

/** Which of the states `seen` is, or how it differs from the nearest. */
function judge(seen: Seen, u: Undisturbed): { state: string; why: string } {
  const reports: string[][] = []
  for (const [state, wanted] of [
    ['before', u.before],
    ['after', u.after],
  ] as const) {
    const report = differences(seen, wanted, wanted === u.before ? u.after : u.before)
    if (report.length === 0) return { state, why: '' }
    reports.push([`not ${state}:`, ...report])
  }
  for (const wanted of u.passing)
    if (differences(seen, wanted, u.before).length === 0) return { state: 'passing', why: '' }
  return { state: 'broken', why: reports.sort((a, b) => a.length - b.length)[0]!.join('\n    ') }
}

function endAndLook(stack: Stack, scenario: Scenario, u: Undisturbed, point: Point): string | null {
  const run = prepared(stack, scenario)
  try {
    const start = view(run, scenario)
    if (!endedAt(run, scenario, point)) return 'it was not reached'
    return look(run, scenario, u, start)
  } finally {
    run.remove()
  }
}

function look(run: Run, scenario: Scenario, u: Undisturbed, start: Seen['before']): string | null {
  return withEngine(run, scenario, (s) => {
    const rubbish = run.rubbish()
    if (rubbish.length > 0) return `the workdir is not swept: ${rubbish}`
    const { state, why } = judge({ view: viewOf(s), before: start }, u)
    if (state === 'broken') return why
    return state === 'before' ? again(scenario, u, s, start) : null
  })
}

/** After a crash that left nothing behind, the operation is possible as ever. */
function again(
  scenario: Scenario,
  u: Undisturbed,
  s: Parameters<typeof viewOf>[0],
  start: Seen['before'],
): string | null {
  const result = scenario.act(s)
  if (result !== u.result) return `done again it answers ${result}, not ${u.result}`
  const report = differences({ view: viewOf(s), before: start }, u.after, u.before)
  return report.length === 0 ? null : `done again it gives another tree:\n    ${report.join('\n    ')}`
}

function crashAtEachStep(stack: Stack, scenario: Scenario): void {
  const u = undisturbed(stack, scenario)
  assert.ok(u.result >= 0, `undisturbed it fails: errno ${-u.result}`)
  const points = pointsOf(u.steps)
  assert.ok(points.length > 0, 'nothing was changed on disk')
  const faults: string[] = []
  for (const point of points) {
    const fault = endAndLook(stack, scenario, u, point)
    if (fault !== null)
      faults.push(`ended ${point.midway ? 'within' : 'before'} ${u.steps[point.index]!.text}: ${fault}`)
  }
  assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
  assert.equal(faults.length, 0, `${faults.length} of ${points.length} ends:\n${faults.join('\n')}`)
}

for (const filesystem of Object.keys(filesystems) as FilesystemName[]) {
  describe(`kill at each step, layers on ${filesystem}`, { skip }, () => {
    let stack: Stack
    before(() => {
      stack = new Stack(filesystem)
    })
    after(() => stack?.remove())
    for (const scenario of scenarios) it(scenario.name, () => crashAtEachStep(stack, scenario))
  })
}
