/** which, ls and du: asked through the library, printed for a reader or as JSON. */
import { pathBytes, shown } from '../../base/text.js'
import {
  type LayerSpace,
  listOwners,
  type NamedLayers,
  type Origin,
  spaceByLayer,
  which,
} from '../../library/owners.js'
import { Exit, printError } from '../terminal/errors.js'
import { print, printJson, printLines } from '../terminal/print.js'
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
  if (json) printJson(origins.map(([origin, words]) => named(origin, words)))
  else for (const [origin, words] of origins) printLines(originLines(origin, words))
  return code
}

function wordsOf(path: string, { lower, names }: Layers): LayerWords {
  return wordsFor(
    path,
    lower.map((each) => each.toString('latin1')),
    names,
  )
}

function named(origin: Origin, words: LayerWords) {
  const also = origin.also.map((other) => ({ ...other, name: words.name(other.index) }))
  return { ...origin, name: origin.index === null ? null : words.name(origin.index), also }
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
  if (json) return printJson(entries)
  const words = wordsOf(directory, layers)
  const of = (joined: readonly number[]): string => joined.map((at) => words.short(at)).join(',')
  const width = Math.max(5, ...entries.map((entry) => of(entry.layers).length))
  for (const { name, kind, layers: joined } of entries) {
    const word = kind === 'directory' ? `${name}/` : name
    print(owners ? `${of(joined).padEnd(width)}  ${word}` : word)
  }
  return Exit.DONE
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
  if (!byLayer) {
    const total = spaces.reduce((sum, { disk }) => sum + disk, 0)
    if (json) return printJson({ disk: total, bytes: spaces.reduce((sum, { bytes }) => sum + bytes, 0) })
    print(`${sizeText(total)}  ${shown(directory ?? '/')}`)
    return Exit.DONE
  }
  const words = wordsOf(directory ?? '/', layers)
  if (json) return printJson(spaces.map((space) => ({ ...space, name: words.name(space.layer) })))
  printTable(
    SPACES,
    spaces.map((space) => spaceRow(space, words)),
  )
  return Exit.DONE
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
