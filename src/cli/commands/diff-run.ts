/** What `stratafs diff` does: reads the changes and prints them, one a line or as JSON. */
import { printable } from '../../base/text.js'
import { type Change, type Changed, diff } from '../../library/changes.js'
import { toBytes } from '../../library/paths.js'
import { printDocument } from '../documents/documents.js'
import type { ChangeOfPath } from '../documents/layers.js'
import { Exit } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { sizeText } from '../terminal/units.js'
import { type LayerWords, wordsFor, wordsForMount } from './layer-words.js'

export interface DiffArguments {
  readonly source: Changed
  /** Of the lower directories that are named, `''` where none. */
  readonly names: readonly string[]
  readonly json: boolean
  readonly exitCode: boolean
}

/** Prints the changes; the exit code. */
export async function runDiff({ source, names, json, exitCode }: DiffArguments): Promise<number> {
  const changes = await diff(source)
  const words = wordsOf(source, names)
  if (json) printDocument('diff', { schemaVersion: 1, changes: changes.map((change) => told(change, words)) })
  else {
    const owners = changes.map((change) => words.within(ownersOf(change)))
    const width = Math.max(20, ...owners.map((each) => each.length))
    writeOut(changes.map((change, at) => lineOf(change, owners[at]!.padEnd(width))).join(''))
  }
  return exitCode && changes.length > 0 ? Exit.FAILED : Exit.DONE
}

/** Words for the layers of `source`, where they are not mounted with the `names` that were given. */
function wordsOf(source: Changed, names: readonly string[]): LayerWords {
  if (typeof source === 'string' || Buffer.isBuffer(source)) return wordsForMount(toBytes(source))
  return wordsFor('/', { lowers: source.lower.map(toBytes), names, upper: toBytes(source.upper) })
}

function told({ layer, before, ...change }: Change, words: LayerWords): ChangeOfPath {
  const owner = words.layer(positionOf(layer))
  if (before === undefined) return { ...change, layer: owner }
  const { kind, size } = before
  return { ...change, layer: owner, before: { layer: words.layer(positionOf(before.layer)), kind, size } }
}

/** Of the layer that the library calls `upper` or `lower N`. */
function positionOf(label: string): number {
  return label === 'upper' ? -1 : Number(label.replace(/^\D+/, ''))
}

function ownersOf({ change, layer, before }: Change): string {
  return change === 'C' && before !== undefined ? `${layer} over ${before.layer}` : layer
}

/** `C  file        1.23 kB  upper over lower 1 (base)  /etc/passwd`, and what else there is to say behind it. */
function lineOf(change: Change, owners: string): string {
  const { kind, size, path } = change
  const columns = [change.change, kind.padEnd(9), sizeText(size).padStart(8), printable(owners), printable(path)]
  return `${columns.join('  ')}${remarks(change)}\n`
}

function remarks({ from, link, opaque, metacopy, kind, before, change }: Change): string {
  const words = [
    ...(from === undefined ? [] : [`from ${printable(from)}`]),
    ...(link === undefined ? [] : [`same file as ${printable(link)}`]),
    ...(opaque === true ? ['replaces what was below'] : []),
    ...(metacopy === true ? ['attributes only'] : []),
    ...(change === 'C' && before !== undefined && before.kind !== kind ? [`was a ${before.kind}`] : []),
  ]
  return words.length === 0 ? '' : `  (${words.join('; ')})`
}
