/**
 * The order of measuring: for each workload, round by round, every side in turn (A B C A B C), so that what changes on
 * the machine meanwhile falls on all of them alike. A side that fails a workload is left out of it, aloud.
 */

import { type AnyWorkload, measuresOf } from './any-workload.js'
import type { Results, Row } from './figures.js'
import type { Ground } from './ground.js'
import type { Material } from './material.js'
import type { Side } from './sides.js'
import { Stage } from './stage.js'

interface Run {
  readonly sides: readonly Side[]
  readonly workloads: readonly AnyWorkload[]
  readonly rounds: number
  /** Which measures are wanted. */
  readonly wanted: (id: string) => boolean
  readonly ground: Ground
  readonly material: Material
  tell(done: number, of: number, words: string): void
}

/** Measures everything; rows in the workloads' order, and what failed in words. */
export async function measure(run: Run): Promise<Pick<Results, 'rows' | 'missing'>> {
  const rows: Row[] = []
  const missing: string[] = []
  const of = run.workloads.reduce((sum, workload) => sum + roundsOf(run, workload), 0) * run.sides.length
  let done = 0
  for (const workload of run.workloads) {
    const own = measuresOf(workload).filter((one) => run.wanted(one.id))
    const added = own.map((one): Row => ({ measure: one, figures: {}, trips: {} }))
    const failed = new Set<Side>()
    const rounds = roundsOf(run, workload)
    for (let round = 0; round < rounds; round++) {
      for (const side of run.sides) {
        run.tell(++done, of, `${own[0]!.title}: ${side.name}, round ${round + 1} of ${rounds}`)
        if (failed.has(side)) continue
        const stage = new Stage(side, run.ground, run.material)
        const figures = await attempt(stage, workload)
        if (typeof figures !== 'string') record(added, stage, figures)
        else {
          failed.add(side)
          missing.push(`${own[0]!.id} on ${side.name}: ${figures}`)
        }
      }
    }
    rows.push(...added)
  }
  return { rows, missing }
}

function roundsOf({ rounds }: Run, workload: AnyWorkload): number {
  if ('measures' in workload) return workload.once === true ? 1 : rounds
  return rounds * (workload.times ?? 1)
}

async function attempt(stage: Stage, workload: AnyWorkload): Promise<Readonly<Record<string, number>> | string> {
  try {
    return await ('measures' in workload ? workload.run(stage) : stage.perform(workload))
  } catch (error) {
    return (error as Error).message
  }
}

function record(rows: readonly Row[], { side, trips }: Stage, figures: Readonly<Record<string, number>>): void {
  for (const { measure: one, figures: all, trips: counted } of rows) {
    const figure = figures[one.id]
    if (figure === undefined) continue
    all[side.name] ??= []
    all[side.name]!.push(figure)
    const trip = trips[one.id]
    if (trip === undefined) continue
    counted![side.name] ??= []
    counted![side.name]!.push(trip)
  }
}
