/** What `stratafs snapshot prune` does. Arguments are latin1 strings. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, printable } from '../../base/text.js'
import { pruneSnapshots } from '../../library/branches/prune-snapshots.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { entryCounter } from '../terminal/progress.js'

interface PruneWords {
  readonly keep: string | undefined
  readonly olderThan: string | undefined
  readonly dryRun: boolean
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `90s`, `5m`, `12h`, `30d`, `2w` in seconds. Throws StratafsError. */
function secondsOf(age: string): number {
  const match = /^(\d{1,9})([smhdw])$/.exec(age)
  if (match !== null) return Number(match[1]) * SECONDS[match[2]!]!
  throw new StratafsError(`--older-than ${printable(age)} is no age`, 'INVALID_ARGUMENT', 'give one like 12h or 30d')
}

function countOf(keep: string): number {
  if (/^\d{1,9}$/.test(keep)) return Number(keep)
  throw new StratafsError('--keep takes a whole number from 0 on', 'INVALID_ARGUMENT', 'give one like 10')
}

/** Removes them, and prints their names; the exit code. */
export async function runSnapshotPrune(
  merged: string,
  { keep, olderThan, dryRun }: PruneWords,
  json: boolean,
): Promise<number> {
  if (keep === undefined && olderThan === undefined)
    throw new StratafsError('nothing says which snapshots are to go', 'INVALID_ARGUMENT', 'say --keep or --older-than')
  const counter = entryCounter('merging')
  const pruned = await pruneSnapshots(pathBytes(merged), {
    ...(keep === undefined ? {} : { keep: countOf(keep) }),
    ...(olderThan === undefined ? {} : { olderThan: secondsOf(olderThan) }),
    dryRun,
    onProgress: counter.show,
  })
  counter.clear()
  if (json) return printDocument('snapshot prune', { schemaVersion: 1, dryRun, ...pruned })
  writeOut(pruned.removed.map(({ name }) => `${printable(name)}\n`).join(''))
  for (const { name, why } of pruned.needed) printError(`${printable(name)} stays: ${why}`)
  return Exit.DONE
}
