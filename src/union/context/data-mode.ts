/**
 * The two ways of file data, and which one a mount takes. *passthrough*: the kernel reads and writes the layer's file
 * itself; every open is asked for, and the page cache is shared with all who use that file. *cached*: no open is asked
 * for, the mount has a page cache of its own, and what is missing in it is read and written beside the loop. Which of
 * them is settled when the connection begins and holds until its end.
 */

import type { Layer } from '../../layers/layer-dir.js'
import { AT_FDCWD, CAP_SYS_ADMIN, O_DIRECTORY, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { capable } from '../../syscalls/privilege.js'
import { FsStatSlot } from '../../syscalls/stat.js'
import type { UnionConfig } from './config.js'
import type { DataModeAgreed } from './results.js'

/** f_type of filesystems that lie on others: overlayfs, FUSE (which may pass through), ecryptfs. */
const STACKED = new Set([0x794c7630, 0x65735546, 0xf15f])

/** What a mount wants, and what it then has. */
export interface DataMode extends DataModeAgreed {
  /** For people. */
  readonly why: string
}

/** Before anything is agreed every open is answered, from the page cache. */
export const defaultMode: DataMode = {
  passthrough: false,
  noOpen: false,
  writeback: false,
  why: 'nothing is agreed yet',
}

/** What this process may ask the kernel for: the wish, and the reason in words. */
export interface DataModeRequest {
  readonly passthrough: boolean
  readonly stackDepth: 1 | 2
  readonly writeback: boolean
  readonly why: string
}

/** The wish that follows from the options and from who mounts. Pure. */
export function wishFor(
  config: Pick<UnionConfig, 'data' | 'writeback' | 'limit'>,
  allowed: boolean,
  stacked: boolean,
): DataModeRequest {
  // A write is refused when it is made, not when the kernel hands it over.
  const writeback = config.writeback && !config.limit
  const rest = { stackDepth: stacked ? 2 : 1, writeback } as const
  if (config.data === 'cached') return { ...rest, passthrough: false, why: 'data=cached was asked for' }
  if (!allowed) {
    const why = 'passthrough needs CAP_SYS_ADMIN in the initial user namespace'
    return { ...rest, passthrough: false, why }
  }
  return { ...rest, passthrough: true, why: config.data === 'auto' ? 'root, and the kernel has it' : 'as asked for' }
}

/** The wish of a mount of `layers`. */
export function dataWish(config: UnionConfig, layers: readonly Layer[]): DataModeRequest {
  return wishFor(
    config,
    capable(CAP_SYS_ADMIN),
    layers.some((layer) => isStacked(layer.rootFd)),
  )
}

/** The same before any layer has been opened. */
export function wishBefore(config: UnionConfig): DataModeRequest {
  const { lowers, dataLowers = [], upper } = config
  const isOn = (path: string) => withFd(native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0), isStacked)
  const paths = [...(upper === null ? [] : [upper]), ...lowers, ...dataLowers]
  return wishFor(config, capable(CAP_SYS_ADMIN), paths.some(isOn))
}

/** What came of a wish. Pure. */
export function negotiatedMode(wish: DataModeRequest, terms: DataModeAgreed): DataMode {
  const refused = wish.passthrough && !terms.passthrough
  return { ...terms, why: refused ? 'this kernel has no FUSE passthrough (Linux 6.9)' : wish.why }
}

/** A filesystem over another leaves less depth for what is mounted over ours. */
function isStacked(fd: number): boolean {
  return native.statfs(fd) >= 0 && STACKED.has(native.fsstat[FsStatSlot.TYPE]!)
}
