/**
 * Death at each step, survived. Every scenario is ended before its changes on disk, and once after each of its
 * requests, whose answer is lost. Another engine goes on with what lies in shared memory and is asked again. Whoever
 * asks must get the answer that an undisturbed engine gives, the tree must be as after it, and nothing may be
 * remembered that an undisturbed engine would not.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { native } from '../../src/syscalls/native.js'
import { type Expectation, expectationOf } from '../engine/expectation.js'
import { type Run, Stack } from '../engine/layers.js'
import { changesDisk, followDescriptors, type Hook, hooked } from '../engine/native-hook.js'
import { type Scenario, scenarios } from '../engine/scenarios/all.js'
import { Session } from '../engine/session.js'
import { Ended, Survivor } from '../engine/survivor.js'
import { prepared, refusing, view } from '../engine/trial.js'
import { differences, type View } from '../engine/view.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

/** Changes before which an end is tried: those that give or take names. All others lie between two of these. */
const tells = new Set(['mkdirat', 'mknodat', 'symlinkat', 'linkat', 'unlinkat', 'renameat'])

/** How a run is disturbed: before its change `index`, or where answers are lost; null: not at all. */
type Disturbance = number | 'answers' | null

interface Outcome {
  readonly result: number
  readonly changes: readonly string[]
  readonly deaths: number
  readonly remembered: number
}

function run(it: Run, scenario: Scenario, disturbance: Disturbance): Outcome {
  const changes: string[] = []
  let isArmed = false
  let isDead = false
  const hook: Hook = (name, args, proceed) => {
    if (isDead) throw new Ended()
    if (!isArmed || !changesDisk(name, args)) return proceed()
    changes.push(name)
    if (changes.length - 1 !== disturbance) return proceed()
    isDead = true
    throw new Ended()
  }
  return hooked(refusing(scenario, hook), () => {
    const survivor = new Survivor(it.config(scenario.config ?? {}))
    survivor.losesAnswers = disturbance === 'answers'
    survivor.onDeath = () => {
      isDead = false
      isArmed = false
      native.become(process.getuid!(), process.getgid!(), 0)
    }
    const session = new Session({ operations: survivor.operations } as never)
    isArmed = true
    const result = scenario.act(session)
    isArmed = false
    const outcome = { result, changes, deaths: survivor.deaths, remembered: survivor.remembered }
    survivor.close()
    return outcome
  })
}

/** '' or what is wrong. */
function disturb(
  stack: Stack,
  scenario: Scenario,
  e: Expectation,
  disturbance: Disturbance,
  undisturbed: Outcome,
): string {
  const it = prepared(stack, scenario)
  try {
    const start: View = view(it, scenario)
    const { result, closeAll } = followDescriptors(() => run(it, scenario, disturbance))
    closeAll()
    if (result.deaths === 0) return 'nobody died'
    if (result.result !== e.result) return `it answers ${result.result}, not ${e.result}`
    const wrong = differences({ view: view(it, scenario), before: start }, e.after, e.before)
    if (wrong.length > 0) return wrong.join('\n    ')
    return result.remembered <= undisturbed.remembered ? '' : `${result.remembered} nodes are remembered`
  } finally {
    it.remove()
  }
}

function surviveEachStep(stack: Stack, scenario: Scenario): void {
  const e = expectationOf(stack, scenario)
  const first = prepared(stack, scenario)
  const undisturbed = run(first, scenario, null)
  const { changes } = undisturbed
  first.remove()
  assert.ok(changes.length > 0, 'nothing was changed on disk')
  const ends = changes.flatMap((name, at) => (tells.has(name) ? [{ name, at }] : []))
  const endAt = (at: number) => disturb(stack, scenario, e, at, undisturbed)
  const faults = ends.map(({ name, at }) => [`before its ${at + 1}. change, ${name}`, endAt(at)])
  faults.push(['its answers are lost', disturb(stack, scenario, e, 'answers', undisturbed)])
  const wrong = faults.filter(([, fault]) => fault !== '').map(([where, fault]) => `${where}: ${fault}`)
  assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
  assert.equal(wrong.length, 0, `${wrong.length} of ${faults.length}:\n${wrong.join('\n')}`)
}

describe('death at each step is not seen', { skip }, () => {
  let stack: Stack
  before(() => {
    stack = new Stack('tmpfs')
  })
  after(() => stack?.remove())
  for (const scenario of scenarios.filter(({ aufs, named }) => !aufs && !named))
    it(scenario.name, () => surviveEachStep(stack, scenario))
})
