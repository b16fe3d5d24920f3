/**
 * One scenario run on an engine of its own: undisturbed, ended before one of its system calls, or with one of them
 * failing. An engine that is ended is left as the death of its process would leave it: nothing it would have done any
 * more is done, and its descriptors are closed. test/crash/kill.test.ts holds this against processes that are really
 * killed.
 */
import { readSync, writeSync } from 'node:fs'
import { Errno } from '../../src/base/errno.js'
import type { Engine } from '../../src/operations/engine.js'
import { O_TMPFILE, S_IFCHR, S_IFMT } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import type { Run, Stack } from './layers.js'
import { callText, changesDisk, followDescriptors, type Hook, hooked, readsDisk } from './native-hook.js'
import type { Scenario } from './scenarios/all.js'
import { Session, startEngine } from './session.js'
import { type View, viewOf } from './view.js'

/** One system call of an undisturbed run. */
export interface Step {
  readonly index: number
  readonly name: string
  readonly text: string
  readonly changes: boolean
}

/** Where to end an engine: before call `index`, or in the middle of it, where it copies content. */
export interface Point {
  readonly index: number
  readonly midway: boolean
}

/** Thrown where a process would have ended. */
export class Ended extends Error {}

/** Refuses what the scenario says the upper's filesystem refuses. */
export function refusing(scenario: Scenario, hook: Hook | null): Hook {
  return (name, args, proceed) => {
    if (name === 'mknodat' && scenario.aufs && ((args[2] as number) & S_IFMT) === S_IFCHR && args[3] === 0) return -1
    if (name === 'openat' && scenario.named && ((args[2] as number) & O_TMPFILE) === O_TMPFILE) return -Errno.EOPNOTSUPP
    // A private clone of a mount takes milliseconds to close, and changes nothing here.
    if (name === 'cloneMount') return -1
    return hook === null ? proceed() : hook(name, args, proceed)
  }
}

/** Runs `act` on a fresh engine over `run`, and closes it. */
export function withEngine<T>(run: Run, scenario: Scenario, act: (s: Session, engine: Engine) => T): T {
  return hooked(refusing(scenario, null), () => {
    const engine = startEngine(run.config(scenario.config ?? {}))
    try {
      return act(new Session(engine), engine)
    } finally {
      engine.close()
    }
  })
}

/** A new run, prepared. */
export function prepared(stack: Stack, scenario: Scenario): Run {
  const run = stack.newRun()
  if (scenario.prepare !== undefined) withEngine(run, scenario, (s) => scenario.prepare!(s))
  return run
}

export function view(run: Run, scenario: Scenario): View {
  return withEngine(run, scenario, (s) => viewOf(s))
}

/** A hook that notes the calls that an act makes. */
export function tracing(): { steps: Step[]; hook: Hook } {
  const steps: Step[] = []
  const hook: Hook = (name, args, proceed) => {
    const changes = changesDisk(name, args)
    if (changes || readsDisk(name, args)) steps.push({ index: steps.length, name, text: callText(name, args), changes })
    return proceed()
  }
  return { steps, hook }
}

/** Starts an engine over `run` and lets `use` run the scenario's act, under `hook`, on it. */
export function disturbed<T>(
  run: Run,
  scenario: Scenario,
  hook: Hook,
  use: (s: Session, act: (s: Session) => number) => T,
): T {
  let armed = false
  const whenArmed: Hook = (name, args, proceed) => (armed ? hook(name, args, proceed) : proceed())
  return hooked(refusing(scenario, whenArmed), () => {
    const engine = startEngine(run.config(scenario.config ?? {}))
    const result = use(new Session(engine), (s) => {
      armed = true
      try {
        return scenario.act(s)
      } finally {
        armed = false
      }
    })
    engine.close()
    return result
  })
}

/** Calls of an undisturbed run before which an engine is ended. */
export function pointsOf(steps: readonly Step[]): Point[] {
  const points: Point[] = []
  for (const step of steps) {
    if (!step.changes) continue
    points.push({ index: step.index, midway: false })
    if (step.name === 'copyContent') points.push({ index: step.index, midway: true })
  }
  return points
}

function copyHalf(from: number, to: number, size: number): void {
  const bytes = Buffer.alloc(size >> 1)
  writeSync(to, bytes, 0, readSync(from, bytes, 0, bytes.length, 0), 0)
}

/** A hook that calls `end` at `point`. */
export function endingAt(point: Point, end: () => never): Hook {
  let index = 0
  let ended = false
  return (name, args, proceed) => {
    if (ended) end()
    const counts = changesDisk(name, args) || readsDisk(name, args)
    if (!counts || index++ !== point.index) return proceed()
    ended = true
    if (point.midway) copyHalf(args[0] as number, args[1] as number, args[2] as number)
    return end()
  }
}

/** Runs `act` as a process that may end anywhere in it, by throwing Ended: true where it did. */
export function dies(act: () => void): boolean {
  const { result, closeAll } = followDescriptors(() => {
    try {
      act()
      return false
    } catch (error) {
      if (!(error instanceof Ended)) throw error
      return true
    }
  })
  native.become(process.getuid!(), process.getgid!(), 0)
  closeAll()
  return result
}

/** Throws Ended at `point`. */
export function ending(point: Point): Hook {
  return endingAt(point, () => {
    throw new Ended()
  })
}

/** Ends the engine at `point` of the scenario's act; false when the act came to its end before. */
export function endedAt(run: Run, scenario: Scenario, point: Point): boolean {
  return dies(() => disturbed(run, scenario, ending(point), (s, act) => act(s)))
}
