/** Kernel overlayfs beside the mount, over the same lower layer, for what is done in step with it. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { WorkPlaces } from './places.js'

const PROCESSES = 3
const FILES = 4

/** For each process of stress.py a tree of its own. */
export function makeStressTree({ lower }: WorkPlaces): void {
  for (let number = 0; number < PROCESSES; number++) {
    const own = join(lower, 'stress', String(number))
    for (const directory of ['d0', 'd1/e', 'd1/f7']) {
      fs.mkdirSync(join(own, directory), { recursive: true })
      for (let file = 0; file < FILES; file++)
        fs.writeFileSync(join(own, directory, `f${file}`), randomBytes(1 + file * 7000))
    }
    fs.writeFileSync(join(own, 'f1'), randomBytes(100_000))
  }
}

export function mountKernel({ root, lower, kernel }: WorkPlaces): void {
  const [upper, work] = [join(root, 'kernel-upper'), join(root, 'kernel-work')]
  for (const directory of [kernel, upper, work]) fs.mkdirSync(directory)
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},redirect_dir=on,index=on`
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, kernel])
}
