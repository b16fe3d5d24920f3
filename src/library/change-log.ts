/**
 * The change log of a mount (`-o changelog=1`): which paths were created, changed, renamed and removed, when, and by
 * whom. It is read from the mount's database, so a reader that takes its time holds nobody up.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { openChangeLog, type StoredChange } from '../owner-index/api.js'
import { askMount } from './mount.js'
import type { Path } from './paths.js'

/** One change. Paths begin with a slash, from the root of the merged tree. */
export interface LoggedChange {
  /** Goes up; numbers are left out where changes were thrown away. */
  readonly id: number
  /** ISO 8601, with milliseconds. */
  readonly time: string
  /** `lost`: changes are missing here. */
  readonly change: 'created' | 'changed' | 'renamed' | 'removed' | 'lost'
  /** null for `lost`. */
  readonly path: string | null
  /** What it is called after a rename. */
  readonly renamedTo: string | null
  /** Of whoever did it; null where nobody knows. */
  readonly uid: number | null
  readonly pid: number | null
  /** How many are missing; null: nobody knows whether any are, or it is no `lost`. */
  readonly lost: number | null
}

export interface ChangeLogOptions {
  /** What is older is left out. */
  readonly since?: Date | undefined
  /** Goes on with what comes, until `signal` or the end of the mount. */
  readonly follow?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

const KINDS = ['created', 'changed', 'renamed', 'removed', 'lost'] as const
const PAGE = 1000
const POLL_MS = 300

/** The changes of the mount on `mountpoint`, the oldest first. */
export async function* changeLog(mountpoint: Path, options: ChangeLogOptions = {}): AsyncGenerator<LoggedChange> {
  const { follow = false, signal, since } = options
  let path = await logPath(mountpoint)
  for (let id = 0; ; ) {
    const rows = pageOf(path, id, since?.getTime() ?? 0)
    for (const row of rows) yield changeOf(row)
    id = rows.at(-1)?.id ?? id
    if (rows.length === PAGE) continue
    if (!follow || signal?.aborted) return
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
    if (signal?.aborted) return
    const now = await logPath(mountpoint).catch(endOf)
    if (now === null) return
    path = now
  }
}

/** Where the log is, with all in it that happened until now. */
async function logPath(mountpoint: Path): Promise<string> {
  const { path } = (await askMount(mountpoint, { command: 'changelog' })) as { path: string }
  return path
}

/** null: the mount is over. */
function endOf(error: unknown): null {
  if (error instanceof StratafsError && (error.code === 'NOT_A_MOUNT' || error.code === 'DAEMON_DEAD')) return null
  throw error
}

function pageOf(path: string, id: number, since: number): StoredChange[] {
  const rows = openChangeLog(path, (read) => read(id, since, PAGE))
  if (rows instanceof StratafsError) throw rows
  return rows ?? []
}

function changeOf({ id, time, kind, path, other, uid, pid, count }: StoredChange): LoggedChange {
  const change = KINDS[kind - 1] ?? 'lost'
  return {
    id,
    time: new Date(time).toISOString(),
    change,
    path: change === 'lost' ? null : shown(`/${path}`),
    renamedTo: other === null ? null : shown(`/${other}`),
    uid,
    pid,
    lost: count,
  }
}
