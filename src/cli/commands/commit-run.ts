/** What `stratafs commit` and `image commit` do: write the layer, or tell what would be in it, and print its names. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, printable, shown } from '../../base/text.js'
import {
  type Archive,
  type CommitImageOptions,
  type CommittedImage,
  type Compression,
  commit as commitLayer,
  commitToImage,
  compressionOfName,
  previewCommit,
  type Summary,
} from '../../library/changes.js'
import { newReferenceOf } from '../../library/image-documents.js'
import type { CommitDocument } from '../documents/layers.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { writeErr, writeOut } from '../terminal/output.js'
import { isStandardInput } from '../terminal/paths.js'
import { jsonText } from '../terminal/print.js'
import { progressBar } from '../terminal/progress.js'
import { sizeText } from '../terminal/units.js'
import type { CommitSettings } from './commit-settings.js'

export interface CommitArguments extends CommitSettings {
  readonly output: string | undefined
  /** LAYOUT:TAG. */
  readonly image: string | undefined
}

const DEFAULT_DEPTH = 2
const LEVELS = { none: [0, 0], gzip: [0, 9], zstd: [1, 22] } as const

/** Commits; the exit code. */
export async function runCommit(given: CommitArguments): Promise<number> {
  if (given.dryRun) return runDryRun(given)
  if ((given.output === undefined) === (given.image === undefined))
    throw new StratafsError('say where the layer goes: --output FILE, or --image LAYOUT:TAG')
  const bar = progressBar('writing the layer')
  const settings = optionsOf(given)
  const result = await interruptible((signal) => {
    const progress = (bytes: number) => bar.show(bytes, null)
    return commit(given, { ...settings, progress, signal, notice: printError }).finally(bar.clear)
  })
  return typeof result === 'number' ? result : printCommitted(given, result)
}

type Result = Archive & Partial<CommittedImage>
type Printed = Pick<CommitArguments, 'image' | 'output' | 'json'>

function commit(given: CommitArguments, options: CommitImageOptions): Promise<Result> {
  const { source, image, output } = given
  if (image === undefined) return commitLayer(source, isStandardInput(output!) ? 1 : pathBytes(output!), options)
  const { layout, tag } = newReferenceOf(pathBytes(image))
  return commitToImage(source, pathBytes(layout), tag, options)
}

function optionsOf(given: CommitArguments): CommitImageOptions {
  const { output, compression = output === undefined ? 'gzip' : compressionOfName(output) } = given
  return {
    squash: given.squash,
    live: given.live,
    snapshot: textOf(given.snapshot),
    timestamp: timestampOf(given.timestamp),
    compression,
    level: levelOf(given.level, compression),
    base: given.base,
    author: textOf(given.author),
    comment: textOf(given.message),
    changes: given.changes.map(shown),
    createdBy: textOf(given.createdBy),
  }
}

/** Arguments are bytes; documents are text. */
function textOf(given: string | undefined): string | undefined {
  return given === undefined ? undefined : shown(given)
}

/** Seconds since 1970, from a number or a date. Throws StratafsError. */
export function timestampOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const seconds = /^\d+$/.test(given) ? Number(given) : Math.floor(Date.parse(given) / 1000)
  if (Number.isSafeInteger(seconds) && seconds >= 0 && seconds < 8.64e12) return seconds
  throw new StratafsError(
    `--timestamp ${shown(given)}`,
    'FAILED',
    'give seconds since 1970, or a date such as 2024-01-31T12:00:00Z',
  )
}

function levelOf(given: string | undefined, compression: Compression): number | undefined {
  if (given === undefined) return undefined
  const [least, most] = LEVELS[compression]
  const level = Number(given)
  if (/^\d+$/.test(given) && level >= least && level <= most) return level
  throw new StratafsError(`--level ${shown(given)}: ${compression} takes ${least} to ${most}`)
}

/** Prints what came of a commit; the exit code. */
export function printCommitted(given: Printed, result: Result): number {
  for (const path of result.sockets) printError(`${path} is a socket, which no layer can hold: left out`)
  for (const path of result.changedMeanwhile) printError(`${path} was written to while it was read`)
  // With the archive on standard output nothing else may be there.
  const write = given.output !== undefined && isStandardInput(given.output) ? writeErr : writeOut
  write(given.json ? jsonText(documentOf(result)) : wordsOf(given, result))
  return Exit.DONE
}

function documentOf({ chainID, manifest, layers, ...archive }: Result): CommitDocument {
  const { entries, whiteouts, bytes, sockets, changedMeanwhile, size, digest, diffID } = archive
  return {
    schemaVersion: 1,
    dryRun: false,
    ...{ entries, whiteouts, bytes, sockets, changedMeanwhile, size, digest, diffID },
    chainID: chainID ?? diffID,
    manifest: manifest ?? null,
    layerCount: layers ?? null,
    directories: null,
  }
}

/** Of a layer that was not written. */
function previewOf(summary: Summary): CommitDocument {
  const unwritten = { size: null, digest: null, diffID: null, chainID: null, manifest: null, layerCount: null }
  return { schemaVersion: 1, dryRun: true, changedMeanwhile: [], ...unwritten, ...summary }
}

function wordsOf(given: Printed, result: Result): string {
  const { entries, whiteouts, size, bytes, digest, diffID, chainID, manifest } = result
  const hidden = whiteouts === 0 ? '' : ` (${whiteouts} whiteout${whiteouts === 1 ? '' : 's'})`
  return [
    `${printable(shown(given.image ?? given.output!))}: ${entries} entries${hidden}, ` +
      `${sizeText(bytes)} of files, ${sizeText(size)}`,
    `digest ${digest}`,
    `diffID ${diffID}`,
    // A layer alone is a chain of one.
    `chainID ${chainID ?? diffID}`,
    ...(manifest === undefined ? [] : [`manifest ${manifest}`]),
    '',
  ].join('\n')
}

async function runDryRun(given: CommitArguments): Promise<number> {
  const depth = given.depth === undefined ? DEFAULT_DEPTH : Number(given.depth)
  if (!Number.isInteger(depth) || depth < 0)
    throw new StratafsError(`--depth ${shown(given.depth ?? '')}`, 'FAILED', 'give a number of levels')
  const summary = await previewCommit(given.source, { squash: given.squash, snapshot: textOf(given.snapshot) })
  writeOut(given.json ? jsonText(previewOf(summary)) : summaryText(summary, depth))
  return Exit.DONE
}

function summaryText(summary: Summary, depth: number): string {
  const rows = summary.directories.filter(({ path }) => path === '/' || path.split('/').length - 1 <= depth)
  const lines = rows.map(({ path, bytes, entries, whiteouts }) => {
    const hidden = whiteouts === 0 ? '' : `  ${whiteouts} deleted`
    return `${sizeText(bytes).padStart(8)}  ${String(entries).padStart(7)} entries${hidden}  ${printable(path)}\n`
  })
  const sockets = summary.sockets.map((path) => `a socket is left out: ${printable(path)}\n`)
  return [...lines, ...sockets].join('')
}
