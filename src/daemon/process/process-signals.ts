/**
 * The signals and the uncaught faults of a process, for all its mounts. SIGTERM, SIGINT and SIGHUP unmount; a second
 * one ends at once. SIGUSR1 writes the counters into the logs.
 */
import type { Logger } from '../../base/log.js'
import { sourceStack } from '../../base/source-stack.js'
import { keeper } from '../keeper/keeper.js'

/** After the second signal the engines get this long to finish the requests in hand. */
const LAST_MS = 500

/** A mount, as the process's signals see it. */
interface Signalled {
  readonly logger: Logger
  /** Asked to end: once for each signal. */
  end(signal: string, isFirst: boolean): void
  logCounters(): void
}

/** Nobody is to serve on what is left. */
function endNow(): void {
  keeper.leave()
  process.kill(process.pid, 'SIGKILL')
}

class ProcessSignals {
  readonly #mounts = new Set<Signalled>()
  #asked = 0
  #isListening = false

  /** How many signals have asked for the end so far. */
  get asked(): number {
    return this.#asked
  }

  /** Signals are for `mount`, too, until the answer is called. */
  add(mount: Signalled): () => void {
    this.#listen()
    this.#mounts.add(mount)
    return () => void this.#mounts.delete(mount)
  }

  /**
   * From the first moment, since a mount that is just being made must not be left without its daemon: what is asked
   * before it stands is done when it does.
   */
  #listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, (name) => this.#end(name))
    process.on('SIGUSR1', () => this.#each((mount) => mount.logCounters()))
    process.on('SIGPIPE', () => {})
    process.on('uncaughtException', (error) => this.#fault(error))
    process.on('unhandledRejection', (error) => this.#fault(error))
  }

  #end(signal: string): void {
    this.#asked++
    if (this.#asked > 1) setTimeout(endNow, LAST_MS)
    this.#each((mount) => mount.end(signal, this.#asked === 1))
  }

  /**
   * What nobody caught on this thread goes into the logs, and the mounts are served on: engines have threads of their
   * own, and a root filesystem is worth more than a control request or a lost message.
   */
  #fault(error: unknown): void {
    const stack = sourceStack(error)
    this.#each(({ logger }) => logger.log('error', 'a fault nobody caught: the mount is served on', { stack }))
  }

  #each(act: (mount: Signalled) => void): void {
    for (const mount of [...this.#mounts]) act(mount)
  }
}

/** The process's own. */
export const processSignals = new ProcessSignals()
