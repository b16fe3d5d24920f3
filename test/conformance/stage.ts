/**
 * Plays cases on one column: per case a set of layers that is planted, mounted, acted in, unmounted and taken away,
 * with a look at the lower layers before and after. Two probes work here: the column's actor, in the mount, and root's
 * own, on the layers. After a failure the actor is replaced, because it may hold descriptors or hang.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, MountOptions, Scene } from './case.js'
import type { Column, Layers } from './columns.js'
import type { Ground } from './ground.js'
import type { Probe } from './probe.js'
import { fingerprint } from './snapshot.js'
import { plant } from './tree.js'

/** One column, ready to play cases. */
export class Stage {
  readonly column: Column
  readonly ground: Ground
  #actor: Probe | null = null

  constructor(column: Column, ground: Ground) {
    this.column = column
    this.ground = ground
  }

  /** The acting probe, started when first needed and again after it died. */
  get actor(): Probe {
    this.#actor ??= this.column.start(this.ground.directory, this.ground.program)
    return this.#actor
  }

  /** Sets the layers out on disk; the merged directory is empty and not mounted. */
  layers(of: Pick<Case, 'lowers' | 'upper'>): Layers {
    const { disk } = this.ground
    const plot = this.ground.plot()
    const soil = { uid: this.column.uid, gid: this.column.gid, xattrPrefix: this.column.xattrPrefix }
    const trees = of.lowers ?? [{}]
    const place = (name: string, tree: Parameters<typeof plant>[2]): string => {
      disk.mkdir(join(plot, name), 0o755)
      plant(disk, join(plot, name), tree, soil)
      return join(plot, name)
    }
    const lowers = trees.map((tree, i) => place(`lower${i}`, tree))
    const upper = of.upper === null ? null : place('upper', of.upper ?? {})
    disk.chown(plot, soil.uid, soil.gid)
    return { lowers, upper, work: place('work', {}), merged: place('merged', {}) }
  }

  /** Plays one case from planting to taking away; throws what failed. */
  play(one: Case): void {
    const layers = this.layers(one)
    const before = layers.lowers.map((lower) => fingerprint(this.ground.disk, lower))
    try {
      this.#mounted(layers, one.options ?? {}, one)
      const after = layers.lowers.map((lower) => fingerprint(this.ground.disk, lower))
      assert.deepEqual(after, before, 'a lower layer was changed')
    } finally {
      this.#remove(layers)
    }
  }

  #mounted(layers: Layers, options: MountOptions, one: Case): void {
    this.mount(layers, options)
    try {
      one.run(this.#scene(layers, options))
    } catch (error) {
      this.giveUp(layers)
      throw error
    }
    this.unmount(layers)
  }

  mount(layers: Layers, options: MountOptions): void {
    this.column.mount(layers, options, this.actor)
    this.actor.umask(0o022)
    this.actor.enter(layers.merged)
  }

  unmount(layers: Layers): void {
    this.actor.enter('/')
    this.column.unmount(layers, this.actor)
  }

  /** After a failure: the actor may hold descriptors or hang, so it is replaced, and the mount detached. */
  giveUp(layers: Layers): void {
    const actor = this.#actor
    if (actor) this.#detach(layers, actor)
    this.#actor = null
  }

  #detach(layers: Layers, actor: Probe): void {
    const inside = ['-t', String(actor.process.pid), '-m', 'umount', '-l', layers.merged]
    if (this.column.name !== 'plain') spawnSync('nsenter', inside)
    if (this.column.name !== 'plain') spawnSync('umount', ['-l', layers.merged])
    actor.close()
    actor.process.kill('SIGKILL')
  }

  #remove(layers: Layers): void {
    this.ground.disk.removetree(join(layers.merged, '..'))
  }

  #scene(layers: Layers, options: MountOptions): Scene {
    const stage = this
    const remount = (act: () => void, changed: MountOptions): void => {
      stage.unmount(layers)
      act()
      stage.mount(layers, changed)
    }
    return {
      get fs() {
        return stage.actor
      },
      disk: this.ground.disk,
      upper: layers.upper ?? '',
      work: layers.work,
      lowers: layers.lowers,
      merged: layers.merged,
      mark: `${this.column.xattrPrefix}overlay.`,
      column: this.column.name,
      remount: (changed) => remount(() => {}, { ...options, ...changed }),
      offline: (act) => remount(act, options),
      dropCaches: () => writeFileSync('/proc/sys/vm/drop_caches', '3'),
    }
  }

  close(): void {
    this.#actor?.close()
    this.#actor = null
  }
}
