/** What `stratafs snapshot create|list|show` do. Arguments are latin1 strings. */
import { pathBytes, printable, shown } from '../../base/text.js'
import {
  createSnapshot,
  diffSnapshots,
  listSnapshots,
  removeSnapshot,
  restoreSnapshot,
  type SnapshotChange,
  type SnapshotSummary,
  showSnapshot,
} from '../../library/snapshots.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { entryCounter } from '../terminal/progress.js'
import { printTable } from '../terminal/table.js'
import { durationText, sizeText } from '../terminal/units.js'

const COLUMNS = [
  { header: 'NAME', cut: 'end' },
  { header: 'AGE' },
  { header: 'ON', cut: 'end' },
  { header: 'MESSAGE', cut: 'end' },
] as const

/** Makes one, and prints its name; the exit code. */
export async function runSnapshotCreate(
  merged: string,
  name: string | undefined,
  message: string | undefined,
  json: boolean,
): Promise<number> {
  const words = { name: textOf(name), message: textOf(message) }
  const { id: _, parent: _number, ...made } = await createSnapshot(pathBytes(merged), words)
  if (!made.settled) printError('a program wrote all the time: the last of what it wrote may be there in part')
  if (json) return printDocument('snapshot create', { schemaVersion: 1, ...made })
  writeOut(`${printable(made.name)}\n`)
  return Exit.DONE
}

function textOf(given: string | undefined): string | undefined {
  return given === undefined ? undefined : shown(given)
}

/** Prints the snapshots; the exit code. */
export function runSnapshotList(merged: string, json: boolean): number {
  const snapshots = listSnapshots(pathBytes(merged))
  if (json) return printDocument('snapshot list', { schemaVersion: 1, snapshots })
  printTable(COLUMNS, snapshots.map(rowOf))
  return Exit.DONE
}

function rowOf({ name, created, parent, message }: SnapshotSummary): string[] {
  return [name, durationText((Date.now() - Date.parse(created)) / 1000), parent ?? '-', message ?? '']
}

/** Prints what one is; the exit code. */
export function runSnapshotShow(merged: string, name: string, json: boolean): number {
  const details = showSnapshot(pathBytes(merged), shown(name))
  if (json) return printDocument('snapshot show', { schemaVersion: 1, ...details })
  const { message, created, parent, bytes, path, lowerdir } = details
  const lines = [
    ['name', details.name],
    ['created', created],
    ['message', message ?? '-'],
    ['stands on', parent ?? 'the lower layers'],
    ['size', sizeText(bytes)],
    ['directory', path],
    ['lowerdir', lowerdir],
  ] as const
  writeOut(lines.map(([word, value]) => `${word.padEnd(10)} ${printable(value)}\n`).join(''))
  return Exit.DONE
}

/** Prints what differs, one path a line; the exit code. */
export async function runSnapshotDiff(
  merged: string,
  from: string,
  to: string | undefined,
  json: boolean,
): Promise<number> {
  const [older, newer] = [shown(from), textOf(to)]
  const changes = await diffSnapshots(pathBytes(merged), older, newer)
  if (json) return printDocument('snapshot diff', { schemaVersion: 1, from: older, to: newer ?? null, changes })
  writeOut(changes.map(lineOf).join(''))
  return Exit.DONE
}

/** `C  file        1.23 kB  /etc/passwd`. */
function lineOf({ change, kind, size, path, from, link }: SnapshotChange): string {
  const remark =
    from !== undefined ? `  (from ${printable(from)})` : link !== undefined ? `  (same file as ${printable(link)})` : ''
  return `${change}  ${kind.padEnd(9)}  ${sizeText(size).padStart(8)}  ${printable(path)}${remark}\n`
}

/** Goes back, and says as what the present is kept; the exit code. */
export async function runSnapshotRestore(
  merged: string,
  name: string,
  discard: boolean,
  json: boolean,
): Promise<number> {
  const restored = await restoreSnapshot(pathBytes(merged), shown(name), { discard })
  if (json) return printDocument('snapshot restore', { schemaVersion: 1, ...restored })
  if (restored.kept !== null) writeOut(`${printable(restored.kept)}\n`)
  return Exit.DONE
}

/** Removes one; the exit code. */
export async function runSnapshotRm(
  merged: string,
  given: string,
  background: boolean,
  json: boolean,
): Promise<number> {
  const name = shown(given)
  const counter = entryCounter(`merging ${printable(name)}`)
  const removed = await removeSnapshot(pathBytes(merged), name, { background, onProgress: counter.show })
  counter.clear()
  if (json) return printDocument('snapshot rm', { schemaVersion: 1, ...removed })
  if (removed.why !== null) printError(`the layer of ${name} stays for now: ${removed.why}`)
  return Exit.DONE
}
