/**
 * Waiting for an upper whose last mount is on its way out. Unmounting does not wait for the daemon, which has still to
 * sync; dockerd and podman mount the same directories again at once, and have to find them free. A mount that is still
 * there is a mistake of the caller's, and is told without delay.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import { type DirectoryLocks, type HeldElsewhere, lockDirectories } from './locks.js'
import { deviceOn } from './mountinfo.js'
import { copiesOf, processes } from './namespaces.js'
import { listMounts, type MountState, ownPidNamespace } from './run-directory.js'

/** As long as an unmount may wait for its daemon. */
const PATIENCE_MS = 30_000
const POLL_MS = 10
/** After so long it is said what is waited for. */
const SILENCE_MS = 1_000
/** How often it is asked whether anybody still wants the mount. */
const LOOK_MS = 200
/** Containers that start have copies of all mounts for a moment: who has one for longer keeps it. */
const BRIEF_MS = 1_000
/** How often it is looked for them. */
const COPIES_MS = 100

/** Whoever wants the mount. */
export interface Waiter {
  /** Takes a sentence on what is waited for. */
  say(words: string): void
  /** False once nobody wants the mount any more. */
  isWanted(): boolean
}

/** Locks each of `places` (option and absolute path), all or none, as soon as the daemon that holds them has gone. */
export async function lockWhenFree(
  places: readonly (readonly [option: string, path: string])[],
  waiter: Waiter,
): Promise<DirectoryLocks | StratafsError> {
  const patience = new Patience(waiter)
  for (;;) {
    const locks = lockDirectories(places)
    if (!('holder' in locks)) return locks
    const daemon = daemonOf(locks.holder, places)
    if (daemon !== null && isMounted(daemon)) return locks
    const copies = daemon === null ? [] : copiesOf(daemon.device)
    if (copies.length > 0) {
      if (!patience.isBrief) return stillHeld(locks, `it is mounted in another mount namespace (${processes(copies)})`)
      await sleep(COPIES_MS)
      continue
    }
    const given = await patience.wait(`${locks.fault}: waiting for its end`)
    if (given !== null) return stillHeld(locks, given)
  }
}

function stillHeld({ fault, code, remedy }: HeldElsewhere, why: string): StratafsError {
  return new StratafsError(`${fault}; ${why}`, code, remedy)
}

/** One wait, in steps. */
class Patience {
  readonly #begun = Date.now()
  #asked = Date.now()
  #isTold = false

  constructor(private readonly waiter: Waiter) {}

  get isBrief(): boolean {
    return Date.now() - this.#begun < BRIEF_MS
  }

  /** Waits for a moment, and says `words` once that has gone on for a while. Null, or why there is no more waiting. */
  async wait(words: string): Promise<string | null> {
    const now = Date.now()
    if (now - this.#begun > PATIENCE_MS) return `it has not ended within ${PATIENCE_MS / 1000} s`
    if (!this.#isTold && now - this.#begun > SILENCE_MS) {
      this.waiter.say(`${words} (at most ${PATIENCE_MS / 1000} s)`)
      this.#isTold = true
    }
    if (now - this.#asked > LOOK_MS) {
      this.#asked = now
      if (!this.waiter.isWanted()) return 'interrupted while it was waited for'
    }
    await sleep(POLL_MS)
    return null
  }
}

/**
 * The mount with the lock: one of `places` by the process `holder`, which may serve others, too; any of its, where no
 * state file says more; or, where the kernel hides its pid or a child holds the lock, the one that a state file names
 * for `places`.
 */
function daemonOf(holder: number, places: readonly (readonly [option: string, path: string])[]): MountState | null {
  const states = listMounts().map(({ state }) => state)
  const ofHolder = states.filter(({ pid, pidNamespace }) => pid === holder && pidNamespace === ownPidNamespace())
  const far = ({ config }: MountState) => places.some(([, path]) => path === config.upper || path === config.work)
  const here = ofHolder.find(far) ?? (holder === process.pid ? undefined : ofHolder[0])
  return here ?? states.find(far) ?? null
}

/** Whether its mount is in the tree; false when that cannot be determined. */
function isMounted({ mountpoint, device }: MountState): boolean {
  return deviceOn(mountpoint) === device
}
