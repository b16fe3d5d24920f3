/**
 * Logs in the run directory whose daemons are gone. A mount that ended well takes its log along; one that was killed
 * leaves it, for whoever asks why. The newest are kept for a while, so that they do not gather for ever.
 */
import { lstatSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** At most so many mounts' logs are kept, and each for so long. */
export const KEPT_LOGS = 20
const KEPT_MS = 14 * 86_400_000
/** A mount that is being made has a log before it has a state file, and may be in a pid namespace we do not see. */
const YOUNG_MS = 60_000

const LOG = /^([0-9a-f]{16}\.(\d+))\.log(\.1)?$/

/**
 * Removes old logs among `files` of `directory`. Of a mount with a state file nothing is removed, nor of one whose
 * process `runs`: what has a state file that is out of date has been swept before.
 */
export function sweepLogs(directory: string, files: readonly string[], runs: (pid: number) => boolean): void {
  const states = new Set(files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length)))
  const dead = new Map<string, number>()
  for (const file of files) {
    const [, stem, pid] = LOG.exec(file) ?? []
    if (stem === undefined || states.has(stem) || runs(Number(pid))) continue
    dead.set(stem, Math.max(dead.get(stem) ?? 0, changedAt(join(directory, file))))
  }
  const newestFirst = [...dead].sort(([, a], [, b]) => b - a)
  newestFirst.forEach(([stem, time], place) => {
    const age = Date.now() - time
    if (age < YOUNG_MS || (place < KEPT_LOGS && age < KEPT_MS)) return
    for (const end of ['log', 'log.1']) rmSync(join(directory, `${stem}.${end}`), { force: true })
  })
}

/** 0 when it is gone meanwhile. */
function changedAt(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
