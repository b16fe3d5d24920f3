/** What `image history` and `image inspect` do: read a layout's documents and print them. */
import { pathBytes, shown } from '../../base/text.js'
import { type HistoryRow, imageHistory, inspectImage } from '../../library/image-documents.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { formatDocument } from '../terminal/format.js'
import { printRows, printValue } from '../terminal/print.js'
import { cutTo, printTable } from '../terminal/table.js'
import { agoText, sizeText } from '../terminal/units.js'

const SHORT = 12
/** As docker history cuts. */
const WORDS = 45

const STEPS = [
  { header: 'LAYER' },
  { header: 'CREATED' },
  { header: 'CREATED BY', cut: 'end' },
  { header: 'SIZE', right: true },
  { header: 'BLOB', right: true },
  { header: 'COMMENT', cut: 'end' },
  { header: 'SHARED WITH', cut: 'end' },
] as const

const HEADERS = { ID: 'LAYER', CreatedSince: 'CREATED', CreatedBy: 'CREATED BY', SharedWith: 'SHARED WITH' }

export interface HistoryArguments {
  readonly image: string
  readonly json: boolean
  readonly whole: boolean
  readonly format: string | undefined
}

/** Prints an image's history; the exit code. */
export async function runImageHistory({ image, json, whole, format }: HistoryArguments): Promise<number> {
  const rows = await imageHistory(pathBytes(image))
  if (json) {
    const steps = rows.map(({ shared: sharedWith, ...row }) => ({ ...row, sharedWith }))
    return printDocument('image history', { schemaVersion: 1, image: shown(image), steps })
  }
  const formatted = (row: HistoryRow) => formattedRow(row, whole)
  if (format !== undefined) return printRows(shown(format), rows.map(formatted), HEADERS)
  const columns = whole ? STEPS.map(({ header }) => ({ header })) : STEPS
  printTable(
    columns,
    rows.map((row) => historyLine(row, whole)),
  )
  return Exit.DONE
}

function historyLine(row: HistoryRow, whole: boolean): string[] {
  const cut = (text: string) => {
    const line = text.replace(/\s+/g, ' ').trim()
    return whole ? line : cutTo(line, WORDS, 'end')
  }
  const sizes = [row.uncompressed === null ? '-' : sizeText(row.uncompressed), sizeText(row.size)]
  return [idOf(row, whole), agoText(row.created), cut(row.createdBy), ...sizes, cut(row.comment), row.shared.join(', ')]
}

function idOf({ digest }: HistoryRow, whole: boolean): string {
  return digest === null ? '-' : whole ? digest : shortDigest(digest)
}

/** By the names that `docker history --format` has, and some more. */
function formattedRow(row: HistoryRow, whole: boolean) {
  const { created, createdBy, uncompressed, size, comment, shared } = row
  return {
    ID: idOf(row, whole),
    CreatedSince: agoText(created),
    CreatedAt: created ?? '-',
    CreatedBy: whole ? createdBy : cutTo(createdBy, WORDS, 'end'),
    Size: uncompressed === null ? '-' : sizeText(uncompressed),
    ContentSize: sizeText(size),
    Comment: comment,
    SharedWith: shared,
  }
}

/** Prints one image in full, or the value that `format` names; the exit code. */
export async function runImageInspect(
  image: string,
  store: string | undefined,
  format: string | undefined,
): Promise<number> {
  const inspected = await inspectImage(pathBytes(image), store === undefined ? {} : { store: pathBytes(store) })
  const document = { SchemaVersion: 1 as const, ...inspected }
  if (format === undefined) return printDocument('image inspect', [document])
  const text = formatDocument(shown(format), document)
  if (typeof text === 'string') printValue(text)
  else printError(text.error)
  return typeof text === 'string' ? Exit.DONE : Exit.FAILED
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length).slice(0, SHORT)
}
