/** How commands read what people give them as paths and images: from the current directory, as bytes. */

import { realpathSync } from 'node:fs'
import { posix } from 'node:path'
import { pathBytes } from '../../base/text.js'
import { parseNewReference, parseReference, type Reference } from '../../oci/store/images.js'
import { defaultStore } from '../../oci/store/store.js'
import { currentDirectory } from './arguments.js'

/** `path` (latin1) from the current directory. */
export function absolutePath(path: string): string {
  return path.startsWith('/') ? path : `${currentDirectory()}/${path}`
}

/** `path` (latin1) absolute and without links; the last component may be missing. */
export function resolvedPath(path: string): string {
  const absolute = posix.normalize(absolutePath(path)).replace(/(.)\/+$/, '$1')
  return (
    real(absolute) ?? posix.join(real(posix.dirname(absolute)) ?? posix.dirname(absolute), posix.basename(absolute))
  )
}

export function real(path: string): string | null {
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

/** An image that is to be made. Throws StratafsError. */
export function newReferenceOf(given: string): Reference & { tag: string } {
  return parseNewReference(given, resolvedPath)
}

/** The store that is meant, absolute. */
export function storePath(given: string | undefined): string {
  return resolvedPath(given ?? defaultStore())
}
