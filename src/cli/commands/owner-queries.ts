/** which, ls and du: asked through the library, printed for a reader or as JSON. */
import { pathBytes, shown } from '../../base/text.js'
import {
  type LayerSpace,
  listOwners,
  type NamedLayers,
  type Origin,
  type OwnerOfEntry,
  spaceByLayer,
  which,
} from '../../library/owners.js'
import { toBytes } from '../../library/paths.js'
import { printDocument } from '../documents/documents.js'
import type { ListedEntry, OriginOfPath, SpaceOfLayer } from '../documents/owners.js'
import { Exit, printError } from '../terminal/errors.js'
import { print, printLines } from '../terminal/print.js'
import { printTable } from '../terminal/table.js'
import { sizeText } from '../terminal/units.js'
import { type LayerWords, wordsFor } from './layer-words.js'

type Layers = NamedLayers & { readonly lower: readonly Buffer[]; readonly names: readonly string[] }

/**
 * Prints where each of `paths` (latin1) comes from. One that cannot be found does not keep the others from being told.
 */
export async function runWhich(paths: readonly string[], layers: Layers, json: boolean): Promise<number> {
  const origins: [Origin, LayerWords][] = []
  let code: number = Exit.DONE
  for (const path of paths) {
    try {
      const origin = await which(pathBytes(path), layers)
      origins.push([origin, wordsOf(path, layers)])
      if (origin.layer === null) code = Exit.FAILED
    } catch (error) {
      printError((error as Error).message)
      code = Exit.FAILED
    }
  }
  if (json) printDocument('which', { schemaVersion: 1, paths: origins.map(toldOrigin) })
  else for (const [origin, words] of origins) printLines(originLines(origin, words))
  return code
}

function wordsOf(path: string, { lower, names, upper }: Layers): LayerWords {
  const lowers = lower.map(toBytes)
  return wordsFor(path, { lowers, names, upper: upper === undefined ? undefined : toBytes(upper) })
}

function toldOrigin([{ path, index, realpath, also }, words]: [Origin, LayerWords]): OriginOfPath {
  const others = also.map((other) => ({ layer: words.layer(other.index), why: other.why }))
  return { path, layer: index === null ? null : words.layer(index), realpath, also: others }
}

/** `PATH: lower 1 (base) /layers/base/etc/passwd`, and a line for each other layer that has the name. */
function originLines(origin: Origin, words: LayerWords): string[] {
  const shows = origin.index === null ? 'does not show' : `${words.inside(origin.index)} ${origin.realpath}`
  const others = origin.also.map(({ index, root, why }) => `  ${words.inside(index)} ${root} (${words.within(why)})`)
  return [`${origin.path}: ${shows}`, ...others]
}

/** Prints the entries of a merged directory (latin1), each after its owner where `owners`. */
export async function runLs(directory: string, layers: Layers, owners: boolean, json: boolean): Promise<number> {
  const entries = await listOwners(pathBytes(directory), layers)
  const words = wordsOf(directory, layers)
  if (json) {
    const told = entries.map((entry) => toldEntry(entry, words))
    return printDocument('ls', { schemaVersion: 1, path: shown(directory), entries: told })
  }
  const of = (joined: readonly number[]): string => joined.map((at) => words.short(at)).join(',')
  const width = Math.max(5, ...entries.map((entry) => of(entry.layers).length))
  for (const { name, kind, layers: joined } of entries) {
    const word = kind === 'directory' ? `${name}/` : name
    print(owners ? `${of(joined).padEnd(width)}  ${word}` : word)
  }
  return Exit.DONE
}

function toldEntry({ layer, layers, ...entry }: OwnerOfEntry, words: LayerWords): ListedEntry {
  return { ...entry, layer: words.layer(layer), layers: layers.map((each) => words.layer(each)) }
}

/** Prints the space that layers use below `directory` (latin1). */
export async function runDu(
  directory: string | undefined,
  layers: Layers,
  byLayer: boolean,
  json: boolean,
): Promise<number> {
  if (directory === undefined && !layers.lower?.length) {
    printError('du: name a directory in a mount, or layers with --lower')
    return Exit.USAGE
  }
  const spaces = await spaceByLayer(pathBytes(directory ?? '/'), layers)
  const words = wordsOf(directory ?? '/', layers)
  const path = shown(directory ?? '/')
  const disk = total(spaces, 'disk')
  if (json) {
    const told = spaces.map((space) => toldSpace(space, words))
    return printDocument('du', { schemaVersion: 1, path, bytes: total(spaces, 'bytes'), disk, layers: told })
  }
  if (!byLayer) {
    print(`${sizeText(disk)}  ${path}`)
    return Exit.DONE
  }
  printTable(
    SPACES,
    spaces.map((space) => spaceRow(space, words)),
  )
  return Exit.DONE
}

function total(spaces: readonly LayerSpace[], of: 'bytes' | 'disk'): number {
  return spaces.reduce((sum, space) => sum + space[of], 0)
}

function toldSpace({ layer, root: _, ...space }: LayerSpace, words: LayerWords): SpaceOfLayer {
  return { layer: words.layer(layer), ...space }
}

const SPACES = [
  { header: 'LAYER', cut: 'end' },
  { header: 'ENTRIES', right: true },
  { header: 'SIZE', right: true },
  { header: 'ON DISK', right: true },
  { header: 'HIDDEN', right: true },
  { header: 'ROOT', cut: 'start' },
] as const

function spaceRow({ layer, entries, bytes, disk, hidden, root }: LayerSpace, words: LayerWords): string[] {
  return [words.whole(layer), String(entries), ...[bytes, disk, hidden].map(sizeText), root]
}
