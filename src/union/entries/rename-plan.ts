/**
 * What a rename has to do on disk, decided on facts alone: which marks to set first, which flags the one rename
 * carries, and what is to be cleaned up after it. Pure, so that its whole table is a unit test. Mirrors ovl_rename() in
 * fs/overlayfs/dir.c.
 */
import { Errno } from '../../base/errno.js'

/** What stands in the upper under the new name. */
export type Target = 'none' | 'whiteout' | 'entry'

export interface RenameFacts {
  readonly exchange: boolean
  readonly noreplace: boolean
  /** The caller asked for RENAME_WHITEOUT. */
  readonly whiteout: boolean
  readonly oldIsDirectory: boolean
  /** The directory that moves has lower parts. */
  readonly oldHasLowers: boolean
  /** A lower layer holds the old name. */
  readonly oldLowerPositive: boolean
  readonly oldParentHasLowers: boolean
  /** The new name is shown. */
  readonly newExists: boolean
  readonly newIsDirectory: boolean
  readonly newHasLowers: boolean
  readonly newParentHasLowers: boolean
  readonly target: Target
  /** Redirects can be written. */
  readonly redirects: boolean
  /** Whiteouts are written as `.wh.NAME`, so no rename can leave one behind. */
  readonly aufs: boolean
}

export interface RenamePlan {
  readonly redirectOld: boolean
  readonly opaqueOld: boolean
  readonly redirectNew: boolean
  readonly opaqueNew: boolean
  /** How the one rename is done. */
  readonly act: 'plain' | 'exchange' | 'leave-whiteout'
  /** After an exchange with a whiteout that nothing needs under the old name. */
  readonly dropWhiteoutAtOld: boolean
  /** `.wh.OLD` is made before the rename. */
  readonly aufsWhiteoutAtOld: boolean
}

/** The plan, or -errno. */
export function planRename(f: RenameFacts): RenamePlan | number {
  if (f.exchange && (f.noreplace || f.whiteout)) return -Errno.EINVAL
  if (f.exchange && !f.newExists) return -Errno.ENOENT
  if (f.noreplace && f.newExists) return -Errno.EEXIST
  const redirectOld = f.oldIsDirectory && f.oldHasLowers
  const redirectNew = f.exchange && f.newIsDirectory && f.newHasLowers
  if ((redirectOld || redirectNew) && !f.redirects) return -Errno.EXDEV
  const marks = {
    redirectOld,
    redirectNew,
    opaqueOld: f.oldIsDirectory && !f.oldHasLowers && f.newParentHasLowers,
    opaqueNew: f.exchange && f.newIsDirectory && !f.newHasLowers && f.oldParentHasLowers,
  }
  if (f.exchange) return { ...marks, act: 'exchange', dropWhiteoutAtOld: false, aufsWhiteoutAtOld: false }
  return { ...marks, ...planMove(f) }
}

function planMove(f: RenameFacts): Pick<RenamePlan, 'act' | 'dropWhiteoutAtOld' | 'aufsWhiteoutAtOld'> {
  const leave = f.oldLowerPositive || f.whiteout
  if (f.aufs) return { act: 'plain', dropWhiteoutAtOld: false, aufsWhiteoutAtOld: leave }
  const none = { dropWhiteoutAtOld: false, aufsWhiteoutAtOld: false }
  // The whiteout under the new name is just what the old name needs.
  if (leave) return { act: f.target === 'whiteout' ? 'exchange' : 'leave-whiteout', ...none }
  // A directory cannot be renamed over a whiteout, which is not one.
  if (f.oldIsDirectory && f.target === 'whiteout') {
    return { act: 'exchange', dropWhiteoutAtOld: true, aufsWhiteoutAtOld: false }
  }
  return { act: 'plain', ...none }
}
