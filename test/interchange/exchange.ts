/**
 * Layers handed from one filesystem to another: changed through one, mounted by the next, and each must show the same
 * tree. Ours and kernel overlayfs share one on-disk format, so either can be first; fuse-overlayfs is a reader for what
 * it knows.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { MountOptions } from '../conformance/case.js'
import { type Column, columnNamed, type Layers, must } from '../conformance/columns.js'
import type { Ground } from '../conformance/ground.js'
import type { Probe } from '../conformance/probe.js'
import { fingerprint, type SnapshotOptions, snapshot } from '../conformance/snapshot.js'
import { Stage } from '../conformance/stage.js'

const kernel = columnNamed('kernel')
const ours = columnNamed('root')

const peer: Column = {
  ...kernel,
  name: 'fuse-overlayfs',
  title: 'fuse-overlayfs (Debian’s package)',
  available() {
    if (process.getuid?.() !== 0) return 'needs root'
    return spawnSync('fuse-overlayfs', ['--version']).status === 0 || 'fuse-overlayfs is not installed'
  },
  mount(layers) {
    const words = `lowerdir=${layers.lowers.join(':')},upperdir=${layers.upper},workdir=${layers.work}`
    must('fuse-overlayfs', ['-o', words, layers.merged])
  },
}

const sides: Readonly<Record<'kernel' | 'ours' | 'fuse-overlayfs', Column>> = {
  kernel,
  ours,
  'fuse-overlayfs': peer,
}

export type Side = keyof typeof sides

/** The first reason why one of these cannot run here; false where all can. */
export function missing(names: readonly Side[]): string | false {
  for (const name of names) {
    const answer = sides[name].available()
    if (answer !== true) return `${name}: ${answer}`
  }
  return false
}

/** Mounts `layers` through one side while `act` runs in it. */
export function through<T>(stage: Stage, layers: Layers, options: MountOptions, act: (fs: Probe) => T): T {
  stage.mount(layers, options)
  let result: T
  try {
    result = act(stage.actor)
  } catch (error) {
    stage.giveUp(layers)
    throw error
  }
  stage.unmount(layers)
  return result
}

/** The picture of the merged tree in that mount. */
export function look(fs: Probe, options: SnapshotOptions = {}): string[] {
  return snapshot(fs, '.', options)
}

/** Stages by side, made when first asked for, over one ground. */
export class Exchange {
  readonly #ground: Ground
  readonly #stages = new Map<Side, Stage>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  stage(side: Side): Stage {
    let stage = this.#stages.get(side)
    if (!stage) {
      stage = new Stage(sides[side], this.#ground)
      this.#stages.set(side, stage)
    }
    return stage
  }

  /** What the lower layers are, to be compared before and after. */
  lowersOf(layers: Layers): string[][] {
    return layers.lowers.map((lower) => fingerprint(this.#ground.disk, lower))
  }

  /** `writer` makes the changes, each reader in turn must show what the writer showed; the lowers stay as they were. */
  pass(
    layers: Layers,
    options: MountOptions,
    writer: Side,
    change: (fs: Probe) => void,
    readers: readonly Side[],
  ): void {
    const before = this.lowersOf(layers)
    const shown = through(this.stage(writer), layers, options, (fs) => {
      change(fs)
      return look(fs)
    })
    for (const reader of readers) {
      const seen = through(this.stage(reader), layers, options, (fs) => look(fs))
      assert.deepEqual(seen, shown, `${reader} shows another tree than ${writer} did`)
    }
    assert.deepEqual(this.lowersOf(layers), before, 'a lower layer was changed')
  }

  close(): void {
    for (const stage of this.#stages.values()) stage.close()
    this.#ground.close()
  }
}
