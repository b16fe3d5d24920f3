/**
 * What `stratafs store list` and `store prune` do. Uppers hold somebody's changes: they go only after a yes, or with
 * --force.
 */
import { createInterface } from 'node:readline/promises'
import { isatty } from 'node:tty'
import { pathBytes, shown } from '../../base/text.js'
import type { StoreOptions } from '../../library/image-store.js'
import { listStore, pruneStore, type StorePiece, unneededInStore } from '../../library/store.js'
import { printDocument } from '../documents/documents.js'
import type { PieceOfStore } from '../documents/images.js'
import { Exit, printError } from '../terminal/errors.js'
import { print, printRows } from '../terminal/print.js'
import { printTable } from '../terminal/table.js'
import { agoText, sizeText } from '../terminal/units.js'

export interface PruneArguments {
  readonly store: string | undefined
  readonly dryRun: boolean
  readonly force: boolean
  readonly json: boolean
}

const SHORT = 12
const COLUMNS = [
  { header: 'KIND' },
  { header: 'NAME' },
  { header: 'SIZE', right: true },
  { header: 'CHANGED' },
  { header: 'USED' },
  { header: 'IMAGES', cut: 'start' },
] as const

function optionsOf(given: string | undefined): StoreOptions {
  return { store: given === undefined ? undefined : pathBytes(given), notice: printError }
}

/** Prints what the store holds; the exit code. */
export function runStoreList(given: string | undefined, json: boolean, format: string | undefined): number {
  const pieces = listStore(optionsOf(given))
  if (json) return printDocument('store list', { schemaVersion: 1, pieces: pieces.map(told) })
  if (format !== undefined) return printRows(shown(format), pieces.map(fieldsOf), { ChangedAt: 'CHANGED AT' })
  printTable(COLUMNS, pieces.map(rowOf))
  return Exit.DONE
}

/** Removes what nobody needs; the exit code. */
export async function runStorePrune({ store: given, dryRun, force, json }: PruneArguments): Promise<number> {
  const going = unneededInStore(optionsOf(given))
  if (dryRun || going.length === 0) return tell(going, { dryRun, json })
  if (!force && !(await isAllowed(going))) return Exit.FAILED
  const gone = await pruneStore(going, optionsOf(given))
  for (const piece of going)
    if (!gone.includes(piece)) printError(`${piece.path} was left: it is used now, or cannot be removed`)
  tell(gone, { dryRun, json })
  return gone.length === going.length ? Exit.DONE : Exit.FAILED
}

/** Asks at the terminal; without one nothing is allowed. */
async function isAllowed(going: readonly StorePiece[]): Promise<boolean> {
  if (!isatty(0) || !isatty(2)) {
    printError('store prune: nobody can be asked: give --force, or --dry-run to see what would go')
    return false
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    for (const piece of going) process.stderr.write(`  ${lineOf(piece)}\n`)
    const answer = await asking.question(`Remove ${summary(going)}? [y/N] `)
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    asking.close()
  }
}

function tell(pieces: readonly StorePiece[], { dryRun, json }: Pick<PruneArguments, 'dryRun' | 'json'>): number {
  if (json) return printDocument('store prune', { schemaVersion: 1, dryRun, pieces: pieces.map(told) })
  for (const piece of pieces) print(lineOf(piece))
  print(pieces.length === 0 ? 'nothing to remove' : `${dryRun ? 'would remove' : 'removed'} ${summary(pieces)}`)
  return Exit.DONE
}

function summary(pieces: readonly StorePiece[]): string {
  const count = (kind: StorePiece['kind']) => {
    const number = pieces.filter((piece) => piece.kind === kind).length
    return `${number} ${kind}${number === 1 ? '' : 's'}`
  }
  return `${count('upper')} and ${count('layer')}, ${sizeText(pieces.reduce((sum, { bytes }) => sum + bytes, 0))}`
}

function lineOf({ kind, path, bytes, changed }: StorePiece): string {
  return `${kind} ${path}, ${sizeText(bytes)}, changed ${agoText(changed)}`
}

function rowOf({ kind, name, bytes, changed, inUse, images }: StorePiece): string[] {
  const short = name.replace(/^(chain-)?sha256-/, '').slice(0, kind === 'layer' ? SHORT : undefined)
  return [kind, short, sizeText(bytes), agoText(changed), inUse ? 'mounted' : '-', images.join(', ')]
}

/** For --format: what the columns show, and what they are made of. */
function fieldsOf(piece: StorePiece) {
  const [kind, , size, changed, used, images] = rowOf(piece) as [string, string, string, string, string, string]
  const { name, path, bytes, changed: changedAt } = piece
  return {
    ...{ Kind: kind, Name: name, Path: path, Size: size, Bytes: bytes },
    ...{ Changed: changed, ChangedAt: changedAt, Used: used, Images: images },
  }
}

function told({ kind, name, path, bytes, changed, inUse, images }: StorePiece): PieceOfStore {
  return { kind, name, path, bytes, changed, inUse, images }
}
