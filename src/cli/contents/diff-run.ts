/** What `stratafs image diff` does: compares, and prints the changes, one a line, as JSON, or by a template. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, printable, shown } from '../../base/text.js'
import { diffImages, type ImageChange, type Other } from '../../library/image-contents.js'
import { printDocument } from '../documents/documents.js'
import { Exit } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { printRows } from '../terminal/print.js'
import { cutTo, paint, widthLimit } from '../terminal/table.js'
import { sizeText } from '../terminal/units.js'
import { whileReading } from './reading.js'

export interface ImageDiffArguments {
  readonly image: string
  readonly other: string | undefined
  readonly layer: string | undefined
  readonly platform: string | undefined
  readonly json: boolean
  readonly format: string | undefined
  readonly exitCode: boolean
}

/** Prints the changes; the exit code. */
export async function runImageDiff(given: ImageDiffArguments): Promise<number> {
  const { image, platform, json, format, exitCode } = given
  const other = otherOf(given)
  const changes = await whileReading((watched) => diffImages(pathBytes(image), other, { platform, ...watched }))
  if (typeof changes === 'number') return changes
  if (json) printDocument('image diff', { schemaVersion: 1, image: shown(image), changes })
  else if (format === undefined) writeOut(textOf(changes))
  else {
    const code = printRows(shown(format), changes.map(rowOf))
    if (code !== Exit.DONE) return code
  }
  return exitCode && changes.length > 0 ? Exit.FAILED : Exit.DONE
}

function otherOf({ other, layer }: ImageDiffArguments): Other {
  if ((other === undefined) === (layer === undefined))
    throw new StratafsError('name what the image is compared with, or a layer of it with --layer N', 'INVALID_ARGUMENT')
  return other === undefined ? { layer: Number(layer) } : pathBytes(other)
}

/** No path or remark is cut to less. */
const LEAST = 8
/** SGR: green, yellow, red. */
const COLOURS = { A: '32', C: '33', D: '31' } as const
const LETTERS = ['A', 'C', 'D'] as const
const WORDS = { A: 'added', C: 'changed', D: 'deleted' } as const

/** `C  file        1.23 kB  /etc/passwd  (content)`, and how many there are of each. */
function textOf(changes: readonly ImageChange[]): string {
  const width = widthLimit()
  return `${changes.map((change) => `${lineOf(change, width)}\n`).join('')}${summary(changes)}\n`
}

/** What has to give way within `width` are the remarks' end, then the path's beginning. */
function lineOf(change: ImageChange, width: number): string {
  const { kind, size, path } = change
  const facts = `  ${kind.padEnd(9)}  ${sizeText(size).padStart(8)}  `
  const left = width - 1 - facts.length
  const short = cutTo(printable(path), Math.max(LEAST, left), 'start')
  const words = remarks(change)
  const room = left - [...short].length
  const shownWords = room < LEAST ? '' : cutTo(words, room, 'end')
  return `${paint(COLOURS[change.change], change.change)}${facts}${short}${shownWords}`
}

function remarks({ what = [], files }: ImageChange): string {
  const words = [...what.map(printable), ...(files === undefined ? [] : [`${files} file${files === 1 ? '' : 's'}`])]
  return words.length === 0 ? '' : `  (${words.join('; ')})`
}

/** Directories in which something changed are not counted: what changed is. */
function summary(changes: readonly ImageChange[]): string {
  const told = changes.filter(({ what }) => what?.length !== 0)
  if (told.length === 0) return 'no difference'
  const counts = LETTERS.map(
    (letter) => [told.filter(({ change }) => change === letter).length, WORDS[letter]] as const,
  )
  const grown = told.reduce(
    (sum, { change, size, before }) => sum + (change === 'D' ? -size : size - (before?.size ?? 0)),
    0,
  )
  const words = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`)
  const size = `${sizeText(Math.abs(grown))} ${grown > 0 ? 'more' : 'less'}`
  return `${words.join(', ')}; files are ${grown === 0 ? 'as large as before' : size}`
}

function rowOf({ change, kind, size, before, path, what = [] }: ImageChange) {
  const sizes = { Size: sizeText(size), SizeBefore: before === undefined ? '' : sizeText(before.size), Bytes: size }
  return { Change: change, Kind: kind, ...sizes, Path: path, What: what }
}
