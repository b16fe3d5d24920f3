/**
 * Which transport serves a mount: the one that was asked for, else dev-fuse where the addon is there, else fuse-native,
 * with the reason kept for the log and `inspect`. What fuse-native cannot do right is refused here, before anything is
 * mounted, unless whoever mounts accepts it.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { MountPlan, TransportName } from '../options/mount-settings.js'

/** What was chosen, for the log and `inspect`. */
export interface TransportFacts {
  readonly name: TransportName
  /** Why it is not dev-fuse although nobody asked; null otherwise. */
  readonly why: string | null
  readonly limits: readonly string[]
}

/** Why each transport cannot be used here; null where it can. A fact for `inspect`, too, so no failure yet. */
export interface Obstacles {
  readonly addon: string | null
  /** Asked only when fuse-native may be needed. */
  fuseNative(): string | null
}

/** The plan with its transport, and what is to be said about it; or why none will do. */
export function chooseTransport(
  plan: MountPlan,
  obstacles: Obstacles,
): { readonly plan: MountPlan; readonly facts: TransportFacts } | StratafsError {
  const { transport: wanted } = plan.settings
  if (wanted !== 'fuse-native' && obstacles.addon === null)
    return { plan: withTransport(plan, 'dev-fuse'), facts: { name: 'dev-fuse', why: null, limits: [] } }
  if (wanted === 'dev-fuse')
    return new StratafsError(`transport dev-fuse cannot be used: ${obstacles.addon}`, 'MOUNT_REFUSED')
  const missing = obstacles.fuseNative()
  if (missing !== null) {
    const first = wanted === null ? `${obstacles.addon}; and ` : ''
    return new StratafsError(`${first}transport fuse-native cannot be used: ${missing}`, 'MOUNT_REFUSED')
  }
  return overFuseNative(plan, wanted === null ? obstacles.addon : null)
}

function overFuseNative(plan: MountPlan, why: string | null): ReturnType<typeof chooseTransport> {
  const { settings, mountpoint } = plan
  if (settings.allowOther === true && !settings.acceptLimits)
    return new StratafsError(
      'option allow_other is refused over transport fuse-native: whatever another user makes in the mount would ' +
        'belong to you, since fuse-native does not tell who asks',
      'MOUNT_REFUSED',
      'leave allow_other away, or accept that with --accept-limits',
    )
  if (shown(mountpoint).includes('\ufffd'))
    return new StratafsError(
      `mountpoint ${shown(mountpoint)} is not UTF-8, and transport fuse-native takes no other`,
      'MOUNT_REFUSED',
    )
  const allowOther = settings.allowOther ?? (settings.acceptLimits && !settings.allowRoot ? null : false)
  const limits = [`transport fuse-native: ${LIMITS}`]
  if (settings.awake === 'on') limits.push('transport fuse-native: awake=1 is without effect')
  const isRoot = process.getuid?.() === 0
  if (isRoot && allowOther === false) limits.push('transport fuse-native: only the user who mounted may enter')
  if (isRoot && allowOther !== false)
    limits.push('transport fuse-native: what other users make belongs to the user who mounted (--accept-limits)')
  const chosen = withTransport({ ...plan, settings: { ...settings, allowOther } }, 'fuse-native')
  return { plan: chosen, facts: { name: 'fuse-native', why, limits } }
}

/**
 * What the person who mounts is told, in one line, where dev-fuse was wished for and is not to be had: what is lost,
 * and the remedy; null where nothing is lost.
 */
export function transportNotice({ name, why }: TransportFacts): string | null {
  if (why === null) return null
  const lost = 'no extended attributes, ACLs, index or renaming of lower directories (docs/transports.md)'
  return `serving over ${name} because the addon is missing: ${lost}; ${why}`
}

const LIMITS = 'times to the millisecond, no renameat2 flags, no O_TMPFILE, no SEEK_HOLE (all: docs/transports.md)'

function withTransport(plan: MountPlan, transport: TransportName): MountPlan {
  return { ...plan, settings: { ...plan.settings, transport } }
}
