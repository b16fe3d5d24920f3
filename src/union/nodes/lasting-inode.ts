/**
 * The inode that a lasting nodeid means (lasting-id.ts), found again on disk by its number alone: what ext4 and its
 * like offer. Who may open no handles finds none.
 */
import type { Layer } from '../../layers/layer-dir.js'
import { O_PATH, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { inodeOfId, lastingId } from './lasting-id.js'

/** FILEID_INO32_GEN: u32 inode number · u32 generation; 0 is any generation for the ext family and btrfs. */
const FILEID_INO32_GEN = 1
const HANDLE_BYTES = 8
const FILESYSTEM_UNIT = 2 ** 48
const HALF = 2 ** 32

/** Tells inodes of one number apart by the time of their making: 32 bits, never 0. */
export function generationOf(stat: Float64Array): number {
  return ((stat[Stat.BTIME]! % HALF) ^ (stat[Stat.BTIME_NS]! << 2)) >>> 0 || 1
}

/** The distinct filesystems of the lower layers, in their order. */
function filesystemsOf(layers: readonly Layer[]): Layer[] {
  const lowers = layers.filter((layer) => !layer.isUpper)
  return lowers.filter((layer, i) => lowers.findIndex((other) => other.device === layer.device) === i)
}

/** The lasting nodeid of the lower inode that `stat` describes; 0: none. */
export function lastingIdOf(layers: readonly Layer[], stat: Float64Array): number {
  const device = `${stat[Stat.DEV_MAJOR]}:${stat[Stat.DEV_MINOR]}`
  const place = filesystemsOf(layers).findIndex((layer) => layer.device === device)
  const inode = stat[Stat.INO_HIGH]! * HALF + stat[Stat.INO_LOW]!
  return place < 0 ? 0 : lastingId(stat[Stat.MODE]! & S_IFMT, place * FILESYSTEM_UNIT + inode)
}

/** Finds the inode of `nodeid` in one of `layers`; true when `native.stat` describes it. */
export function statLasting(layers: readonly Layer[], nodeid: number): boolean {
  const means = inodeOfId(nodeid)
  const layer = means === null ? undefined : filesystemsOf(layers)[means.filesystem]
  if (means === null || layer === undefined || means.inode >= HALF) return false
  const handle = new Uint8Array(HANDLE_BYTES)
  new DataView(handle.buffer).setUint32(0, means.inode, true)
  const fd = native.openByHandle(layer.handleFd(), FILEID_INO32_GEN, handle, O_PATH)
  if (fd < 0) return false
  const known = native.statat(fd, '') >= 0 && (native.stat[Stat.MODE]! & S_IFMT) === means.type
  native.close(fd)
  return known && lastingIdOf(layers, native.stat) === nodeid
}
