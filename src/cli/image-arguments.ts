/** How the image commands read what they are given: LAYOUT:TAG as a person writes it, and the store. */
import { realpathSync } from 'node:fs'
import { posix } from 'node:path'
import { pathBytes } from '../base/text.js'
import type { Platform } from '../oci/layout-types.js'
import { parsePlatform } from '../oci/platform.js'
import { defaultStore } from '../oci/store.js'
import { parseNewReference, parseReference, type Reference } from '../oci/store-layout.js'
import { absolutePath } from './apply-run.js'

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

/** An image that is to be made. Throws StratafsError. */
export function newReferenceOf(given: string): Reference & { tag: string } {
  return parseNewReference(given, resolvedPath)
}

/** The store that is meant, absolute. */
export function storePath(given: string | undefined): string {
  return resolvedPath(given ?? defaultStore())
}

/** What `--platform` says; null where it is not given. Throws StratafsError. */
export function platformOf(given: string | undefined): Platform | null {
  return given === undefined ? null : parsePlatform(given)
}
