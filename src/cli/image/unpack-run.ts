/** What `stratafs image unpack` does, and how the image commands that unpack show it. */
import { fromText, pathBytes, printable } from '../../base/text.js'
import {
  type LayerInWork,
  type PresentLayer,
  type UnpackedImage,
  type UnpackOptions,
  unpackImage,
} from '../../library/image-store.js'
import type { PolicyOptions } from '../../library/layers.js'
import { wordsOfStack } from '../commands/layer-words.js'
import { printDocument } from '../documents/documents.js'
import type { ImageUnpackDocument } from '../documents/images.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { writeOut } from '../terminal/output.js'
import { progressBar } from '../terminal/progress.js'

/** What every image command that unpacks is given. */
export interface UnpackArguments {
  readonly image: string
  readonly store: string | undefined
  readonly platform: string | undefined
  readonly wishes: PolicyOptions
  readonly json: boolean
}

/** Unpacks what is missing; the exit code. */
export async function runImageUnpack(given: UnpackArguments): Promise<number> {
  const done = await withBar((shown) => unpackImage(pathBytes(given.image), { ...unpackOptions(given), ...shown }))
  if (typeof done === 'number') return done
  printNotes(done.layers)
  if (given.json) return printDocument('image unpack', documentOf(done))
  writeOut(wordsOf(done))
  return Exit.DONE
}

function documentOf({ layout, tag, manifest, store, lowerdir, layers }: UnpackedImage): ImageUnpackDocument {
  const topFirst = [...layers].reverse()
  // One that is there twice is mounted once, at its upper place.
  const lowers = [...new Set(topFirst.map(({ path }) => fromText(path)))]
  const words = wordsOfStack(lowers, null)
  const told = topFirst.map(({ path, ...layer }) => ({ layer: words.layer(lowers.indexOf(fromText(path))), ...layer }))
  const image = tag === null ? layout : `${layout}:${tag}`
  return { schemaVersion: 1, image, manifest, store, lowerdir, layers: told }
}

/** What the library is told of `given`. */
export function unpackOptions({ store, platform, wishes }: UnpackArguments): UnpackOptions {
  return { ...wishes, store: store === undefined ? undefined : pathBytes(store), platform, notice: printError }
}

/** Runs `work`, which a signal ends, with a bar for each layer that is unpacked; the exit code where it was ended. */
export async function withBar<T>(
  work: (options: Pick<UnpackOptions, 'progress' | 'signal'>) => Promise<T>,
): Promise<T | number> {
  let bar = progressBar('')
  let position = -1
  const progress = (layer: LayerInWork, read: number, total: number | null) => {
    if (layer.position !== position) {
      bar.clear()
      bar = progressBar(`layer ${layer.position + 1} of ${layer.count} ${layer.digest.slice(7, 19)}`)
      position = layer.position
    }
    bar.show(read, total)
  }
  return interruptible((signal) => work({ progress, signal }).finally(() => bar.clear()))
}

/** A word about each kind of thing that was left out of a layer. */
export function printNotes(layers: readonly PresentLayer[]): void {
  for (const layer of layers) for (const note of layer.notes) printError(`${layer.digest.slice(7, 19)}: ${note}`)
}

function wordsOf({ layers, lowerdir }: UnpackedImage): string {
  const lines = [...layers].reverse().map(({ path, shared }) => `${shared ? 'there' : 'new  '} ${printable(path)}\n`)
  return `${lines.join('')}lowerdir=${printable(lowerdir)}\n`
}
