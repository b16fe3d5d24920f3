/** A workload that mounts by itself, and what it has in common with one of steps. */
import type { Stage } from './stage.js'
import type { Measure, Workload } from './workload.js'

/** A workload that mounts by itself: figures by the measure's id. */
export interface OwnWorkload {
  readonly measures: readonly Measure[]
  /** Once is enough: what it finds does not vary. */
  readonly once?: boolean
  run(stage: Stage): Promise<Readonly<Record<string, number>>>
}

export type AnyWorkload = Workload | OwnWorkload

export function measuresOf(workload: AnyWorkload): readonly Measure[] {
  if ('measures' in workload) return workload.measures
  return workload.steps.flatMap((step) => (step.measure === undefined ? [] : [step.measure]))
}
