/**
 * Why a layer does not show what it has. The way goes from the root to a name. A layer falls out at the first directory
 * where one above it has a whiteout, a file, or an opaque directory. Layers are only read; nothing here decides what is
 * shown.
 */
import { type Layer, LayerDir } from '../layers/layer-dir.js'
import { S_IFDIR, S_IFMT } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { SearchContext } from './found.js'
import { readOpaqueX } from './search-state.js'

/**
 * The way to a name: `dirs[i]` has the parts, top first, of the directory that holds `names[i]`; it ends where nothing
 * shows.
 */
interface WayDown {
  readonly dirs: readonly (readonly LayerDir[])[]
  readonly names: readonly string[]
}

type Kind = 'directory' | 'other' | 'whiteout'

/** Why `layer` does not show what it has at the end of the way, in words; null when it has nothing there. */
export function hiddenBecause(c: SearchContext, { dirs, names }: WayDown, layer: Layer): string | null {
  let depth = 0
  while (depth + 1 < dirs.length && partIn(dirs[depth + 1]!, layer) !== undefined) depth++
  const part = partIn(dirs[depth]!, layer)
  if (part === undefined) return null
  const rest = names.slice(depth)
  const dir = walkTo(c, part, rest.slice(0, -1))
  const kind = dir === null ? null : kindAt(c, dir, rest.at(-1)!)
  if (kind === null || kind === 'whiteout') return kind
  const hider = hiddenBy(c, dirs[depth]!, rest[0]!, layer)
  if (hider !== null) return hider
  return kind === 'directory' ? 'hidden by a layer above' : 'not a directory'
}

function partIn(parts: readonly LayerDir[], layer: Layer): LayerDir | undefined {
  return parts.find((part) => part.layer === layer)
}

/** The directory of the same layer at `names` below `part`; null where one of them is none. */
function walkTo(c: SearchContext, part: LayerDir, names: readonly string[]): LayerDir | null {
  let dir = part
  for (const name of names) {
    if (kindAt(c, dir, name) !== 'directory') return null
    dir = new LayerDir(dir.layer, dir, name)
  }
  return dir
}

/** What `dir` itself has under `name`; null: nothing. */
function kindAt(c: SearchContext, dir: LayerDir, name: string): Kind | null {
  const fd = c.cache.fd(dir)
  if (fd < 0) return null
  readOpaqueX(c, dir, fd)
  if (native.statat(fd, name) < 0) return c.whiteouts.hasAufsWhiteout(dir, fd, name) ? 'whiteout' : null
  if (c.whiteouts.isWhiteout(dir, fd, name)) return 'whiteout'
  return (native.stat[Stat.MODE]! & S_IFMT) === S_IFDIR ? 'directory' : 'other'
}

/** What above `layer` ends the search of `name` in the directory of `parts`, in words; null when nothing does. */
function hiddenBy(c: SearchContext, parts: readonly LayerDir[], name: string, layer: Layer): string | null {
  for (const part of parts) {
    if (part.layer === layer) return null
    const kind = kindAt(c, part, name)
    const by = part.layer.isUpper ? 'the upper' : `lower ${part.layer.position}`
    if (kind === 'whiteout') return `behind a whiteout in ${by}`
    if (kind === 'other') return `behind a file in ${by}`
    if (kind === 'directory' && isOpaque(c, part, name)) return `behind an opaque directory in ${by}`
  }
  return null
}

function isOpaque(c: SearchContext, part: LayerDir, name: string): boolean {
  const fd = c.cache.fd(part)
  const marks = c.marks.read(fd, name)
  if (typeof marks !== 'number' && marks.opaque) return true
  if (c.whiteouts.hasAufsWhiteout(part, fd, name)) return true
  const dir = new LayerDir(part.layer, part, name)
  const inside = c.cache.fd(dir)
  return inside >= 0 && c.whiteouts.isAufsOpaque(dir, inside)
}
