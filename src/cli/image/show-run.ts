/** What `image list`, `image history` and `image inspect` do: read a layout's documents and print them. */
import { printable, shown } from '../../base/text.js'
import { type Image, Layout } from '../../oci/image/layout.js'
import { type HistoryRow, historyOf, inspectImage, listImages } from '../../oci/image/listing.js'
import { choose } from '../../oci/store/images.js'
import { Exit, printError } from '../terminal/errors.js'
import { formatDocument } from '../terminal/format.js'
import { referenceOf, resolvedPath } from '../terminal/paths.js'
import { printJson, printValue } from '../terminal/print.js'
import { bytesText } from '../terminal/progress.js'

const SHORT = 12
const WORDS = 60

/** Prints the images; the exit code. */
export function runImageList(path: string, json: boolean): number {
  const images = listImages(Layout.open(resolvedPath(path)))
  if (json) return printJson(images)
  const rows = images.map((image) =>
    image.fault === undefined
      ? [
          image.tag ?? '-',
          shortDigest(image.manifest),
          dateOf(image.created),
          image.platform,
          `${image.layers} layers`,
          bytesText(image.size),
          `${bytesText(image.unshared)} its own`,
        ]
      : [image.tag ?? '-', shortDigest(image.manifest), image.fault],
  )
  return printTable(rows)
}

/** Prints an image's history; the exit code. */
export function runImageHistory(image: string, json: boolean, whole: boolean): number {
  const { layout, found } = open(image)
  const rows = historyOf(layout, found)
  return json ? printJson(rows) : printTable(rows.map((row) => historyLine(row, whole)))
}

function historyLine(row: HistoryRow, whole: boolean): string[] {
  const cut = (text: string) => {
    const line = text.replace(/\s+/g, ' ').trim()
    return whole || line.length <= WORDS ? line : `${line.slice(0, WORDS - 1)}…`
  }
  const digest = row.digest === null ? '-' : whole ? row.digest : shortDigest(row.digest)
  const shared = row.shared.length === 0 ? '' : `shared with ${row.shared.join(', ')}`
  return [digest, dateOf(row.created), cut(row.createdBy), bytesText(row.size), cut(row.comment), shared]
}

/** Prints one image in full, or the value that `format` names; the exit code. */
export function runImageInspect(image: string, format: string | undefined): number {
  const { layout, found } = open(image)
  const document = inspectImage(layout, found)
  if (format === undefined) return printJson(document)
  const text = formatDocument(shown(format), document)
  if (typeof text === 'string') printValue(text)
  else printError(text.error)
  return typeof text === 'string' ? Exit.DONE : Exit.FAILED
}

function open(image: string): { layout: Layout; found: Image } {
  const reference = referenceOf(image)
  const layout = Layout.open(reference.layout)
  return { layout, found: layout.imageOf(choose(reference, layout.index().manifests)) }
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length).slice(0, SHORT)
}

function dateOf(created: string | null): string {
  return created === null ? '-' : created.slice(0, 19).replace('T', ' ')
}

/** Columns as wide as their widest cell. */
function printTable(given: readonly (readonly string[])[]): number {
  const rows = given.map((cells) => cells.map(printable))
  const widths: number[] = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  for (const row of rows) {
    const cells = row.map((cell, at) => cell.padEnd(widths[at]!))
    process.stdout.write(`${cells.join('  ').trimEnd()}\n`)
  }
  return Exit.DONE
}
