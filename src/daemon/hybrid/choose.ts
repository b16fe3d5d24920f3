/**
 * Whether a mount can be served by the hybrid engine: what its options ask for, and a kernel overlay cannot do. Pure.
 */
import type { UnionConfig } from '../../union/context/config.js'
import { type MountPlan, othersMayEnter } from '../options/mount-settings.js'

/** What keeps `plan` from engine=hybrid, in words; null: nothing that its options tell. */
export function hybridObstacle({ config, settings }: MountPlan): string | null {
  if (settings.transport === 'fuse-native') return 'it needs transport dev-fuse'
  if (!othersMayEnter(settings)) return 'a kernel overlay is open to every user (allow_other)'
  return readObstacle(config) ?? (settings.timeout === null ? null : 'the kernel keeps what it knows (timeout=)')
}

function readObstacle(config: UnionConfig): string | null {
  const { uidMapping, gidMapping, squashToRoot, squashToUid, squashToGid } = config
  const mapped = uidMapping.length + gidMapping.length > 0 || squashToRoot || squashToUid !== null
  if (config.upper !== null && (mapped || squashToGid !== null))
    return 'owners cannot be changed on what is written (uidmapping=, gidmapping=, squash_to_…)'
  if (config.xattrPermissions !== 0 && config.upper !== null) return 'owners cannot be written as attributes'
  if ((config.snapshots ?? 0) > 0) return 'a kernel overlay takes no lower layers from its own workdir (snapshots)'
  if (config.staticNlink) return 'a kernel overlay counts links (static_nlink)'
  if (!config.acl) return 'a kernel overlay has ACLs (noacl)'
  if (config.changelog) return 'a kernel overlay’s writes are not seen (changelog=1)'
  if (config.limit) return 'a kernel overlay’s writes are not counted (size=, inodes=)'
  if (config.writeback || config.data !== 'auto') return 'file data is the kernel’s (data=, writeback=)'
  return null
}
