/**
 * What a scenario shows when nothing disturbs it: the tree before, the tree after, the states in between that may be
 * met; and which of these another tree is. On the way it is checked that a new mount shows what the engine that did it
 * shows.
 */
import type { Run, Stack } from './layers.js'
import type { Passing, Scenario } from './scenarios/all.js'
import type { Session } from './session.js'
import { disturbed, prepared, type Step, tracing, view, withEngine } from './trial.js'
import { differences, type Seen, type View, viewOf } from './view.js'

export interface Expectation {
  readonly before: Seen
  readonly after: Seen
  /** What the engine that did it shows. */
  readonly live: Seen
  readonly passing: readonly Seen[]
  readonly steps: readonly Step[]
  readonly result: number
  /** Entries in the index of hard links that are needed afterwards. */
  readonly indexed: number
}

export function expectationOf(stack: Stack, scenario: Scenario): Expectation {
  const run = prepared(stack, scenario)
  try {
    const start = view(run, scenario)
    const before = { view: start, before: start }
    const { steps, hook } = tracing()
    const { result, seen } = disturbed(run, scenario, hook, (s, act) => ({ result: act(s), seen: viewOf(s) }))
    const after = { view: view(run, scenario), before: start }
    const live = { view: seen, before: start }
    const passing = (scenario.passing ?? []).map((state) => passed(stack, scenario, state))
    return { before, after, live, passing, steps, result, indexed: run.indexed().length }
  } finally {
    run.remove()
  }
}

function passed(stack: Stack, scenario: Scenario, { make }: Passing): Seen {
  const run = prepared(stack, scenario)
  try {
    const start = view(run, scenario)
    withEngine(run, scenario, (s) => make(s))
    return { view: view(run, scenario), before: start }
  } finally {
    run.remove()
  }
}

type State = 'before' | 'after' | 'passing' | 'broken'

/** Which of the states `seen` is, and if it is none, how it differs from the nearest. */
export function judge(seen: Seen, e: Expectation): { state: State; why: string } {
  const fromBefore = differences(seen, e.before, e.after)
  if (fromBefore.length === 0) return { state: 'before', why: '' }
  const fromAfter = differences(seen, e.after, e.before)
  if (fromAfter.length === 0) return { state: 'after', why: '' }
  for (const wanted of e.passing)
    if (differences(seen, wanted, e.before).length === 0) return { state: 'passing', why: '' }
  const nearest = fromBefore.length < fromAfter.length ? ['not before:', ...fromBefore] : ['not after:', ...fromAfter]
  return { state: 'broken', why: nearest.join('\n    ') }
}

/** The operation done once more where it left nothing: it works as if nothing had happened. '' or what is wrong. */
export function doneAgain(run: Run, scenario: Scenario, e: Expectation, start: View): string {
  const result = withEngine(run, scenario, (s: Session) => scenario.act(s))
  if (result !== e.result) return `done again it answers ${result}, not ${e.result}`
  const report = differences({ view: view(run, scenario), before: start }, e.after, e.before)
  return report.length === 0 ? '' : `done again it gives another tree:\n    ${report.join('\n    ')}`
}
