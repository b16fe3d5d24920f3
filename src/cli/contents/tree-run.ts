/** What `stratafs image tree` does: draws layers and the images that end in them. */
import { pathBytes, printable, shown } from '../../base/text.js'
import { imageTree, type SharedLayer } from '../../library/image-contents.js'
import { referenceOf } from '../../library/image-documents.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { cutTo, paint, widthLimit } from '../terminal/table.js'
import { sizeText } from '../terminal/units.js'

const SHORT = 12
const BOLD = '1'

/** Prints the tree; the exit code. */
export async function runImageTree(given: string, json: boolean): Promise<number> {
  const { layout, tag } = referenceOf(pathBytes(given))
  const { layers: all, faults } = await imageTree(pathBytes(layout))
  const name = tag === null ? null : shown(tag)
  const layers = name === null ? all : all.flatMap((layer) => only(layer, name))
  if (json) return printDocument('image tree', { schemaVersion: 1, layout: shown(layout), layers, faults })
  const width = widthLimit()
  writeOut(layers.map((layer) => linesOf(layer, '', '', width)).join(''))
  for (const { name: image, words } of faults) printError(`${image}: ${words}`)
  return faults.length > 0 ? Exit.FAILED : Exit.DONE
}

/** `layer` with the image `name` alone above it. */
function only(layer: SharedLayer, name: string): SharedLayer[] {
  const children = layer.children.flatMap((child) => only(child, name))
  const images = layer.images.filter((image) => image === name || image.endsWith(`:${name}`))
  return children.length + images.length === 0 ? [] : [{ ...layer, images, children }]
}

/** The layer's line, and below it the images that end in it and the layers that stand on it. */
function linesOf(layer: SharedLayer, first: string, rest: string, width: number): string {
  const { digest, size, createdBy, images, children } = layer
  const facts = `${digest.slice('sha256:'.length).slice(0, SHORT)}  ${sizeText(size).padStart(7)}  `
  const words = printable(createdBy.replace(/\s+/g, ' '))
  const lines = [`${cutTo(`${first}${facts}${words}`.trimEnd(), width, 'end')}\n`]
  const items = [...images.map((image) => ({ image })), ...children.map((child) => ({ child }))]
  for (const [at, item] of items.entries()) {
    const isLast = at === items.length - 1
    const [mark, below] = [`${rest}${isLast ? '└─ ' : '├─ '}`, `${rest}${isLast ? '   ' : '│  '}`]
    if ('child' in item) lines.push(linesOf(item.child, mark, below, width))
    else lines.push(`${mark}${paint(BOLD, cutTo(printable(item.image), width - mark.length, 'start'))}\n`)
  }
  return lines.join('')
}
