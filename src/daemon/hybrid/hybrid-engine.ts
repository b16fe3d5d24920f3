/**
 * What the daemon holds of a mount by engine=hybrid: the thread of the lower union, and what was agreed with the
 * kernel's overlay above it. The overlay keeps the FUSE mount, and that keeps the thread: it ends when the overlay is
 * unmounted. On an image the overlay needs no thread, and tells by the image that it is gone.
 */

import { Errno } from '../../base/errno.js'
import type { StratafsError } from '../../base/failure.js'
import type { Ending, EngineHandle, Held } from '../engine/engine-handle.js'
import type { Question } from '../engine/engine-messages.js'
import type { EngineThread } from '../engine/engine-thread.js'
import type { IndexThread } from '../engine/index-thread.js'
import type { MountPlan } from '../options/mount-settings.js'
import { settleVolatile } from './upper-fit.js'

/** What `inspect` tells of the overlay. */
interface HybridFacts {
  /** What it stands on, and why, or which image. */
  readonly lower: { readonly kind: 'image' | 'fuse'; readonly why: string }
  /** The overlay's options beside its layers. */
  readonly options: readonly (readonly [string, string?])[]
  /** Its data-only layers. */
  readonly roots: readonly string[]
  readonly downgrades: readonly string[]
  /** The kernel keeps hard links of lower files together. */
  readonly index: boolean
}

interface HybridLife {
  /** The overlay has gone; else the thread's device says so. */
  readonly gone?: Promise<void>
  /** Ends what is being made beside the mount. */
  readonly giveUp?: (() => Promise<void>) | undefined
}

export class HybridEngine implements EngineHandle {
  readonly ended: Promise<Ending>
  readonly isHybrid = true
  #stop: () => void = () => {}

  constructor(
    private readonly thread: EngineThread,
    plan: MountPlan,
    private readonly facts: HybridFacts,
    { gone, giveUp }: HybridLife,
  ) {
    const over = gone === undefined ? thread.ended : this.#endOfOverlay(gone)
    this.ended = over.then(async (ending) => {
      await giveUp?.()
      // The overlay is gone; otherwise it has the upper still.
      if ('result' in ending && ending.result === -Errno.ENODEV) leave(plan)
      return ending
    })
  }

  /** The thread serves nothing: the overlay goes on without it, and it ends after the overlay. */
  async #endOfOverlay(gone: Promise<void>): Promise<Ending> {
    const stopped = new Promise<Ending>((resolve) => {
      this.#stop = () => resolve({ result: 0 })
    })
    const ending = await Promise.race([stopped, gone.then(() => ({ result: -Errno.ENODEV }))])
    this.thread.stop()
    await this.thread.ended
    return ending
  }

  get index(): IndexThread | null {
    return this.thread.index
  }

  /** Of the lower union; what lies in the upper is read from disk by who asks. */
  async ask(question: Question): Promise<unknown> {
    const answer = await this.thread.ask(question)
    return question.what === 'describe' && answer !== null ? this.#describe(answer as Record<string, unknown>) : answer
  }

  #describe(lower: Record<string, unknown>): Record<string, unknown> {
    const { lower: stands, options, roots, downgrades, index } = this.facts
    const overlay = options.map(([key, value]) => (value === undefined ? key : `${key}=${value}`))
    return {
      ...lower,
      engine: 'hybrid',
      lower: stands,
      overlay: { options: overlay, dataLayers: roots },
      hardLinkIndex: index,
      downgrades: [...(lower.downgrades as string[]), ...downgrades],
    }
  }

  /** What the kernel writes by itself cannot be held. */
  async hold(): Promise<Held | null> {
    return null
  }

  stop(): void {
    this.thread.stop()
    this.#stop()
  }

  detach(mountpoint: string, lazy: boolean): Promise<number | StratafsError> {
    return this.thread.detach(mountpoint, lazy)
  }
}

/** Nobody has the upper any more. */
function leave({ config: { upper, work, volatile } }: MountPlan): void {
  if (volatile && upper !== null && work !== null) settleVolatile(upper, work)
}
