/**
 * Directories for snapshots that are not asked for yet. Making one takes as long as all else of a Prepare together, and
 * giving one its name next to nothing. They lie among what is temporary, where a start clears away what there is.
 */
import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { pathBytes } from '../../base/text.js'
import type { Quiet } from './quiet.js'

/** As many as an image has layers, or a burst of containers. */
const WANTED = 64

export class Spares {
  readonly #ready: string[] = []
  #made = 0
  #isFilling = false
  #isOver = false

  constructor(
    /** Where they lie; latin1. */
    private readonly temporary: string,
    private readonly quiet: Quiet,
  ) {}

  /** Makes `path` (latin1) with what a snapshot needs in it: `fs`, `work` and `merged`. Throws as mkdirSync does. */
  make(path: string): void {
    this.fill()
    for (let spare = this.#ready.pop(); spare !== undefined; spare = this.#ready.pop()) if (moved(spare, path)) return
    mkdirSync(pathBytes(path), { mode: 0o700 })
    mkdirSync(pathBytes(`${path}/fs`))
    chmodSync(pathBytes(`${path}/fs`), 0o755)
    for (const name of ['work', 'merged']) mkdirSync(pathBytes(`${path}/${name}`), { mode: 0o700 })
  }

  /** Makes some, while nobody calls. */
  fill(): void {
    if (this.#isFilling || this.#isOver || this.#ready.length > WANTED / 2) return
    this.#isFilling = true
    // Where there is no room the next snapshot says so.
    const over = () => {
      this.#isFilling = false
    }
    this.#fill().then(over, over)
  }

  async #fill(): Promise<void> {
    while (this.#ready.length < WANTED) {
      await this.quiet.moment()
      if (this.#isOver) return
      const path = `${this.temporary}/spare-${++this.#made}`
      await mkdir(pathBytes(path), { mode: 0o700 })
      await mkdir(pathBytes(`${path}/fs`))
      chmodSync(pathBytes(`${path}/fs`), 0o755)
      for (const name of ['work', 'merged']) await mkdir(pathBytes(`${path}/${name}`), { mode: 0o700 })
      this.#ready.push(path)
    }
  }

  /** Takes away those that nobody has asked for. */
  end(): void {
    this.#isOver = true
    for (const path of this.#ready.splice(0)) rmSync(pathBytes(path), { recursive: true, force: true })
  }
}

/** False where the spare is not there any more: somebody has cleared up. What is in the way of `path` is told. */
function moved(spare: string, path: string): boolean {
  try {
    renameSync(pathBytes(spare), pathBytes(path))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
