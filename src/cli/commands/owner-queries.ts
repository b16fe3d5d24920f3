/** which, ls and du: asked through the library, printed for a reader or as JSON. */
import { pathBytes, shown } from '../../base/text.js'
import { type LayerSpace, type LayerTarget, listOwners, type Origin, spaceByLayer, which } from '../../index.js'
import { Exit, printError } from '../terminal/errors.js'
import { print, printJson, printLines } from '../terminal/print.js'

type Layers = Omit<LayerTarget, 'merged'>

/**
 * Prints where each of `paths` (latin1) comes from. One that cannot be found does not keep the others from being told.
 */
export async function runWhich(paths: readonly string[], layers: Layers, json: boolean): Promise<number> {
  const origins: Origin[] = []
  let code: number = Exit.DONE
  for (const path of paths) {
    try {
      const origin = await which(pathBytes(path), layers)
      origins.push(origin)
      if (origin.layer === null) code = Exit.FAILED
    } catch (error) {
      printError((error as Error).message)
      code = Exit.FAILED
    }
  }
  if (json) printJson(origins)
  else for (const origin of origins) printLines(originLines(origin))
  return code
}

/** `PATH: lower 1 /layers/base/etc/passwd`, and a line for each other layer that has the name. */
function originLines(origin: Origin): string[] {
  const shows = origin.index === null ? 'does not show' : `${layerName(origin.index)} ${origin.realpath}`
  const others = origin.also.map((other) => `  ${layerName(other.index)} ${other.root} (${other.why})`)
  return [`${origin.path}: ${shows}`, ...others]
}

function layerName(index: number): string {
  return index < 0 ? 'upper' : `lower ${index}`
}

/** Prints the entries of a merged directory (latin1), each after its owner where `owners`. */
export async function runLs(directory: string, layers: Layers, owners: boolean, json: boolean): Promise<number> {
  const entries = await listOwners(pathBytes(directory), layers)
  if (json) return printJson(entries)
  const of = (joined: readonly number[]): string => joined.map((at) => (at < 0 ? 'upper' : String(at))).join(',')
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
  if (json) return printJson(spaces)
  print(
    `${'layer'.padEnd(6)}${['entries', 'size', 'on disk', 'hidden'].map((word) => word.padStart(10)).join('')}  root`,
  )
  for (const space of spaces) print(spaceText(space))
  return Exit.DONE
}

function spaceText({ layer, entries, bytes, disk, hidden, root }: LayerSpace): string {
  const cells = [String(entries), ...[bytes, disk, hidden].map(sizeText)].map((cell) => cell.padStart(10))
  return `${(layer < 0 ? 'upper' : String(layer)).padEnd(6)}${cells.join('')}  ${root}`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function sizeText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`
}
