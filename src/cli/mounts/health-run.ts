/** What `stratafs health` does: says which mounts answer; fails where one does not. */
import { checkMounts, type MountHealth } from '../../library/health.js'
import { printDocument } from '../documents/documents.js'
import { Exit } from '../terminal/errors.js'
import { printTable } from '../terminal/table.js'

const PATIENCE_MS = 1_000

const COLUMNS = [
  { header: 'MOUNTPOINT', cut: 'start' },
  { header: 'STATE', cut: 'end' },
  { header: 'TIME', right: true },
  { header: 'PID', right: true },
] as const

/** Prints every mount; 1 where one does not answer. */
export async function runHealth(json: boolean): Promise<number> {
  const mounts = await checkMounts(PATIENCE_MS)
  if (json) printDocument('health', { schemaVersion: 1, mounts })
  else printTable(COLUMNS, mounts.map(rowOf))
  return mounts.every(({ fault }) => fault === null) ? Exit.DONE : Exit.FAILED
}

function rowOf({ mountpoint, fault, milliseconds, pid }: MountHealth): string[] {
  return [mountpoint, fault ?? 'answers', `${milliseconds} ms`, pid === null ? '-' : String(pid)]
}
