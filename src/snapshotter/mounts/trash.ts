/**
 * Directories of snapshots that are no more. They go in the background, one after the other, by a process of its own
 * where there is much in them; what a killed snapshotter left is found again at its next start.
 */
import { spawn } from 'node:child_process'
import { existsSync, rmdirSync, rmSync } from 'node:fs'
import type { Log } from '../../base/log.js'
import { pathBytes, shown } from '../../base/text.js'
import { dropLayerRows } from '../../owner-index/layer-rows/drop-layer-rows.js'
import type { Places } from './places.js'

export class Trash {
  #last: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<Promise<void>>()

  constructor(
    private readonly places: Places,
    private readonly log: Log,
  ) {}

  /** Snapshots that are still on disk. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Removes the directory of `id` once `free` has come. */
  add(id: number, free: Promise<void>): void {
    const own = free.then(() => {
      this.#last = this.#last.then(() => this.#remove(id))
      return this.#last
    })
    this.#waiting.add(own)
    void own.finally(() => this.#waiting.delete(own))
  }

  /** Resolves when everything that was added has gone. */
  async empty(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all(this.#waiting)
  }

  async #remove(id: number): Promise<void> {
    const path = this.places.of(id)
    try {
      dropLayerRows(this.places.fs(id))
      if (!removeSmall(path)) await removeLarge(path)
    } catch (error) {
      this.log('warn', 'what is left of a snapshot cannot be removed', { path: shown(path), error: String(error) })
    }
  }
}

/** False where the layer holds anything. */
function removeSmall(path: string): boolean {
  if (!existsSync(pathBytes(path))) return true
  try {
    rmdirSync(pathBytes(`${path}/fs`))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') return false
  }
  rmSync(pathBytes(path), { recursive: true, force: true })
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
