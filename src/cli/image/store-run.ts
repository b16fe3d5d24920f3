/**
 * What `stratafs store list` and `store prune` do. Uppers hold somebody's changes: they go only after a yes, or with
 * --force.
 */
import { createInterface } from 'node:readline/promises'
import { isatty } from 'node:tty'
import { pathBytes, shown } from '../../base/text.js'
import { openStore } from '../../library/image-store.js'
import { usedBelow } from '../../library/offline/layer-space.js'
import { piecesOf, removePieces, type StoredPiece, unneeded } from '../../oci/store/prune.js'
import { printDocument } from '../documents/documents.js'
import type { PieceOfStore } from '../documents/images.js'
import { Exit, printError } from '../terminal/errors.js'
import { print } from '../terminal/print.js'
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

type Measured = StoredPiece & { readonly bytes: number }

/** Prints what the store holds; the exit code. */
export function runStoreList(given: string | undefined, json: boolean): number {
  const pieces = piecesOf(openStore({ store: given === undefined ? undefined : pathBytes(given) })).map(measured)
  if (json) return printDocument('store list', { schemaVersion: 1, pieces: pieces.map(told) })
  printTable(COLUMNS, pieces.map(rowOf))
  return Exit.DONE
}

/** Removes what nobody needs; the exit code. */
export async function runStorePrune({ store: given, dryRun, force, json }: PruneArguments): Promise<number> {
  const store = openStore({ store: given === undefined ? undefined : pathBytes(given) })
  const going = unneeded(piecesOf(store)).map(measured)
  if (dryRun || going.length === 0) return tell(going, { dryRun, json })
  if (!force && !(await isAllowed(going))) return Exit.FAILED
  const gone = await removePieces(store, going, { waits: printError })
  const paths = new Set(gone.map(({ path }) => path))
  for (const { path } of going)
    if (!paths.has(path)) printError(`${shown(path)} was left: it is used now, or cannot be removed`)
  tell(
    going.filter(({ path }) => paths.has(path)),
    { dryRun, json },
  )
  return gone.length === going.length ? Exit.DONE : Exit.FAILED
}

function measured(piece: StoredPiece): Measured {
  return { ...piece, bytes: usedBelow(piece.path) }
}

/** Asks at the terminal; without one nothing is allowed. */
async function isAllowed(going: readonly Measured[]): Promise<boolean> {
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

function tell(pieces: readonly Measured[], { dryRun, json }: Pick<PruneArguments, 'dryRun' | 'json'>): number {
  if (json) return printDocument('store prune', { schemaVersion: 1, dryRun, pieces: pieces.map(told) })
  for (const piece of pieces) print(lineOf(piece))
  print(pieces.length === 0 ? 'nothing to remove' : `${dryRun ? 'would remove' : 'removed'} ${summary(pieces)}`)
  return Exit.DONE
}

function summary(pieces: readonly Measured[]): string {
  const count = (kind: StoredPiece['kind']) => {
    const number = pieces.filter((piece) => piece.kind === kind).length
    return `${number} ${kind}${number === 1 ? '' : 's'}`
  }
  return `${count('upper')} and ${count('layer')}, ${sizeText(pieces.reduce((sum, { bytes }) => sum + bytes, 0))}`
}

function lineOf({ kind, path, bytes, changed }: Measured): string {
  return `${kind} ${shown(path)}, ${sizeText(bytes)}, changed ${agoText(changed)}`
}

function rowOf({ kind, name, bytes, changed, inUse, images }: Measured): string[] {
  const short = name.replace(/^(chain-)?sha256-/, '').slice(0, kind === 'layer' ? SHORT : undefined)
  return [kind, short, sizeText(bytes), agoText(changed), inUse ? 'mounted' : '-', images.join(', ')]
}

function told({ kind, name, path, bytes, changed, inUse, images }: Measured): PieceOfStore {
  return { kind, name, path: shown(path), bytes, changed, inUse, images }
}
