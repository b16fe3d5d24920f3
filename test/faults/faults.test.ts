/**
 * Disks that fail. Every scenario is run with one of its system calls failing, for each call that it makes: those that
 * change something with ENOSPC, EDQUOT or EIO, those that only read with EIO. The operation must answer with that error
 * (after a failed read: with any), and then the merged tree is what it was, in the same engine and after a new mount;
 * or succeed, and then it is what it shall be. Either way nothing is left in the workdir, no descriptor stays open, and
 * the lower layers are untouched.
 */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Errno, errnoName } from '../../src/base/errno.js'
import type { Engine } from '../../src/operations/engine.js'
import { native } from '../../src/syscalls/native.js'
import { type Expectation, expectationOf, judge } from '../engine/expectation.js'
import { type FilesystemName, Stack } from '../engine/layers.js'
import { changesDisk, type Hook, readsDisk } from '../engine/native-hook.js'
import { type Scenario, scenarios } from '../engine/scenarios/all.js'
import type { Session } from '../engine/session.js'
import { disturbed, prepared, type Step, tracing, view } from '../engine/trial.js'
import { type View, viewOf } from '../engine/view.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

const writeErrors = [Errno.ENOSPC, Errno.EDQUOT, Errno.EIO]

/** Reads that fail where a disk does; the rest is answered from what the kernel has in memory. */
const reads = new Set(['openat', 'pread', 'readDirectory', 'readlinkat', 'getxattr', 'listxattr', 'statat', 'fsync'])

/** What emptying the workdir takes. */
function mayLeaveRubbish(step: Step): boolean {
  return step.name === 'unlinkat' || (!step.changes && (step.name === 'openat' || step.name === 'readDirectory'))
}

function errorFor(step: Step): number | null {
  if (step.changes) return writeErrors[step.index % writeErrors.length]!
  // An open file is described from memory.
  if (step.name === 'statat' && step.text.endsWith(', "")')) return null
  return reads.has(step.name) ? Errno.EIO : null
}

function failingAt(index: number, errno: number): Hook {
  let at = 0
  return (name, args, proceed) => {
    const counts = changesDisk(name, args) || readsDisk(name, args)
    return counts && at++ === index ? -errno : proceed()
  }
}

/**
 * But for those that the engine keeps on purpose: of directories in recent use, which it counts, and of layers' roots,
 * one of which is opened when an origin is first looked for.
 */
function openDescriptors(stack: Stack, engine: Engine): number {
  // What is read ahead has descriptors of its own meanwhile.
  native.stopWarming()
  native.settleClosing()
  const all = readdirSync('/proc/self/fd').filter((fd) => !stack.lowers.includes(target(fd)))
  return all.length - engine.counters().directories!
}

function target(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return 'the listing itself'
  }
}

/** What an engine did, and showed before and after it. */
interface Outcome {
  readonly start: View
  readonly result: number
  readonly seen: View
  readonly leaked: number
}

function observe(stack: Stack, s: Session, act: (s: Session) => number): Outcome {
  const start = viewOf(s)
  const descriptors = openDescriptors(stack, s.engine)
  const result = act(s)
  const seen = viewOf(s)
  return { start, result, seen, leaked: openDescriptors(stack, s.engine) - descriptors }
}

function stepsOf(stack: Stack, scenario: Scenario): Step[] {
  const run = prepared(stack, scenario)
  const { steps, hook } = tracing()
  disturbed(run, scenario, hook, (s, act) => observe(stack, s, act))
  run.remove()
  return steps
}

/** One call that fails. */
interface Fault {
  readonly step: Step
  readonly errno: number
  /** Everything was on disk already: only the answer could not be given. */
  readonly late: boolean
}

/** '' or what is wrong when a call fails. */
function failAndLook(stack: Stack, scenario: Scenario, e: Expectation, fault: Fault): string {
  const run = prepared(stack, scenario)
  try {
    const hook = failingAt(fault.step.index, fault.errno)
    const outcome = disturbed(run, scenario, hook, (s, act) => observe(stack, s, act))
    const rubbish = run.rubbish()
    // What cannot be removed stays until the next mount.
    if (rubbish.length > 0 && !mayLeaveRubbish(fault.step)) return `left in the workdir: ${rubbish}`
    if (outcome.leaked !== 0) return `${outcome.leaked} descriptors leaked`
    const live = wrongState(outcome.seen, outcome, { ...e, after: e.live }, fault)
    if (live !== '') return `answered ${outcome.result}: ${live}`
    const fresh = wrongState(view(run, scenario), outcome, e, fault)
    return fresh === '' ? '' : `answered ${outcome.result}, after a new mount: ${fresh}`
  } finally {
    run.remove()
  }
}

function wrongState(seen: View, outcome: Outcome, e: Expectation, { step, errno, late }: Fault): string {
  const succeeded = outcome.result === e.result
  // A redirect that cannot be written is EXDEV, whatever the reason: the caller copies instead. As ovl_set_redirect().
  if (!succeeded && step.changes && outcome.result !== -errno && outcome.result !== -Errno.EXDEV)
    return `neither success nor ${errnoName(errno)}`
  const { state, why } = judge({ view: seen, before: outcome.start }, e)
  if (state === (succeeded ? 'after' : 'before')) return ''
  // Of several changes in one request the first ones stay.
  if (!succeeded && (state === 'passing' || (state === 'after' && (late || e.passing.length > 0)))) return ''
  return why === '' ? `the tree is as ${state}` : why
}

function faultsOf(steps: readonly Step[]): Fault[] {
  const lastChange = steps.findLastIndex((step) => step.changes)
  const faults: Fault[] = []
  for (const step of steps) {
    const errno = errorFor(step)
    if (errno !== null) faults.push({ step, errno, late: step.index > lastChange })
  }
  return faults
}

function failEachStep(stack: Stack, scenario: Scenario, only: (step: Step) => boolean): void {
  const e = expectationOf(stack, scenario)
  assert.ok(e.result >= 0, `undisturbed it fails: errno ${-e.result}`)
  const faults = faultsOf(stepsOf(stack, scenario)).filter(({ step }) => only(step))
  const wrong: string[] = []
  for (const fault of faults) {
    const why = failAndLook(stack, scenario, e, fault)
    if (why !== '') wrong.push(`${errnoName(fault.errno)} at ${fault.step.text}: ${why}`)
  }
  assert.ok(stack.lowersUnchanged(), 'the lower layers have changed')
  assert.equal(wrong.length, 0, `${wrong.length} of ${faults.length} failing calls:\n${wrong.join('\n')}`)
}

function suite(name: string, filesystem: FilesystemName, only: (step: Step) => boolean): void {
  describe(`${name}, layers on ${filesystem}`, { skip }, () => {
    let stack: Stack
    before(() => {
      stack = new Stack(filesystem)
    })
    after(() => stack?.remove())
    for (const scenario of scenarios) it(scenario.name, () => failEachStep(stack, scenario, only))
  })
}

suite('no space, no quota, an error of the disk', 'tmpfs', (step) => step.changes)
suite('an error of the disk while reading', 'tmpfs', (step) => !step.changes)
