/**
 * Which image a list of lower directories is: layers in a store are named after digests, which nobody knows by heart,
 * while the store remembers the image and its layout still has the history that says how each layer came about. Only
 * reads.
 */
import { StratafsError } from '../../base/failure.js'
import { Layout } from '../image/layout.js'
import { historyOf } from '../image/listing.js'
import { referenceText } from './images.js'
import { lowersOf } from './layer-paths.js'
import { LayerStore } from './store.js'

interface KnownImage {
  /** LAYOUT:TAG, for a person. */
  readonly reference: string
  /** A name for each lower, top first: `layer 3/4  RUN make install`, or `layer 3/4` where the layout has gone. */
  readonly layers: readonly string[]
}

const IN_STORE = /^(.*)\/layers\/(?:chain-)?sha256-[0-9a-f]{64}$/s

/** The image that `lowers` (absolute, latin1, top first) are; null where no store knows of one. */
export function imageOfLowers(lowers: readonly string[]): KnownImage | null {
  const stores = new Set(lowers.map((lower) => IN_STORE.exec(lower)?.[1] ?? null))
  const [path] = stores
  if (stores.size !== 1 || path === null || path === undefined) return null
  try {
    return known(LayerStore.open(path), lowers)
  } catch (error) {
    // A store that cannot be read has no names to tell.
    if (error instanceof StratafsError || (error as NodeJS.ErrnoException).code !== undefined) return null
    throw error
  }
}

type Record = ReturnType<LayerStore['records']>[number]['record']

function known(store: LayerStore, lowers: readonly string[]): KnownImage | null {
  const pathsOf = ({ layers }: Record) => lowersOf(layers.map((name) => ({ path: store.layerPath(name) })))
  const records = store.records().map(({ record }) => record)
  const fitting = records.filter((record) => pathsOf(record).join('\0') === lowers.join('\0'))
  const [record] = fitting.sort((a, b) => b.unpacked.localeCompare(a.unpacked))
  if (record === undefined) return null
  const steps = stepsOf(record)
  const layers = lowers.map((lower) => {
    const name = lower.slice(lower.lastIndexOf('/') + 1)
    const step = steps.get(name) ?? ''
    return `layer ${record.layers.lastIndexOf(name) + 1}/${record.layers.length}${step === '' ? '' : `  ${step}`}`
  })
  return { reference: referenceText(record), layers }
}

/**
 * What made each layer, by the layer's name in the store; nothing where the layout is not there or has another image
 * now.
 */
function stepsOf({ layout: path, manifest }: Record): Map<string, string> {
  const steps = new Map<string, string>()
  try {
    const layout = Layout.open(path)
    const entry = layout.index().manifests.find(({ digest }) => digest === manifest)
    if (entry === undefined) return steps
    for (const { diffID, chainID, createdBy } of historyOf(layout, layout.imageOf(entry), false)) {
      if (diffID !== null) steps.set(diffID.replace(':', '-'), stepText(createdBy))
      if (chainID !== null) steps.set(`chain-${chainID.replace(':', '-')}`, stepText(createdBy))
    }
  } catch (error) {
    if (!(error instanceof StratafsError)) throw error
  }
  return steps
}

/** As the Dockerfile has it: builders write the shell and remarks of their own around it. */
export function stepText(createdBy: string): string {
  const line = createdBy.replace(/\s+/g, ' ').trim()
  const plain = line.replace(/^\/bin\/sh -c #\(nop\) +/, '').replace(/ # buildkit$/, '')
  return plain.replace(/^(RUN )?\/bin\/sh -c /, 'RUN ')
}
