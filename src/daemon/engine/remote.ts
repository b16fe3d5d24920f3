/**
 * Which layers lie where an answer may take a network's or a program's time. One call of an engine that waits for such
 * a layer holds up the whole thread, so these mounts share theirs with none.
 */
import { statfsSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'
import type { UnionConfig } from '../../union/context/config.js'

/** Magic numbers of statfs(2): include/uapi/linux/magic.h, and those that fs/ has for itself. */
const REMOTE = new Set([
  0x65735546, // FUSE
  0x6969, // NFS
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x0bd00bd0, // Lustre
])

/** Whether a layer of `config` lies on such a filesystem. */
export function hasRemoteLayer({ lowers, dataLowers = [], upper }: UnionConfig): boolean {
  return [...lowers, ...dataLowers, ...(upper === null ? [] : [upper])].some(isRemote)
}

function isRemote(path: string): boolean {
  try {
    return REMOTE.has(statfsSync(pathBytes(path)).type >>> 0)
  } catch {
    return false
  }
}
