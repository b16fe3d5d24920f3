/**
 * What an entry's name means in a layer, decided before anything is touched: a place below the root, a whiteout, an
 * opaque mark, or nothing that may be unpacked. A slash at the beginning means the layer's root, as every other reader
 * takes it. A name that leads out (`..`) or plays with the whiteouts' prefix is refused here; that the kernel too
 * refuses to leave the root, or to go through a symbolic link, is the second lock on the same door (tree.ts). Pure.
 */

import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { NAME_MAX, PATH_MAX } from '../../syscalls/constants.js'
import { entryFault } from '../tar/entry.js'

/** AUFS's own files in a layer's root (`.wh..wh.plnk`, `.wh..wh.aufs`): bookkeeping, not content. */
const AUFS_META = '.wh..wh.'

/** A name or a directory whose lower parts do not show through. */
export type Hiding =
  | { readonly kind: 'whiteout'; readonly parent: string; readonly name: string }
  | { readonly kind: 'opaque'; readonly path: string }

type Meaning =
  | { readonly kind: 'root' }
  /** `name` in the directory `parent` ('' is the root). */
  | { readonly kind: 'entry'; readonly parent: string; readonly name: string }
  | Hiding
  | { readonly kind: 'bookkeeping' }

/** What `name` (latin1, as in the archive) means. Throws StratafsError where it may mean nothing. */
export function meaningOf(name: string): Meaning {
  const parts = componentsOf(name, name)
  const last = parts.at(-1)
  if (last === undefined) return { kind: 'root' }
  if (parts[0]!.startsWith(AUFS_META) && parts[0] !== AUFS_OPAQUE) return { kind: 'bookkeeping' }
  const parent = parts.slice(0, -1)
  if (parent.some((part) => part.startsWith(AUFS_PREFIX))) {
    throw entryFault(name, 'it lies in what the layer says to hide (a directory called .wh.…)')
  }
  const above = parent.join('/')
  if (!last.startsWith(AUFS_PREFIX)) return { kind: 'entry', parent: above, name: last }
  if (last === AUFS_OPAQUE) return { kind: 'opaque', path: above }
  return { kind: 'whiteout', parent: above, name: hiddenName(name, last) }
}

function hiddenName(name: string, last: string): string {
  const hidden = last.slice(AUFS_PREFIX.length)
  if (hidden === '' || hidden === '.' || hidden === '..') {
    throw entryFault(name, 'a whiteout has to name an entry of its own directory')
  }
  if (hidden.startsWith(AUFS_PREFIX)) throw entryFault(name, 'a whiteout of a whiteout means nothing')
  return hidden
}

/** The path below the root that a hard link's target names. Throws StratafsError. */
export function targetOf(name: string, linkname: string): { readonly parent: string; readonly name: string } {
  const parts = componentsOf(name, linkname)
  const last = parts.pop()
  if (last === undefined) throw entryFault(name, 'a hard link to the layer’s root')
  if ([...parts, last].some((part) => part.startsWith(AUFS_PREFIX))) {
    throw entryFault(name, 'a hard link to a whiteout')
  }
  return { parent: parts.join('/'), name: last }
}

/** The components of `path`, `.` and doubled slashes left out; a fault is told of the entry `name`. */
function componentsOf(name: string, path: string): string[] {
  const what = path === name ? 'its name' : 'the name it links to'
  if (path === '') throw entryFault(name, `${what} is empty`)
  if (path.includes('\0')) throw entryFault(name, `${what} contains NUL`)
  if (path.length >= PATH_MAX) throw entryFault(name, `${what} is ${path.length} bytes long, more than Linux resolves`)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw entryFault(name, `${what} leads out of its directory (..)`)
  const long = parts.find((part) => part.length > NAME_MAX)
  if (long !== undefined)
    throw entryFault(name, `a part of ${what} is ${long.length} bytes long; ${NAME_MAX} are possible`)
  return parts
}
