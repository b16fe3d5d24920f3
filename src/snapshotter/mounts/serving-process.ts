/** A process that serves mounts. Its pid alone may have become another's. */
import { closeSync, openSync, readSync } from 'node:fs'
import { startTimeOf } from '../../daemon/mount/run-directory.js'

const bytes = Buffer.alloc(512)

/** Closes what nobody has any more. */
const opened = new FinalizationRegistry<number>((fd) => closeSync(fd))

export class ServingProcess {
  /** Of its /proc/PID/stat; null: it is not to be had. */
  #stat: number | null = null

  /** The one that began at `startTime`, as /proc has it; null: none that lives. */
  constructor(
    readonly pid: number,
    readonly startTime: string | null,
  ) {
    try {
      this.#stat = startTime === null ? null : openSync(`/proc/${pid}/stat`, 'r')
    } catch {
      return
    }
    if (this.#stat !== null) opened.register(this, this.#stat)
    if (startTimeOf(pid) !== startTime) this.#stat = null
  }

  /** What is open is about this process alone: once it has ended nothing can be read. */
  get isAlive(): boolean {
    if (this.#stat === null) return false
    try {
      const text = bytes.toString('latin1', 0, readSync(this.#stat, bytes, 0, bytes.length, 0))
      return !/^[ZX]/.test(text.slice(text.lastIndexOf(')') + 2))
    } catch {
      return false
    }
  }
}
