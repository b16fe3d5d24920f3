/**
 * Whether a caller is of a file's group. A request carries one group only. The others are asked of the caller's
 * process, which is seldom needed: for files with setgid that their group may not execute.
 */
import { readFileSync } from 'node:fs'
import { type IdMapping, storedId } from './id-mapping.js'

/** Whether `writer` is of the group `gid` as the disk holds it. Who cannot be asked is not. */
export function isOfGroup(
  gids: IdMapping,
  writer: { readonly gid: number; readonly pid: number },
  gid: number,
): boolean {
  if (storedId(gids, writer.gid) === gid) return true
  return groupsOf(writer.pid).some((group) => storedId(gids, group) === gid)
}

function groupsOf(pid: number): number[] {
  try {
    const line = /^Groups:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return (line?.[1] ?? '').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
