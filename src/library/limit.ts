/** What the upper of a mount may take up: asked, and changed while the mount is used. */

import { StratafsError } from '../base/failure.js'
import type { LimitReport } from '../union/context/upper-limit.js'
import { askMount } from './mount.js'
import { type Path, toText } from './paths.js'

/** What the upper takes up and may: bytes allocated and inodes, each once. */
export type UpperLimitReport = LimitReport

export interface LimitOptions {
  /** Bytes; 0: no limit. What is absent stays. */
  readonly size?: number | undefined
  readonly inodes?: number | undefined
  /** Count the upper anew, beside the mount, because somebody changed it while it was not mounted. */
  readonly recount?: boolean | undefined
}

/** The limit and the use of the mount on `mountpoint`, after a change where one is wanted. */
export async function limit(mountpoint: Path, options: LimitOptions = {}): Promise<UpperLimitReport> {
  const { size, inodes, recount } = options
  const answer = await askMount(mountpoint, { command: 'limit', change: { size, inodes, recount } })
  if (typeof answer === 'object' && answer !== null && 'obstacle' in answer)
    throw new StratafsError(`${toText(mountpoint)} cannot have a limit: ${String(answer.obstacle)}`, 'MOUNT_REFUSED')
  return answer as UpperLimitReport
}
