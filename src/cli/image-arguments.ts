/** What the image commands have in common: LAYOUT:TAG as a person writes it, the store, and how references are resolved. */
import { realpathSync } from 'node:fs'
import { posix } from 'node:path'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { defaultStore } from '../oci/store.js'
import { parseReference, type Reference } from '../oci/store-layout.js'
import { absolutePath } from './apply-run.js'

/** How the positional is described. */
export const REFERENCE = {
  type: 'string',
  demandOption: true,
  describe: 'LAYOUT:TAG, an image in an OCI layout; LAYOUT alone where it holds one',
} as const

export const STORE = {
  type: 'string',
  requiresArg: true,
  describe: 'the store of unpacked layers [STRATAFS_STORE, /var/lib/stratafs, ~/.local/share/stratafs]',
} as const

/** `path` (latin1) absolute and without links; the last component may be missing. */
export function resolvedPath(path: string): string {
  const absolute = posix.normalize(absolutePath(path)).replace(/(.)\/+$/, '$1')
  return (
    real(absolute) ?? posix.join(real(posix.dirname(absolute)) ?? posix.dirname(absolute), posix.basename(absolute))
  )
}

function real(path: string): string | null {
  try {
    return realpathSync.native(pathBytes(path), { encoding: 'buffer' }).toString('latin1')
  } catch {
    return null
  }
}

/** An image that is there. Throws StratafsError. */
export function referenceOf(given: string): Reference {
  return parseReference(given, resolvedPath)
}

/** An image that is to be made: the tag is what follows the last colon. Throws StratafsError. */
export function newReferenceOf(given: string): Reference & { tag: string } {
  const colon = given.lastIndexOf(':')
  const tag = given.slice(colon + 1)
  if (colon <= 0 || !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag)) {
    throw new StratafsError(`${shown(given)}: name the image as LAYOUT:TAG, the tag of letters, digits, . _ and -`)
  }
  return { layout: resolvedPath(given.slice(0, colon)), tag }
}

/** The store that is meant, absolute. */
export function storePath(given: string | undefined): string {
  return resolvedPath(given ?? defaultStore())
}
