/**
 * The limit of a mount that is up: told, changed, or given to one that had none. From then on what is written is
 * counted, so no file of the upper may be passed through at that moment: the kernel would write to it unseen.
 */
import { addonObstacle } from '../syscalls/native.js'
import type { Union } from '../union/context/union.js'
import type { LimitReport } from '../union/context/upper-limit.js'
import { UpperUsage } from '../union/limit/upper-usage.js'
import { UNKNOWN_USAGE, UsageFile } from '../union/limit/usage-file.js'
import { pathOfFile } from '../union/nodes/node-path.js'
import type { Operations } from './contract.js'
import { limited } from './limited.js'

/** What is absent stays; 0: no limit. */
export interface LimitChange {
  readonly size?: number | undefined
  readonly inodes?: number | undefined
  /** Count everything anew, beside the mount. */
  readonly recount?: boolean | undefined
  /** Count from now on, also without a limit. */
  readonly count?: boolean | undefined
  /** Things have gone without a word, where there is a count. */
  readonly shrunk?: boolean | undefined
}

/** Why a limit cannot be had, in words. */
export interface LimitObstacle {
  readonly obstacle: string
}

const NONE: LimitReport = { size: null, inodes: null, usedBytes: null, usedInodes: null, counting: null }
const NAMED = 3

/** Counts from now on, where the mount was made with a limit. */
export function applyLimit(u: Union, operations: Operations): void {
  if (u.limit instanceof UpperUsage) Object.assign(operations, limited(u, { ...operations }, u.limit))
}

/** `next` stands on what `last` stood on, but for the upper: what has been counted goes on. */
export function moveLimit(last: Union, next: Union): void {
  next.limit = last.limit
  if (next.limit instanceof UpperUsage) next.limit.moveTo(next, last)
}

/** The limit after the change. */
export function changeLimit(u: Union, operations: Operations, change: LimitChange): LimitReport | LimitObstacle {
  if (change.shrunk === true && u.limit instanceof UpperUsage) u.limit.countAgain()
  const asks = change.size !== undefined || change.inodes !== undefined || change.recount === true
  if (u.limit === null && !asks && change.count !== true) return NONE
  const bounds = (change.size ?? 0) > 0 || (change.inodes ?? 0) > 0
  const obstacle = u.limit?.isBounded ? null : obstacleTo(u, bounds)
  if (obstacle !== null) return { obstacle }
  if (u.limit === null) begin(u, operations)
  const usage = u.limit as unknown as UpperUsage
  usage.change(change.size ?? usage.size, change.inodes ?? usage.inodes)
  u.nodes.ledger?.memory.setLimit(usage.size, usage.inodes)
  if (change.recount === true) usage.count()
  return usage.report()
}

/** `bounds`: something may be refused from then on. */
function obstacleTo(u: Union, bounds: boolean): string | null {
  if (addonObstacle !== null) return 'without the addon nobody counts what the upper takes up'
  if (u.writable === null) return 'the mount is read-only: nothing is written to an upper'
  if (!bounds) return null
  if (u.data.writeback) return 'the mount gathers writes (writeback=1): mount it with size= instead'
  const open = [...u.nodes.values()].filter((node) => node.backing > 0 && node.inUpper && node.contentDir === null)
  if (open.length === 0) return null
  const names = open.slice(0, NAMED).map(pathOfFile).join(', ')
  const more = open.length > NAMED ? ` and ${open.length - NAMED} more` : ''
  return `files of the upper are open, which the kernel writes to by itself: ${names}${more}; close them first`
}

function begin(u: Union, operations: Operations): void {
  const file = UsageFile.open(u.writable!.work)
  const usage = new UpperUsage(u, typeof file === 'number' ? null : file, 0, 0)
  usage.know(UNKNOWN_USAGE)
  u.limit = usage
  for (const node of u.nodes.values())
    if (node.backing > 0 && node.inUpper && node.contentDir === null) usage.passed(node)
  applyLimit(u, operations)
  usage.begin()
}
