/** What `stratafs image waste` does: prints what does not show, by layer, by path, and the mends. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { type ImageWaste, imageWaste, type WasteOfPath } from '../../library/image-waste.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { printRows } from '../terminal/print.js'
import { printTable, widthLimit, wrapped } from '../terminal/table.js'
import { sizeText } from '../terminal/units.js'
import { whileReading } from './reading.js'

export interface ImageWasteArguments {
  readonly image: string
  readonly platform: string | undefined
  readonly all: boolean
  readonly failBelow: string | undefined
  readonly json: boolean
  readonly format: string | undefined
}

const FEW = 10

const LAYERS = [
  { header: 'LAYER', right: true },
  { header: 'FILES', right: true },
  { header: 'SIZE', right: true },
  { header: 'HIDDEN', right: true },
  { header: 'HIDES', right: true },
  { header: 'CREATED BY', cut: 'end' },
] as const

const PATHS = [
  { header: 'SIZE', right: true },
  { header: 'FILES', right: true },
  { header: 'LAYER', right: true },
  { header: 'BY', right: true },
  { header: 'HOW' },
  { header: 'PATH', cut: 'start' },
] as const

/** Prints it; the exit code. */
export async function runImageWaste(given: ImageWasteArguments): Promise<number> {
  const least = leastOf(given.failBelow)
  const { platform, json, format } = given
  const waste = await whileReading((watched) => imageWaste(pathBytes(given.image), { platform, ...watched }))
  if (typeof waste === 'number') return waste
  if (json) printDocument('image waste', { schemaVersion: 1, image: shown(given.image), ...waste })
  else if (format === undefined) printWaste(waste, given.all)
  else {
    const code = printRows(shown(format), waste.paths.map(rowOf))
    if (code !== Exit.DONE) return code
  }
  if (waste.efficiency >= least) return Exit.DONE
  printError(`image waste: the efficiency is ${percent(waste.efficiency)}, below ${given.failBelow} %`)
  return Exit.FAILED
}

function leastOf(given: string | undefined): number {
  if (given === undefined) return 0
  const value = Number(given.replace(/\s*%$/, ''))
  if (given.trim() !== '' && value >= 0 && value <= 100) return value / 100
  throw new StratafsError(`--fail-below ${shown(given)}: give a percentage from 0 to 100`, 'INVALID_ARGUMENT')
}

/** Rounded down: what is not whole is not told as 100 %. */
function percent(part: number): string {
  return `${Math.floor(part * 1000) / 10} %`
}

function printWaste(waste: ImageWaste, all: boolean): void {
  const { efficiency, bytes, wasted, compressed, layers, paths, fixes } = waste
  const stored = wasted === 0 ? '' : `, about ${sizeText(compressed)} of its blobs`
  writeOut(`${percent(efficiency)} efficient: ${sizeText(wasted)} of ${sizeText(bytes)} do not show${stored}\n\n`)
  printTable(
    LAYERS,
    layers.map(({ layer, files, bytes: size, hidden, hides, createdBy }) => [
      `${layer}/${layers.length}`,
      String(files),
      ...[size, hidden, hides].map(sizeText),
      createdBy.replace(/\s+/g, ' '),
    ]),
  )
  if (paths.length === 0) return
  const shownPaths = all ? paths : paths.slice(0, FEW)
  writeOut('\n')
  printTable(PATHS, shownPaths.map(cellsOf))
  const more = paths.length - shownPaths.length
  if (more > 0) writeOut(`and ${more} more (--all)\n`)
  if (fixes.length > 0) printFixes(fixes, all)
}

function cellsOf({ path, how, layer, by, bytes, files }: WasteOfPath): string[] {
  return [sizeText(bytes), String(files), String(layer), String(by), how, path]
}

function printFixes(fixes: ImageWaste['fixes'], all: boolean): void {
  writeOut('\nWhat would save most:\n')
  for (const { bytes, compressed, advice } of all ? fixes : fixes.slice(0, FEW / 2)) {
    const saved = `${sizeText(bytes)} (${sizeText(compressed)} of blobs)`
    writeOut(`${wrapped(`- ${saved}: ${advice}`, widthLimit(), '  ')}\n`)
  }
}

function rowOf({ path, how, layer, by, bytes, files }: WasteOfPath) {
  return { Path: path, How: how, Size: sizeText(bytes), Bytes: bytes, Files: files, Layer: layer, By: by }
}
