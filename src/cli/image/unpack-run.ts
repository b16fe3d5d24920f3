/** What `stratafs image unpack` does, and the part of it that `image mount` needs too. */
import { printable, shown } from '../../base/text.js'
import { escapePath } from '../../daemon/options/split.js'
import { type PolicyOptions, policyOf } from '../../oci/apply/policy.js'
import type { Platform } from '../../oci/image/types.js'
import { type StoredImage, type StoredLayer, withImage } from '../../oci/store/images.js'
import { lowersOf } from '../../oci/store/layer-paths.js'
import { LayerStore, type PresentLayer } from '../../oci/store/store.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { writeOut } from '../terminal/output.js'
import { referenceOf, storePath } from '../terminal/paths.js'
import { jsonText } from '../terminal/print.js'
import { progressBar } from '../terminal/progress.js'

export interface ImageUnpackArguments {
  readonly image: string
  readonly store: string | undefined
  readonly platform: Platform | null
  readonly wishes: PolicyOptions
  readonly json: boolean
}

/** Unpacks what is missing; the exit code. */
export async function runImageUnpack(given: ImageUnpackArguments): Promise<number> {
  const reference = referenceOf(given.image)
  const done = await interruptible((signal) =>
    withImage(reference, { waits: printError, signal, platform: given.platform }, (image) =>
      unpackTo(given, image, signal),
    ),
  )
  if (typeof done === 'number') return done
  const { store, image, layers } = done
  writeOut(given.json ? jsonText(documentOf(store, image, layers)) : wordsOf(layers))
  return Exit.DONE
}

async function unpackTo(given: ImageUnpackArguments, image: StoredImage, signal: AbortSignal) {
  const store = LayerStore.open(storePath(given.store), policyOf(given.wishes))
  const layers = await store.using({ waits: printError, signal }, () =>
    ensureLayers(store, image, given.wishes, signal),
  )
  return { store, image, layers }
}

/**
 * Every layer of `image` in `store`, with a bar for each that is unpacked and a word about what was left out. Inside
 * `using`.
 */
export async function ensureLayers(
  store: LayerStore,
  image: StoredImage,
  wishes: PolicyOptions,
  signal: AbortSignal,
): Promise<PresentLayer[]> {
  let bar = progressBar('')
  const begins = (layer: StoredLayer, position: number) => {
    bar.clear()
    bar = progressBar(`layer ${position + 1} of ${image.layers.length} ${layer.digest.slice(7, 19)}`)
    return bar.show
  }
  try {
    const layers = await store.ensure(image, { policy: policyOf(wishes), begins, waits: printError, signal })
    bar.clear()
    for (const layer of layers) for (const note of layer.notes) printError(`${layer.digest.slice(7, 19)}: ${note}`)
    return layers
  } finally {
    bar.clear()
  }
}

/** As mount options take it: the topmost first. */
export function lowerdirOf(layers: readonly PresentLayer[]): string {
  return lowersOf(layers).map(escapePath).join(':')
}

function documentOf(store: LayerStore, image: StoredImage, layers: readonly PresentLayer[]) {
  const { reference, manifestDigest } = image
  return {
    layout: shown(reference.layout),
    tag: reference.tag === null ? null : shown(reference.tag),
    manifest: manifestDigest,
    store: shown(store.path),
    lowerdir: shown(lowerdirOf(layers)),
    layers: layers.map((layer) => ({ ...layer, path: shown(layer.path) })),
  }
}

function wordsOf(layers: readonly PresentLayer[]): string {
  const lines = [...layers]
    .reverse()
    .map(({ path, shared }) => `${shared ? 'there' : 'new  '} ${printable(shown(path))}\n`)
  return `${lines.join('')}lowerdir=${printable(shown(lowerdirOf(layers)))}\n`
}
