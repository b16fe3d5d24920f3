/**
 * What the engine is told when it starts: plain data, so that it can be handed to the engine's thread. Made from the
 * mount options by daemon/options, which has checked the words; the engine checks what only the disk can tell.
 */

import type { IdRange } from '../../layers/id-mapping.js'
import { USER_MARKS } from '../../layers/marks.js'
import type { MergedPaths } from '../../snapshots/merge-path.js'

export type { IdRange }

/**
 * The union is the lower layer of a kernel overlay, which reads regular files from the layers themselves: it is told
 * where, in marks.
 */
export interface MetadataView {
  /** The overlay's data-only layers, in their order: absolute paths, latin1. */
  readonly roots: readonly string[]
  /** For each of `lowers`, then of `dataLowers`, in which root it lies, and under which path there (`''`: itself). */
  readonly places: readonly { readonly root: number; readonly below: string }[]
  /** Files up to this size, in bytes, have no marks; nothing: a page, as suits a view that is asked for marks. */
  readonly small?: number
  /** The overlay has all this from an image: nobody asks for it. */
  readonly inImage?: boolean
}

export interface UnionConfig {
  /** Absolute paths, latin1, top first; 1 to 500. */
  readonly lowers: readonly string[]
  /** Below them all, and not in the namespace: only an absolute redirect of a metacopy leads there. Like `lowers`. */
  readonly dataLowers?: readonly string[]
  /** What `lowers` are called where they are shown, latin1; `''` or nothing: as their path ends. */
  readonly layerNames?: readonly string[]
  /**
   * Directories that are not entered from a lower layer, beside upper and work: the upper's, where it is read as a
   * lower.
   */
  readonly avoid?: readonly string[]
  readonly upper: string | null
  readonly work: string | null
  /** So many of `lowers`, the topmost, were the upper once: snapshots that the workdir holds. */
  readonly snapshots?: number
  /**
   * Numbers that tell the layers below the snapshots (`lowers`, then `dataLowers`) apart, also after the mount was put
   * on others; nothing: their positions.
   */
  readonly layerNumbers?: readonly number[]
  readonly readonly: boolean
  /** Use `user.overlay.*` for the marks; null: found out by trying. */
  readonly userxattr: boolean | null
  readonly redirectDir: 'on' | 'off' | 'follow' | 'nofollow'
  readonly metacopy: boolean
  /**
   * Whether redirects and metacopies in `user.overlay.*`, which anybody can make, are written and followed: only where
   * it was asked for. `shared`: asked for, but others may enter the mount, and would be shown what those who made them
   * cannot read.
   */
  readonly userRedirects?: 'off' | 'on' | 'shared' | undefined
  readonly xino: 'on' | 'off' | 'auto'
  /** A metacopy that carries a digest of its content is EIO, for digests are not checked. */
  readonly verity?: boolean
  readonly volatile: boolean
  /** false: fsync requests and copy-up do not sync (fuse-overlayfs's fsync=0). */
  readonly fsync: boolean
  /** Whatever is copied up is on disk before its name is: also directories, and files whose content stays below. */
  readonly strictSync: boolean
  readonly noatime: boolean
  readonly uidMapping: readonly IdRange[]
  readonly gidMapping: readonly IdRange[]
  readonly squashToRoot: boolean
  readonly squashToUid: number | null
  readonly squashToGid: number | null
  /** fuse-overlayfs's xattr_permissions: 0 off, 1 `security.fuseoverlayfs.*` (privileged), 2 `user.containers.*`. */
  readonly xattrPermissions: 0 | 1 | 2
  /** The mount has set-id bits and devices off, as fusermount3 has it. */
  readonly nosuid?: boolean | undefined
  readonly staticNlink: boolean
  readonly acl: boolean
  /** Where file data goes: straight to the layer's file, or through the mount's own page cache. */
  readonly data: 'auto' | 'passthrough' | 'cached'
  /** In the cached mode: the kernel gathers writes and hands them over later. */
  readonly writeback: boolean
  /** What the upper may take up, in bytes and inodes (0: as much as there is); null: nobody counts. */
  readonly limit?: { readonly size: number; readonly inodes: number } | null
  /** A large lower file is copied up whole before its first write: otherwise that goes on while it is written to. */
  readonly wholeFirst?: boolean
  /**
   * Whether the database of owners answers for lower directories; `immutable`: without holding it against the layers.
   */
  readonly index: 'on' | 'off' | 'immutable' | 'log'
  /** `index=on` was given by name: a lower, upper and workdir that do not belong together are refused. */
  readonly checkPairing?: boolean
  /** What the database is filled with: everything, in lulls (`background`), or what was visited. */
  readonly indexFill: 'visited' | 'background'
  /** How many changes the log of them keeps; 0: there is none. */
  readonly changelog?: number
  /** Another process served the mount and has died: its workdir is as it left it. */
  readonly resumed?: boolean | undefined
  /** That one was making one of two snapshots, which has been brought to its end: places of files are as before. */
  readonly merged?: MergedPaths | undefined
  /** Set where a kernel overlay lies above (engine=hybrid). */
  readonly metadata?: MetadataView | undefined
}

/** What is done with redirects and metacopies where the marks have this prefix; of users' marks by default nothing. */
export function redirectsUnder(
  config: Pick<UnionConfig, 'redirectDir' | 'metacopy' | 'userRedirects'>,
  prefix: string,
): Pick<UnionConfig, 'redirectDir' | 'metacopy'> {
  if (prefix === USER_MARKS && config.userRedirects !== 'on') return { redirectDir: 'nofollow', metacopy: false }
  return { redirectDir: config.redirectDir, metacopy: config.metacopy }
}
