/** What `stratafs layer add|remove|replace` do. Arguments are latin1 strings. */
import { pathBytes, printable, shown } from '../../base/text.js'
import { addLayers, type LayersChanged, removeLayers, replaceLayer } from '../../library/live/layers.js'
import { printDocument } from '../documents/documents.js'
import { Exit } from '../terminal/errors.js'
import { splitNamed } from '../terminal/named-layer.js'
import { writeOut } from '../terminal/output.js'

/** Prints the lower layers as they are then; the exit code. */
export async function runLayerAdd(merged: string, directories: readonly string[], json: boolean): Promise<number> {
  const named = directories.map(splitNamed)
  const names = named.map(({ name }) => shown(name))
  const changed = await addLayers(
    pathBytes(merged),
    named.map(({ path }) => pathBytes(path)),
    { names },
  )
  return json ? printDocument('layer add', { schemaVersion: 1, ...changed }) : print(changed)
}

/** As `runLayerAdd`. */
export async function runLayerRemove(merged: string, layers: readonly string[], json: boolean): Promise<number> {
  const changed = await removeLayers(pathBytes(merged), layers.map(pathBytes))
  return json ? printDocument('layer remove', { schemaVersion: 1, ...changed }) : print(changed)
}

/** As `runLayerAdd`. */
export async function runLayerReplace(merged: string, layer: string, by: string, json: boolean): Promise<number> {
  const { name, path } = splitNamed(by)
  const changed = await replaceLayer(pathBytes(merged), pathBytes(layer), pathBytes(path), shown(name))
  return json ? printDocument('layer replace', { schemaVersion: 1, ...changed }) : print(changed)
}

function print({ lowers }: LayersChanged): number {
  writeOut(lowers.map((path) => `${printable(path)}\n`).join(''))
  return Exit.DONE
}
