/** What `stratafs log` does: prints the change log, a line for each change. */
import { pathBytes, shown } from '../../base/text.js'
import { changeLog, type LoggedChange } from '../../library/change-log.js'
import { listSnapshots } from '../../library/snapshots.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { writeOut } from '../terminal/output.js'
import { absolutePath } from '../terminal/paths.js'
import { print } from '../terminal/print.js'

interface LogArguments {
  /** Latin1. */
  readonly merged: string
  readonly follow: boolean
  readonly since: string | undefined
  readonly json: boolean
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Prints the changes; the exit code. */
export async function runLog({ merged, follow, since, json }: LogArguments): Promise<number> {
  const from = since === undefined ? undefined : (timeOf(since) ?? snapshotTime(merged, since))
  if (from === null) {
    printError(
      'log: --since takes a time (2026-11-30T12:00), a span (10m, 2h, 1d) or a snapshot: ' +
        `${shown(merged)} has no snapshot ${since}`,
    )
    return Exit.USAGE
  }
  if (follow) return followed(merged, from, json)
  const changes: LoggedChange[] = []
  for await (const change of changeLog(pathBytes(merged), { since: from }))
    if (json) changes.push(change)
    else print(lineOf(change))
  if (!json) return Exit.DONE
  return printDocument('log', { schemaVersion: 1, mountpoint: shown(absolutePath(merged)), changes })
}

/** Until Ctrl-C or the end of the mount, which is no fault. */
function followed(merged: string, since: Date | undefined, json: boolean): Promise<number> {
  return interruptible(async (signal) => {
    for await (const change of changeLog(pathBytes(merged), { since, follow: true, signal }))
      if (json) writeOut(`${JSON.stringify(change)}\n`)
      else print(lineOf(change))
    return Exit.DONE
  })
}

/** A time, or so long ago; null: neither. */
function timeOf(text: string): Date | null {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (number !== undefined) return new Date(Date.now() - Number(number) * UNITS[unit!]!)
  const time = Date.parse(text)
  return Number.isNaN(time) ? null : new Date(time)
}

/** When the snapshot `name` was made; null: there is none. */
function snapshotTime(merged: string, name: string): Date | null {
  const found = listSnapshots(pathBytes(merged)).find((each) => each.name === name)
  return found === undefined ? null : new Date(found.created)
}

function lineOf({ time, change, path, renamedTo, uid, pid, lost }: LoggedChange): string {
  if (change === 'lost') return `${time} lost     ${lost ?? 'some'} changes may be missing here`
  const who = uid === null ? '' : `  (uid ${uid}, pid ${pid})`
  return `${time} ${change.padEnd(8)} ${path}${renamedTo === null ? '' : ` -> ${renamedTo}`}${who}`
}
