/** The host processes of this user, each of which serves mounts that were made in the background. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  askHost,
  type HostStatus,
  hostSockets,
  type StopAnswer,
  UPGRADE_PATIENCE_MS,
  type UpgradeAnswer,
  upgradeQuestions,
} from '../daemon/host/host-client.js'

export type { HostStatus } from '../daemon/host/host-client.js'

/** Every host of this user that runs and that this process may ask. */
export async function listHosts(): Promise<HostStatus[]> {
  const answers = await Promise.all(hostSockets().map((socket) => askHost<HostStatus>(socket, 'status')))
  return answers.filter((answer): answer is HostStatus => answer !== null)
}

/** What came of asking hosts to end: pids of those that have, and those that have mounts and go on. */
export interface StoppedHosts {
  readonly stopped: readonly number[]
  readonly busy: readonly HostStatus[]
}

/** Ends every host of this user that has no mount. */
export async function stopHosts(): Promise<StoppedHosts> {
  const answers = await Promise.all(hostSockets().map((socket) => askHost<StopAnswer>(socket, 'stop')))
  const stopped = answers.flatMap((answer) => (answer !== null && 'stopped' in answer ? [answer.stopped] : []))
  const busy = answers.flatMap((answer) => (answer !== null && 'refused' in answer ? [answer.refused] : []))
  return { stopped, busy }
}

/** What came of asking hosts to make way for this version: `to` is the process that serves the mounts on. */
export interface UpgradedHosts {
  readonly upgraded: readonly { readonly from: number; readonly to: number }[]
  readonly refused: readonly { readonly pid: number; readonly why: string }[]
}

const SOON_MS = 20
const PATIENCE_MS = 20_000

/** Has the mounts of every host of this user served on by this version. What cannot be is refused, and goes on. */
export async function upgradeHosts(): Promise<UpgradedHosts> {
  const upgraded: { from: number; to: number }[] = []
  const refused: { pid: number; why: string }[] = []
  for (const socket of hostSockets()) {
    const answer = await askToMakeWay(socket)
    if (answer === null) continue
    if ('refused' in answer) {
      refused.push({ pid: answer.pid, why: answer.refused })
      continue
    }
    const to = await nextHost(socket, answer.upgraded)
    if (to === null) refused.push({ pid: answer.upgraded, why: 'it has ended, and no other process has followed' })
    else upgraded.push({ from: answer.upgraded, to })
  }
  return { upgraded, refused }
}

/** A host of an older version goes for one that takes its own format alone: so each that this one takes is tried. */
async function askToMakeWay(socket: string): Promise<UpgradeAnswer | null> {
  let first: UpgradeAnswer | null = null
  for (const question of upgradeQuestions()) {
    const answer = await askHost<UpgradeAnswer>(socket, question, UPGRADE_PATIENCE_MS)
    first ??= answer
    if (answer !== null && 'upgraded' in answer) return answer
  }
  return first
}

/** The pid of the process that listens on `socket` in place of `before`. */
async function nextHost(socket: string, before: number): Promise<number | null> {
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(SOON_MS)) {
    const status = await askHost<HostStatus>(socket, 'status')
    if (status !== null && status.pid !== before) return status.pid
  }
  return null
}
