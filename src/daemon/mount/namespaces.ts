/**
 * Which other mount namespaces hold the mount. A namespace that was made while a union was mounted has a copy of it.
 * The kernel ends the filesystem, and so the daemon, only when the last copy is gone. It can tell no more than /proc
 * shows this process.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { parseMounts } from './mountinfo.js'

/** A process, by pid, of each other mount namespace that has the filesystem `device` (`major:minor`) mounted. */
export function copiesOf(device: string): number[] {
  if (device === '') return []
  const seen = new Set([readlinkSync('/proc/self/ns/mnt')])
  const found: number[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (pid > 0 && hasCopy(pid, device, seen)) found.push(pid)
  }
  return found
}

/** Whether `device` is mounted where process `pid` lives. */
export function isInNamespaceOf(pid: number, device: string): boolean {
  return hasCopy(pid, device, new Set())
}

function hasCopy(pid: number, device: string, seen: Set<string>): boolean {
  try {
    const namespace = readlinkSync(`/proc/${pid}/ns/mnt`)
    if (seen.has(namespace)) return false
    const mounts = parseMounts(readFileSync(`/proc/${pid}/mountinfo`, 'latin1'))
    seen.add(namespace)
    return mounts.some((entry) => entry.device === device)
  } catch {
    // Gone meanwhile, or not ours to look at.
    return false
  }
}

/** Names processes for a sentence: the first three. */
export function processes(pids: readonly number[]): string {
  const named = pids.slice(0, 3).join(', ')
  const word = pids.length === 1 ? 'process' : 'processes'
  return `${word} ${named}${pids.length > 3 ? ` and ${pids.length - 3} more` : ''}`
}
