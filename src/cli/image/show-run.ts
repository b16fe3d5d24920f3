/** What `image list`, `image history` and `image inspect` do: read a layout's documents and print them. */
import { pathBytes, shown } from '../../base/text.js'
import { type HistoryRow, imageHistory, inspectImage, listImages } from '../../library/image-documents.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { formatDocument } from '../terminal/format.js'
import { printValue } from '../terminal/print.js'
import { cutTo, printTable } from '../terminal/table.js'
import { agoText, sizeText } from '../terminal/units.js'

const SHORT = 12
/** As docker history cuts. */
const WORDS = 45

const IMAGES = [
  { header: 'TAG', cut: 'start' },
  { header: 'IMAGE ID' },
  { header: 'CREATED' },
  { header: 'PLATFORM' },
  { header: 'LAYERS', right: true },
  { header: 'SIZE', right: true },
  { header: 'UNSHARED', right: true },
] as const

const STEPS = [
  { header: 'LAYER' },
  { header: 'CREATED' },
  { header: 'CREATED BY', cut: 'end' },
  { header: 'SIZE', right: true },
  { header: 'COMMENT', cut: 'end' },
  { header: 'SHARED WITH', cut: 'end' },
] as const

/** Prints the images; the exit code. */
export async function runImageList(path: string, json: boolean): Promise<number> {
  const images = await listImages(pathBytes(path))
  if (json) {
    const told = images.map(({ layers: layerCount, fault = null, ...image }) => ({ ...image, layerCount, fault }))
    return printDocument('image list', { schemaVersion: 1, layout: shown(path), images: told })
  }
  printTable(
    IMAGES,
    images.map(({ tag, id, created, platform, layers, size, unshared }) => {
      const name = tag ?? '<none>'
      if (id === null) return [name, '-', '-', '-', '-', '-', '-']
      return [name, shortDigest(id), agoText(created), platform, String(layers), sizeText(size), sizeText(unshared)]
    }),
  )
  for (const { tag, fault } of images) if (fault !== undefined) printError(`${tag ?? '<none>'}: ${fault}`)
  return Exit.DONE
}

/** Prints an image's history; the exit code. */
export async function runImageHistory(image: string, json: boolean, whole: boolean): Promise<number> {
  const rows = await imageHistory(pathBytes(image))
  if (json) {
    const steps = rows.map(({ shared: sharedWith, ...row }) => ({ ...row, sharedWith }))
    return printDocument('image history', { schemaVersion: 1, image: shown(image), steps })
  }
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
  const digest = row.digest === null ? '-' : whole ? row.digest : shortDigest(row.digest)
  return [digest, agoText(row.created), cut(row.createdBy), sizeText(row.size), cut(row.comment), row.shared.join(', ')]
}

/** Prints one image in full, or the value that `format` names; the exit code. */
export async function runImageInspect(image: string, format: string | undefined): Promise<number> {
  const document = { SchemaVersion: 1 as const, ...(await inspectImage(pathBytes(image))) }
  if (format === undefined) return printDocument('image inspect', [document])
  const text = formatDocument(shown(format), document)
  if (typeof text === 'string') printValue(text)
  else printError(text.error)
  return typeof text === 'string' ? Exit.DONE : Exit.FAILED
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length).slice(0, SHORT)
}
