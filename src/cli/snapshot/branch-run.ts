/** What `stratafs branch …` do. Arguments are latin1 strings. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, printable, shown } from '../../base/text.js'
import {
  type BranchSummary,
  createBranch,
  listBranches,
  mountBranch,
  removeBranch,
} from '../../library/branches/branches.js'
import { type MergeConflict, type MergeOptions, mergeBranch } from '../../library/branches/merge-branch.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { printTable } from '../terminal/table.js'
import { durationText } from '../terminal/units.js'

const COLUMNS = [
  { header: 'NAME', cut: 'end' },
  { header: 'FROM', cut: 'end' },
  { header: 'AGE' },
  { header: 'MOUNTED ON', cut: 'start' },
] as const

/** Makes one, and prints where its changes lie; the exit code. */
export async function runBranchCreate(
  merged: string,
  name: string,
  directory: string,
  from: string | undefined,
  json: boolean,
): Promise<number> {
  const options = from === undefined ? {} : { from: shown(from) }
  const made = await createBranch(pathBytes(merged), shown(name), pathBytes(directory), options)
  return json ? printDocument('branch create', { schemaVersion: 1, ...made }) : Exit.DONE
}

/** Prints them; the exit code. */
export function runBranchList(merged: string, json: boolean): number {
  const branches = listBranches(pathBytes(merged))
  if (json) return printDocument('branch list', { schemaVersion: 1, branches })
  printTable(COLUMNS, branches.map(rowOf))
  return Exit.DONE
}

function rowOf({ name, snapshot, created, mountpoint, mounted }: BranchSummary): string[] {
  return [name, snapshot, durationText((Date.now() - Date.parse(created)) / 1000), mounted ? mountpoint : '-']
}

/** Mounts one again; the exit code. */
export async function runBranchMount(merged: string, name: string, directory: string, json: boolean): Promise<number> {
  const branch = await mountBranch(pathBytes(merged), shown(name), pathBytes(directory))
  return json ? printDocument('branch mount', { schemaVersion: 1, ...branch }) : Exit.DONE
}

/** Merges one, and prints what was changed, a path a line; the exit code. */
export async function runBranchMerge(
  merged: string,
  given: string,
  options: MergeOptions,
  json: boolean,
): Promise<number> {
  const name = shown(given)
  const outcome = await mergeBranch(pathBytes(merged), name, options)
  const isRefused = outcome.conflicts.length > 0 && options.side === undefined && outcome.before === null
  if (json) {
    printDocument('branch merge', { schemaVersion: 1, ...outcome })
    return isRefused ? Exit.FAILED : Exit.DONE
  }
  writeOut(outcome.changed.map((path) => `${printable(path)}\n`).join(''))
  for (const conflict of outcome.conflicts) printError(wordsOf(conflict))
  if (!isRefused) return Exit.DONE
  const count = outcome.conflicts.length
  const paths = count === 1 ? '1 path' : `${count} paths`
  const fault = `the mount and branch ${name} have both changed ${paths}: nothing was done`
  throw new StratafsError(fault, 'IN_USE', 'say --ours or --theirs')
}

function wordsOf({ path, ours, theirs }: MergeConflict): string {
  return `${printable(path)}: ${ours} in the mount, ${theirs} in the branch`
}

/** Removes one; the exit code. */
export async function runBranchRm(merged: string, given: string, json: boolean): Promise<number> {
  const name = shown(given)
  await removeBranch(pathBytes(merged), name)
  return json ? printDocument('branch rm', { schemaVersion: 1, removed: name }) : Exit.DONE
}
