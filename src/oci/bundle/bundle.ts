/**
 * An OCI bundle over a mount: a directory with a config.json whose root is the merged directory, so that
 * `runc run -b DIR ID` works at once. The bundle holds nothing else; the mount is not its own and stays when the bundle
 * is removed.
 */

import { writeFileSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { makeDirectories } from '../../base/make-directories.js'
import { fromText, pathBytes, shown } from '../../base/text.js'
import { findMount } from '../../daemon/control/find-mount.js'
import { bundleConfig } from './bundle-config.js'

interface BundleRequest {
  /** Absolute latin1 paths. */
  readonly merged: string
  readonly directory: string
  /** Latin1; `sh` where none is given. */
  readonly command: readonly string[]
  readonly uid: number
  readonly gid: number
  readonly terminal: boolean
  readonly readonly: boolean
}

interface Bundle {
  /** Latin1 paths. */
  readonly config: string
  readonly root: string
}

/**
 * Writes the bundle, or says why not. The directory is made where it is missing; a config.json in it is never replaced.
 */
export function makeBundle(request: BundleRequest): Bundle | StratafsError {
  const mount = findMount(request.merged)
  if (mount instanceof StratafsError) return mount
  if (mount.entry === null)
    return new StratafsError(`${shown(mount.path)} is mounted in another mount namespace only`, 'NOT_A_MOUNT')
  const owner = process.getuid?.() === 0 ? null : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  if (owner !== null && (request.uid !== 0 || request.gid !== 0))
    return new StratafsError(
      'an ordinary user’s bundle has one user inside, who is 0 there',
      'INVALID_ARGUMENT',
      'leave --user away',
    )
  const root = textOf(mount.path)
  const command = (request.command.length === 0 ? ['sh'] : request.command).map(textOf)
  if (root === null || command.includes(null))
    return new StratafsError(
      `${shown(mount.path)} or the command is not UTF-8, and config.json can hold nothing else`,
      'INVALID_ARGUMENT',
    )
  const readonly = request.readonly || mount.daemon?.state.config.upper === null
  const { uid, gid, terminal } = request
  const config = bundleConfig({ root, readonly, command: command as string[], uid, gid, terminal, owner })
  return writeBundle(request.directory, mount.path, `${JSON.stringify(config, null, 2)}\n`)
}

/** The text whose bytes `bytes` is; null where they are no UTF-8. */
function textOf(bytes: string): string | null {
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  return fromText(text) === bytes ? text : null
}

function writeBundle(directory: string, root: string, text: string): Bundle | StratafsError {
  const config = `${directory}/config.json`
  try {
    makeDirectories(pathBytes(directory))
    writeFileSync(pathBytes(config), text, { flag: 'wx' })
    return { config, root }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') return new StratafsError(`${shown(config)} cannot be written: ${errorWords(error)}`)
    return new StratafsError(`${shown(config)} is there already`, 'EXISTS', 'remove it, or name another directory')
  }
}
