/**
 * What a mount is told, and refused, where the addon is missing: extended attributes cannot be read then, so a layer
 * that says something with them would be shown wrong. getfattr(1), where it is installed, looks for such marks before
 * anything is mounted.
 */
import { spawnSync } from 'node:child_process'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { MountPlan } from '../options/mount-settings.js'

/** Marks that change what a layer shows; the others (origin, impure, nlink) only keep numbers. */
const MARKS = '^((trusted|user)\\.overlay\\.(opaque|redirect|metacopy|whiteout)|user\\.fuseoverlayfs\\.opaque)$'

/** What is done without, for the log and `inspect`. */
const WITHOUT_ADDON: readonly string[] = [
  'no addon: extended attributes are neither shown nor set nor copied up, ACLs and capabilities with them',
  'no addon: whiteouts are written as .wh.NAME; renaming a lower directory is EXDEV, and mv copies',
  'no addon: the index of owners is off',
  'no addon: lower layers are not kept from being written by a private, read-only mount',
]

const UNSEEN =
  'no addon: whether layers carry overlay marks was not looked for (getfattr of the package attr is missing, or ' +
  'could not be run)'

/** The plan as it can be carried out without the addon, with what has to be said; or why it cannot. */
export function withoutAddon(
  plan: MountPlan,
): { readonly plan: MountPlan; readonly notes: readonly string[] } | StratafsError {
  const { config } = plan
  if (config.xattrPermissions !== 0)
    return new StratafsError(
      'option xattr_permissions needs extended attributes, and without the addon there are none',
      'MOUNT_REFUSED',
    )
  if (config.limit)
    return new StratafsError(
      'options size and inodes need the addon: without it nobody counts what the upper takes up',
      'MOUNT_REFUSED',
      'build it (npm run build:native), or leave them away',
    )
  if ((config.dataLowers ?? []).length > 0)
    return new StratafsError(
      'data-only layers (lowerdir=A::D) need extended attributes, and without the addon there are none',
      'MOUNT_REFUSED',
    )
  const layers = [...config.lowers, ...(config.upper === null ? [] : [config.upper])]
  const looked = layers.map(marksIn)
  const refused = looked.find((found) => found instanceof StratafsError)
  if (refused !== undefined) return refused
  const notes = looked.includes(null) ? [...WITHOUT_ADDON, UNSEEN] : WITHOUT_ADDON
  return { plan: { ...plan, config: { ...config, index: 'off', metacopy: false } }, notes }
}

/** true: there are none; null: getfattr could not be asked; else why the layer cannot be used. */
function marksIn(path: string): true | null | StratafsError {
  const text = shown(path)
  if (text.includes('\ufffd')) return null
  const words = ['-R', '-P', '-h', '--absolute-names', '-m', MARKS, '--', text]
  const { error, stdout } = spawnSync('getfattr', words, { encoding: 'latin1', maxBuffer: 1 << 16 })
  // It is not there, or could not be run; of one that said too much the beginning is here.
  if (error !== undefined && !stdout) return null
  const first = /^# file: (.*)\n(.*)$/m.exec(stdout)
  if (first === null) return true
  return new StratafsError(
    `${shown(first[1] as string)} carries the mark ${first[2]}, which cannot be read without the addon`,
    'MOUNT_REFUSED',
    'build it (npm run build:native), or use layers without overlay marks',
  )
}
