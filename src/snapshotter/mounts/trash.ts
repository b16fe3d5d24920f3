/**
 * Directories of snapshots that are no more. They go while nobody calls, one after the other, by a process of its own
 * where there is much in them; what a killed snapshotter left is found again at its next start.
 */
import { spawn } from 'node:child_process'
import { rm, rmdir } from 'node:fs/promises'
import type { Log } from '../../base/log.js'
import { pathBytes, shown } from '../../base/text.js'
import { dropLayerRows } from '../../owner-index/layer-rows/drop-layer-rows.js'
import type { Places } from './places.js'
import type { Quiet } from './quiet.js'

export class Trash {
  #last: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<Promise<void>>()

  constructor(
    private readonly places: Places,
    private readonly quiet: Quiet,
    private readonly log: Log,
  ) {}

  /** Snapshots that are still on disk. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Removes the directory of `id` once `free` has come. `isLayer`: it may have rows in the index. */
  add(id: number, free: Promise<void>, isLayer: boolean): void {
    const own = free.then(() => {
      this.#last = this.#last.then(() => this.#remove(id, isLayer))
      return this.#last
    })
    this.#waiting.add(own)
    void own.finally(() => this.#waiting.delete(own))
  }

  /** Resolves when everything that was added has gone. */
  empty(): Promise<void> {
    return this.quiet.hurry(async () => {
      while (this.#waiting.size > 0) await Promise.all(this.#waiting)
    })
  }

  async #remove(id: number, isLayer: boolean): Promise<void> {
    const path = this.places.of(id)
    await this.quiet.moment()
    try {
      if (isLayer) dropLayerRows(this.places.fs(id))
      if (!(await removeSmall(path))) await removeLarge(path)
    } catch (error) {
      this.log('warn', 'what is left of a snapshot cannot be removed', { path: shown(path), error: String(error) })
    }
  }
}

/** False where the layer holds anything. */
async function removeSmall(path: string): Promise<boolean> {
  try {
    await rmdir(pathBytes(`${path}/fs`))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') return false
  }
  await rm(pathBytes(path), { recursive: true, force: true })
  return true
}

/** Deep trees and closed directories are no obstacle to rm, and nobody waits for it. */
function removeLarge(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('rm', ['-rf', '--one-file-system', '--', shown(path)], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
    })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(said.trim()))))
  })
}
