/** The stack as a picture: each layer with its size, age, command, and with whom it is shared; how far reading is. */
import type { ViewContext } from './context.js'
import type { LayerInfo, Overview } from './types.js'
import { wastedSums } from './waste-sums.js'

const SQL = `SELECT layer, label, bytes, entries, (SELECT coalesce(sum(bytes), 0) FROM wasted
  WHERE wasted.layer = layers.layer) AS wasted, stored, created, command FROM layers ORDER BY layer DESC`.replace(
  /\s+/g,
  ' ',
)

/** Answers at once, also while the layers are being read. */
export function overviewOf(context: ViewContext): Overview {
  const { source, filling, index } = context
  const wasted = filling.isComplete ? wastedByLayer(context) : null
  const layers = source.layers.map((_, at) => layerInfo(context, at, wasted))
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0)
  const lost = wasted === null ? null : [...wasted.values()].reduce((sum, each) => sum + each, 0)
  const image = source.image
  return {
    title: source.title,
    kind: source.kind,
    complete: filling.isComplete,
    version: filling.version,
    layers,
    bytes,
    visible: lost === null ? null : bytes - lost,
    wasted: lost,
    image: image === null ? null : { tag: image.tag, platform: image.platform, created: image.created },
    index: index.path,
    words: source.words ?? [source.title],
    sql: SQL,
  }
}

/** Bytes of each layer that a layer above hides. */
function wastedByLayer(context: ViewContext): Map<number, number> {
  const found = new Map<number, number>()
  for (const { layer, bytes } of wastedSums(context)) found.set(layer, (found.get(layer) ?? 0) + bytes)
  return found
}

function layerInfo(context: ViewContext, at: number, wasted: ReadonlyMap<number, number> | null): LayerInfo {
  const { source, filling, index } = context
  const { content, label, digest, diffID, created, command, stored, shared } = source.layers[at]!
  const { state, read, fault } = filling.layers[at]!
  const [bytes, entries] = index.sql('SELECT bytes, entries FROM layers WHERE layer = ?').raw().get(at) as number[]
  const whole = content.kind === 'blob' ? content.part.length : 0
  return {
    layer: at,
    ...{ label, digest, diffID, created, command, stored, shared },
    bytes: bytes!,
    entries: entries!,
    wasted: wasted === null ? null : (wasted.get(at) ?? 0),
    root: content.kind === 'directory' ? Buffer.from(content.root, 'latin1').toString('utf8') : null,
    state,
    progress: state === 'done' ? 1 : whole > 0 ? Math.min(1, read / whole) : 0,
    fault,
  }
}
