/** The host processes of this user, each of which serves mounts that were made in the background. */
import { askHost, type HostStatus, hostSockets, type StopAnswer } from '../daemon/host/host-client.js'

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
