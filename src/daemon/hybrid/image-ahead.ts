/** Metadata images of layers that nobody has mounted, for mounts to come. */
import { rmSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { pathBytes } from '../../base/text.js'
import { defaultPrefix, TRUSTED_MARKS } from '../../layers/marks.js'
import { native } from '../../syscalls/native.js'
import { isMachineRoot } from '../../syscalls/privilege.js'
import type { UnionConfig } from '../../union/context/config.js'
import { parseOptions } from '../options/parse.js'
import { dataRootsOf } from './data-roots.js'
import { hasImage, pathOfImage } from './image/image-file.js'
import { type MadeImage, makeImage } from './image/make-image.js'
import { lowerConfig } from './lower-config.js'

/**
 * Makes the image of `lowers`, absolute and resolved, as mounts with `options` need it; why there is none; null: there
 * can be none for this user.
 */
export function makeAhead(
  lowers: readonly string[],
  options: readonly string[] = [],
): MadeImage | StratafsError | null {
  const config = configOf(lowers, options)
  return config === null ? null : makeImage(config)
}

/** Throws the image of `lowers` away; false where there was none. */
export function dropAhead(lowers: readonly string[]): boolean {
  const config = configOf(lowers)
  if (config === null || !hasImage(config)) return false
  rmSync(pathBytes(pathOfImage(config)!), { force: true })
  return true
}

function configOf(lowers: readonly string[], options: readonly string[] = []): UnionConfig | null {
  if (!isMachineRoot() || defaultPrefix(null) !== TRUSTED_MARKS) return null
  const parsed = parseOptions(options, { strict: true, cwd: '/', lowers })
  const roots = dataRootsOf(lowers)
  if (parsed instanceof StratafsError || typeof roots === 'number') return null
  for (const fd of roots.fds) native.close(fd)
  return lowerConfig(parsed.config, roots)
}
