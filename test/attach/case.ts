/**
 * What an attach case is: something a person does with a container runtime, as shell lines in a scene where the runtime
 * is set up on a mount program, and what must come of it. The same words are put to stratafs and to fuse-overlayfs; the
 * page shows both. Cases of a family run in their order and share what the family sets up.
 */
import type { Scene } from './scene.js'

export interface Case {
  readonly name: string
  /** Part of the short form, which `npm test` runs. */
  readonly short?: boolean
  /** Commands without which it cannot be asked. */
  readonly needs?: readonly string[]
  /** Columns that cannot be asked, with the reason. */
  readonly not?: Readonly<Record<string, string>>
  run(scene: Scene): void
}

export interface Family {
  readonly name: string
  readonly needs: readonly string[]
  /** Made once, before the first case that runs. */
  setUp?(scene: Scene): void
  /** After each case: containers and mounts it made go away. */
  tidy?(scene: Scene): void
  tearDown?(scene: Scene): void
  readonly cases: readonly Case[]
}

export interface Outcome {
  readonly family: string
  readonly name: string
  readonly outcome: 'pass' | 'fail' | 'skip'
  /** Why it was skipped or failed. */
  readonly reason?: string
  readonly milliseconds?: number
}

export interface ColumnResult {
  readonly column: string
  readonly outcomes: readonly Outcome[]
}
