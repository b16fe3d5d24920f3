/**
 * What has to be quiet before a mount's upper is frozen: pages that programs have written go out, and what is being
 * copied up comes to its end.
 */
import { open, statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import { pathBytes } from '../../base/text.js'
import { O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { StateMemory } from '../../union/state/memory.js'
import type { EngineHandle } from '../engine/engine-handle.js'
import type { FreezeAnswer } from '../engine/engine-messages.js'
import type { DirectoryLocks } from '../mount/locks.js'
import { deviceOn } from '../mount/mountinfo.js'
import type { MountState } from '../mount/run-directory.js'

/** How often pages are written out until none were left to write. */
const ROUNDS = 8

/** How long copies of large files are waited for, and how often they are asked about. */
const COPIES_MS = 60_000
const SETTLE_MS = 20

/** The mount whose snapshots these are. */
export interface SnapshotMount {
  readonly engine: EngineHandle
  readonly locks: DirectoryLocks
  readonly log: Log
  /** What the next process will need; null: the mount ends with this one. */
  readonly memory: StateMemory | null
  state(): MountState
  /** It stands on other layers now. */
  restate(state: MountState): void
}

/** The mount itself, whose pages are to be written; null where it is not mounted here. */
export async function openMount(mount: SnapshotMount): Promise<Awaited<ReturnType<typeof open>> | null> {
  const { mountpoint, device } = mount.state()
  if (deviceOn(mountpoint) !== device) return null
  return open(pathBytes(mountpoint), O_RDONLY | O_DIRECTORY)
}

/** Waits for files that are being copied up while they are written to; what is left then is refused later. */
export async function settleCopies(mount: SnapshotMount): Promise<void> {
  for (const until = Date.now() + COPIES_MS; Date.now() < until; ) {
    if ((await mount.engine.ask({ what: 'settle' })) !== true) return
    await sleep(SETTLE_MS)
  }
}

/** Changes of the tree wait from here on. */
export async function drain({ engine }: SnapshotMount): Promise<void> {
  const begun = await engine.ask({ what: 'drain' })
  if (begun === null) throw new StratafsError('this mount cannot be drained: it is served by fuse-native, or too busy')
  if (begun === false) throw new StratafsError('the mount is held still by another', 'IN_USE', 'wait for its end')
}

/** An answer that says what came of it. */
export type Frozen = Exclude<FreezeAnswer, { again: true }>

/**
 * Has the upper frozen by `freeze` when nothing has been written since the pages of `fd`, the mount (-1: none), went
 * out. `settled`: false where a program wrote all the time, so that pages of it may be in the snapshot and earlier ones
 * not.
 */
export async function whenQuiet(
  mount: SnapshotMount,
  fd: number,
  freeze: (written: number | null) => Promise<FreezeAnswer | null>,
): Promise<{ answer: Frozen | null; settled: boolean }> {
  for (let round = 0; fd >= 0 && round < ROUNDS; round++) {
    const written = await writeOut(mount, fd)
    const answer = written === null ? { again: true as const } : await freeze(written)
    if (answer === null || !('again' in answer)) return { answer, settled: true }
  }
  const answer = await freeze(null)
  return { answer: answer === null || 'again' in answer ? null : answer, settled: fd < 0 }
}

/** Writes pages out. How much has been written in all, where nothing came meanwhile; else null. */
export async function writeOut({ engine }: SnapshotMount, pages: number): Promise<number | null> {
  const before = await engine.ask({ what: 'written' })
  await native.syncfsBeside(pages)
  // That waits for none of the requests that it sends (seen on Linux 6.18). This one is answered after all of them.
  await statfs(`/proc/self/fd/${pages}`)
  return (await engine.ask({ what: 'written' })) === before ? (before as number) : null
}
