/**
 * One run of one workload on one side: mounts, runs the steps in children, takes the seconds that each child measured
 * around its own work (so that starting it does not count), unmounts, removes what was written.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ground, Medium } from './ground.js'
import type { Material } from './material.js'
import { mustRun, run } from './processes.js'
import type { Layers, Mounted, Side } from './sides.js'
import { emptyTrip, requestsOf, type Trips } from './trips.js'
import type { Step, Workload } from './workload.js'

/** The step's output is thrown away. */
const TIMED = `begin=$EPOCHREALTIME; eval "$WORK" >/dev/null; end=$EPOCHREALTIME; printf '\\n%s %s\\n' "$begin" "$end" >&3`

export class Stage {
  /** By the measure's id, where the side's requests are counted. */
  readonly trips: Record<string, Trips> = {}

  constructor(
    readonly side: Side,
    readonly ground: Ground,
    readonly material: Material,
  ) {}

  /**
   * Runs all steps on one mount; seconds by the measure's id. What the run before has left to be written or discarded
   * is waited for.
   */
  async perform(workload: Workload): Promise<Record<string, number>> {
    await mustRun(['sync'])
    const layers = this.layers(workload.lowers(this.material), workload.medium, 'one')
    const mounted = await this.side.mount({ ...layers, wishes: workload })
    const figures: Record<string, number> = {}
    try {
      for (const step of workload.steps) {
        const before = this.#requests(step, layers.merged)
        const seconds = await this.step(step, layers.merged)
        if (step.measure === undefined) continue
        figures[step.measure.id] = seconds
        if (before !== null) this.#count(step.measure.id, before, layers.merged)
      }
    } finally {
      await this.clear(mounted, layers)
    }
    return figures
  }

  /** Requests so far; null where nobody counts. */
  #requests(step: Step, merged: string): number | null {
    const { counting, wrap } = this.side
    return counting === undefined || step.measure === undefined ? null : requestsOf(wrap(counting), merged)
  }

  #count(id: string, before: number, merged: string): void {
    const { counting, wrap } = this.side
    const requests = requestsOf(wrap(counting!), merged) - before
    this.trips[id] = { requests, seconds: emptyTrip(wrap([process.execPath]), merged) }
  }

  /** New upper, work and merged directories. `name` tells apart what is mounted at once. */
  layers(lowers: readonly string[], medium: Medium, name: string): Layers {
    const base = this.ground.fresh(medium, name)
    const upper = join(base, 'upper')
    const work = join(base, 'work')
    mkdirSync(upper)
    mkdirSync(work)
    return { lowers, upper, work, merged: this.ground.fresh('disk', `${name}-merged`) }
  }

  /** Unmounts, and removes the directories of `layers`. */
  async clear(mounted: Mounted, layers: Layers): Promise<void> {
    await mounted.end()
    await this.ground.remove(join(layers.upper, '..'))
    await this.ground.remove(layers.merged)
  }

  /** Runs one step in the mount; its seconds. */
  async step(step: Step, merged: string): Promise<number> {
    if (step.cold === true) await dropCaches()
    if (step.memory !== undefined) await haveMemory(step.memory)
    const { tar, smallFiles, stackNames, stackAbsent, deb } = this.material
    const env = {
      M: merged,
      TAR: tar,
      SMALL: smallFiles,
      NAMES: stackNames,
      ABSENT: stackAbsent,
      DEB: deb,
      WORK: step.run,
    }
    const { code, errors, answer } = await run(this.side.wrap(['bash', '-euo', 'pipefail', '-c', TIMED]), env)
    if (code === 0) return secondsOf(answer)
    throw new Error(`\`${step.run}\` failed (${code}): ${errors.trim().split('\n').at(-1)}`)
  }
}

/** What the step said itself, or else the time around it. */
function secondsOf(answer: string): number {
  const lines = answer.split('\n').filter((line) => line !== '')
  const [begin, end] = lines.at(-1)!.split(' ').map(Number)
  return lines.length > 1 ? Number(lines[0]) : end! - begin!
}

/** The same for every side: what is dirty is written, then pages, names and inodes are dropped. */
export async function dropCaches(): Promise<void> {
  await mustRun(['sync'])
  writeFileSync('/proc/sys/vm/drop_caches', '3\n')
}

/**
 * Uses `size` MiB of memory and gives them back, as huge pages where the C library can ask for them. What a virtual
 * machine has not used for some seconds its host may have taken back; then every page costs some 10 microseconds when
 * it is used next, and whoever reads 512 MiB first would pay for all.
 */
async function haveMemory(size: number): Promise<void> {
  const use = `Buffer.allocUnsafe(${size} * 2 ** 20).fill(1)`
  await mustRun(['env', 'GLIBC_TUNABLES=glibc.malloc.hugetlb=1', process.execPath, '-e', use])
}
