/** The processes behind FUSE mounts: found by their open /dev/fuse, asked for their memory, waited for. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { pause } from './processes.js'

const PATIENCE_MS = 60_000

/** Process ids that hold /dev/fuse open, in any mount namespace. */
export function deviceHolders(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(holdsDevice)
}

function holdsDevice(pid: number): boolean {
  try {
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).some((fd) => linkOf(`${folder}/${fd}`).endsWith('/fuse'))
  } catch {
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Memory in MB of all `pids` together: `rss` as they show it, `pss` with what is shared divided among its users. */
export function memoryOf(pids: readonly number[]): { rss: number; pss: number } {
  const sum = { rss: 0, pss: 0 }
  for (const pid of pids) {
    const text = rollupOf(pid)
    sum.rss += kilobytes(text, 'Rss') / 1024
    sum.pss += kilobytes(text, 'Pss') / 1024
  }
  return sum
}

/** Empty for a process that has ended meanwhile: whoever started the daemon is among them for a moment. */
function rollupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  } catch {
    return ''
  }
}

/** The number after `name:` in a file of /proc, in kB. */
export function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
}

/** Waits until all `pids` have ended. */
export async function gone(pids: readonly number[]): Promise<void> {
  const late = Date.now() + PATIENCE_MS
  while (pids.some(alive)) {
    if (Date.now() > late) throw new Error(`process ${pids.find(alive)} still serves a mount that was unmounted`)
    await pause(5)
  }
}

/** One that has ended and was not waited for yet does not count: whoever is process 1 here may take its time. */
function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
