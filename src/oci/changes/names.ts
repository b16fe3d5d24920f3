/**
 * The names of a merged directory, and which of its parts each comes from first: the parts' own listings joined from
 * the top, less what is hidden on the way.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import type { SearchedDirectory } from '../../stack/found.js'
import { type LayerStack, pathOf } from '../../stack/layer-stack.js'
import { joinPart } from '../../stack/merged-names.js'
import { readOpaqueX } from '../../stack/search-state.js'

/** Where a name shows first. */
interface NamePlace {
  /** Counted from the upper, where there is one. */
  readonly part: number
  /** DT_*, as the directory says it. */
  readonly type: number
}

/** The parts of a directory, top first. */
export function partsOf(dir: SearchedDirectory): LayerDir[] {
  return dir.upper === null ? [...dir.lowers] : [dir.upper, ...dir.lowers]
}

/** What `part` itself shows and hides; true when `.wh..wh..opq` makes it opaque. Throws StratafsError. */
export function listPart(
  stack: LayerStack,
  part: LayerDir,
  show: (name: string, type: number) => void,
  hide: (name: string) => void,
): boolean {
  stack.cache.beginOperation()
  readOpaqueX(stack, part, stack.fd(part))
  const opaque = stack.whiteouts.list(part, show, hide)
  if (opaque >= 0) return opaque === 1
  throw unreadable(part, opaque)
}

function unreadable(part: LayerDir, errno: number): StratafsError {
  return new StratafsError(`${shown(pathOf(part, ''))} cannot be read: ${errnoWords(errno)}`)
}

/** Every name that the merged directory shows. Throws StratafsError. */
export function mergedNames(stack: LayerStack, dir: SearchedDirectory): Map<string, NamePlace> {
  const names = new Map<string, NamePlace>()
  const shown = {
    has: (name: string): boolean => names.has(name),
    add: (name: string, type: number, part: number): void => void names.set(name, { part, type }),
  }
  const hidden = new Set<string>()
  for (const [part, real] of partsOf(dir).entries()) {
    stack.cache.beginOperation()
    const opaque = joinPart(stack, real, part, shown, hidden)
    if (opaque < 0) throw unreadable(real, opaque)
    if (opaque > 0) break
  }
  return names
}

/** The order of bytes, which is that of latin1 strings. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
