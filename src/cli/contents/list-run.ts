/**
 * What `stratafs image list` does: the images, the newest first, with their size unpacked beside that of their blobs.
 * What is not known of that is counted once, with a bar.
 */
import { pathBytes, shown } from '../../base/text.js'
import { countImages, filterImages, type ListedImage, listImages } from '../../library/image-documents.js'
import { printDocument } from '../documents/documents.js'
import type { ImageOfLayout } from '../documents/images.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { printLines, printRows } from '../terminal/print.js'
import { progressBar } from '../terminal/progress.js'
import { printTable } from '../terminal/table.js'
import { agoText, sizeText } from '../terminal/units.js'

export interface ImageListArguments {
  readonly layout: string
  readonly filters: readonly string[]
  readonly quiet: boolean
  readonly whole: boolean
  readonly count: boolean
  readonly json: boolean
  readonly format: string | undefined
}

const SHORT = 12

const COLUMNS = [
  { header: 'TAG', cut: 'start' },
  { header: 'IMAGE ID' },
  { header: 'CREATED' },
  { header: 'PLATFORM', cut: 'end' },
  { header: 'SIZE', right: true },
  { header: 'BLOBS', right: true },
  { header: 'UNSHARED', right: true },
] as const

const HEADERS = { ID: 'IMAGE ID', CreatedSince: 'CREATED', ContentSize: 'BLOBS', UniqueSize: 'UNSHARED' }

/** Prints the images; the exit code. */
export async function runImageList(given: ImageListArguments): Promise<number> {
  const { layout, filters, count, json, whole, format } = given
  if (count) {
    const code = await counted(layout)
    if (code !== Exit.DONE) return code
  }
  const images = filterImages(await listImages(pathBytes(layout)), filters.map(shown))
  if (json) return printDocument('image list', { schemaVersion: 1, layout: shown(layout), images: images.map(told) })
  if (given.quiet && format === undefined) printLines(images.map(({ id }) => (whole ? (id ?? '-') : shortOf(id))))
  else if (format !== undefined)
    return printRows(
      shown(format),
      images.map((image) => rowOf(image, whole)),
      HEADERS,
    )
  else
    printTable(
      whole ? COLUMNS.map(({ header }) => ({ header })) : COLUMNS,
      images.map((image) => cellsOf(image, whole)),
    )
  for (const { tag, fault } of images) if (fault !== undefined) printError(`${tag ?? '<none>'}: ${fault}`)
  return Exit.DONE
}

/** Counts what is not known; the exit code of a signal that ended it, else 0. */
async function counted(layout: string): Promise<number> {
  const bar = progressBar('counting what is uncompressed')
  const kept = await interruptible((signal) =>
    countImages(pathBytes(layout), { signal, progress: bar.show }).finally(bar.clear),
  )
  if (typeof kept === 'number') return kept
  if (!kept) printError('sizes cannot be kept in the layout, and are counted each time (--no-count: not at all)')
  return Exit.DONE
}

function told({ layers: layerCount, fault, ...image }: ListedImage): ImageOfLayout {
  return { ...image, layerCount, fault: fault ?? null }
}

function shortOf(digest: string | null): string {
  return digest === null ? '-' : digest.slice('sha256:'.length).slice(0, SHORT)
}

const sizeOf = (bytes: number | null) => (bytes === null ? '-' : sizeText(bytes))

function cellsOf({ tag, id, created, platform, size, uncompressed, unshared }: ListedImage, whole: boolean): string[] {
  const name = tag ?? '<none>'
  if (id === null) return [name, '-', '-', '-', '-', '-', '-']
  const sizes = [sizeOf(uncompressed), sizeText(size), sizeText(unshared)]
  return [name, whole ? id : shortOf(id), agoText(created), platform, ...sizes]
}

/** By the names that `docker images --format` has, and some more. */
function rowOf(image: ListedImage, whole: boolean) {
  const { id, manifest, repository, shortTag, created, platform, layers, size, uncompressed, unshared, labels } = image
  return {
    ID: whole ? (id ?? '-') : shortOf(id),
    Repository: repository ?? '<none>',
    Tag: shortTag ?? '<none>',
    Digest: manifest,
    CreatedSince: agoText(created),
    CreatedAt: created ?? '-',
    Size: sizeOf(uncompressed),
    ContentSize: sizeText(size),
    UniqueSize: sizeText(unshared),
    Platform: platform,
    Layers: layers,
    Labels: labels,
  }
}
