/**
 * How the parts of a directory become one list of names: top first, each name once, less what a part above hides. The
 * owner index asks the same of the parts but keeps the reasons as well (explained-names.ts).
 */
import type { LayerDir } from '../layers/layer-dir.js'
import type { SearchContext } from './found.js'
import { readOpaqueX } from './search-state.js'

/** Where the names come together. `type`: DT_*, as the directory says it; `part`: position among the parts. */
interface MergedNames {
  has(name: string): boolean
  add(name: string, type: number, part: number): void
}

/**
 * Joins what `dir`, the part at `part`, shows to `names`, and what it hides to `hidden`. 1: nothing below counts; 0;
 * -errno.
 */
export function joinPart(
  c: SearchContext,
  dir: LayerDir,
  part: number,
  names: MergedNames,
  hidden: Set<string>,
): number {
  const fd = c.cache.fd(dir)
  if (fd < 0) return fd
  readOpaqueX(c, dir, fd)
  const below: string[] = []
  const show = (name: string, type: number): void => {
    if (!hidden.has(name) && !names.has(name)) names.add(name, type, part)
  }
  const opaque = c.whiteouts.list(dir, show, (name) => below.push(name))
  // Only now: a name beside its own `.wh.` is shown.
  for (const name of below) hidden.add(name)
  return opaque
}
