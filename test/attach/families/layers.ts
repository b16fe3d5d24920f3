/**
 * Layers and a mountpoint for families that mount by themselves: the root filesystem below, one small layer on top of
 * it.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Scene } from '../scene.js'

interface Layers {
  readonly upper: string
  readonly merged: string
  /** Mount options that name them, fit for both programs. */
  readonly options: string
}

/** New directories below `name` in the room. */
export function layers(scene: Scene, name: string): Layers {
  rmSync(scene.at(name), { recursive: true, force: true })
  const [top, upper, work, merged] = ['top', 'upper', 'work', 'merged'].map((part) => scene.directory(name, part))
  writeFileSync(join(top!, 'top'), 'top\n')
  const options = `lowerdir=${top}:${scene.rootfs},upperdir=${upper},workdir=${work}`
  return { upper: upper!, merged: merged!, options }
}

/** Mounts them with the program itself. */
export function mounted(scene: Scene, name: string): Layers {
  const made = layers(scene, name)
  scene.sh(`${scene.program.path} -o ${made.options} ${made.merged}`)
  return made
}

/** Unmounts whatever of a family's mounts is left below `name`. */
export function unmountAll(scene: Scene): void {
  scene.try(`for m in ${scene.room}/*/merged; do mountpoint -q "$m" && umount -l "$m"; done`)
}
