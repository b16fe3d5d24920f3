/**
 * Top-down search of one name through the layers of a directory: the rules by which layers become one. The upper is
 * asked first, then the lowers in order. A whiteout, or anything that is not a directory, ends the search. A directory
 * joins what is found below it, unless it is opaque. A redirect says under which name or path the rest is found. A
 * metacopy has its content further down. Mirrors ovl_lookup(), ovl_lookup_layer() and ovl_lookup_single() in
 * fs/overlayfs/namei.c.
 */
import { Errno } from '../base/errno.js'
import type { LayerDir } from '../layers/layer-dir.js'
import { S_IFREG } from '../syscalls/constants.js'
import { Found, type LowerAnswers, type SearchContext, type SearchedDirectory } from './found.js'
import { Search } from './search-state.js'

export { Found, type LowerAnswers, type SearchContext, type SearchedDirectory }

/** A search through so many parts is told of, when so many of them have been asked. */
export const MANY_PARTS = 8
const TRIED = 2

/**
 * Searches `name` in the directory made of `dir`'s parts. `first`: the part (0 the upper, or the top lower) in which
 * the name is known to appear first, so that those above need not be asked. `answers`: what is known of the lower parts
 * together.
 */
export function searchParts(
  u: SearchContext,
  dir: SearchedDirectory,
  name: string,
  first: number,
  answers: LowerAnswers | null,
): Found {
  const s = new Search(u, name, dir.lowers.length === 0 && !dir.impure)
  const uppers = dir.upper === null ? 0 : 1
  const parts = dir.lowers.length + uppers
  let deepest = -2
  for (let i = first; i < parts && !s.done && s.path === null; i++) {
    const mayAnswer = answers !== null && !s.refused && i >= uppers && deepest < 0 && s.found.type !== S_IFREG
    if (mayAnswer && answers.answer(u, dir, s.found, s.name)) break
    if (i === first + TRIED && parts - first >= MANY_PARTS) u.searching?.(dir.lowers, i - uppers, s.name)
    const part = i < uppers ? dir.upper! : dir.lowers.at(i - uppers)!
    deepest = part.layer.position
    s.visit(part, i + 1 < parts)
  }
  if (s.path !== null) followPath(u, s, deepest)
  if (s.lacksContent && s.found.error === 0) s.lookInDataOnly()
  // As ovl_lookup(): a hole is not to be taken for the content.
  if (s.lacksContent && s.found.error === 0) s.found.error = -Errno.EIO
  return s.found
}

function followPath(u: SearchContext, s: Search, above: number): void {
  for (let i = above + 1; i < u.lowers.length && !s.done; i++) s.visitPath(u.lowers[i]!.root, i + 1 < u.lowers.length)
}

/**
 * The lower roots that show: `.wh..wh..opq` in a layer's root hides all below it. `upper`: the upper's root, or null.
 */
export function shownRoots(c: SearchContext, upper: LayerDir | null): LayerDir[] {
  const lowers = c.lowers.map((layer) => layer.root)
  const roots = upper === null ? lowers : [upper, ...lowers]
  const opaque = roots.findIndex((root) => c.whiteouts.isAufsOpaque(root, root.layer.rootFd))
  const shown = opaque < 0 ? roots : roots.slice(0, opaque + 1)
  return shown.filter((root) => root !== upper)
}
