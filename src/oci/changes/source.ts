/**
 * Which layers a command means: those of a mount, found by its mountpoint, or directories that are named one by one. Of
 * a mount its daemon is asked how its marks are spelled; the layers themselves are read on disk, never through the
 * mount.
 */

import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { askDaemon } from '../../daemon/control/control-client.js'
import { findMount } from '../../daemon/control/find-mount.js'
import { type HeldMount, holdMount } from '../../daemon/control/hold-client.js'
import type { InspectDocument } from '../../daemon/control/inspect-document.js'
import { unanswered } from '../../daemon/mount/elsewhere.js'
import type { FoundMount } from '../../daemon/mount/run-directory.js'
import { defaultPrefix, redirectsOffline } from '../../layers/marks.js'
import { layersOfRange, type SnapshotRange } from '../../snapshots/range.js'
import { type LayerStackConfig, SAME_IDS } from '../../stack/layer-stack.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { redirectsUnder, type UnionConfig } from '../../union/context/config.js'

/** What was asked for. Paths are absolute and latin1. */
export type SourceRequest =
  | {
      readonly merged: string
      /** Names of snapshots: the changes since `from` (the lower layers by default), up to `to` (the present). */
      readonly from?: string | undefined
      readonly to?: string | undefined
    }
  | {
      /** Null: the lower layers alone. */
      readonly upper: string | null
      /** Top first. */
      readonly lowers: readonly string[]
      readonly work: string | null
      readonly userxattr: boolean | null
    }

export interface Source {
  readonly stack: LayerStackConfig
  /** What to call it. */
  readonly name: string
  /** Of a mount: `major:minor`, where it is mounted here (null: elsewhere), and who serves it. */
  readonly mount: { readonly device: string; readonly path: string | null; readonly daemon: FoundMount } | null
}

/** Finds the layers. Throws StratafsError. */
export async function findSource(wish: SourceRequest): Promise<Source> {
  if ('merged' in wish) return mountSource(wish.merged, wish)
  const { upper, lowers, work, userxattr } = wish
  const prefix = defaultPrefix(userxattr)
  const stack: LayerStackConfig = {
    upper,
    work,
    lowers,
    prefix,
    redirectDir: redirectsOffline(prefix),
    uids: SAME_IDS,
    gids: SAME_IDS,
  }
  return { stack, name: shown(upper ?? lowers[0] ?? ''), mount: null }
}

async function mountSource(merged: string, range: SnapshotRange): Promise<Source> {
  const target = findMount(merged)
  if (target instanceof StratafsError) throw target
  const { daemon, entry } = target
  if (daemon === null) throw unanswered(merged, entry?.device, 'name its layers instead, with --upper and --lower')
  const { state } = daemon
  const stack = stackOf(layersOfRange(state.config, range), await prefixOf(daemon))
  const path = target.entry === null ? null : target.path
  // Nobody writes to a snapshot.
  const mount = range.to === undefined ? { device: state.device, path, daemon } : null
  return { stack, name: shown(merged), mount }
}

async function prefixOf({ socket, state }: FoundMount): Promise<string> {
  const reply = await askDaemon(socket, { command: 'inspect' })
  const marks = reply.ok ? (reply.result as InspectDocument).Engine?.Marks : undefined
  return marks ?? defaultPrefix(state.config.userxattr)
}

function stackOf(config: UnionConfig, prefix: string): LayerStackConfig {
  const { upper, work, lowers, snapshots = 0, dataLowers = [], squashToRoot, xattrPermissions } = config
  const { redirectDir } = redirectsUnder(config, prefix)
  const squash = squashToRoot ? 0 : null
  return {
    upper,
    work,
    lowers,
    snapshots,
    dataLowers,
    prefix,
    redirectDir,
    uids: { ranges: config.uidMapping, squash: config.squashToUid ?? squash },
    xattrPermissions,
    gids: { ranges: config.gidMapping, squash: config.squashToGid ?? squash },
  }
}

/**
 * Brings what programs have written in the mount to its upper and holds the mount still. Null where there is no mount
 * to hold. Throws StratafsError where it cannot be held.
 */
export async function holdStill(source: Source, seconds: number): Promise<HeldMount | null> {
  const { mount } = source
  if (mount === null || source.stack.upper === null) return null
  if (mount.path !== null) flush(mount.path)
  // A kernel overlay cannot be held: what is written to meanwhile is noticed by its times.
  if (mount.daemon.state.hybrid) return null
  const held = await holdMount(mount.daemon.socket, seconds)
  if (!(held instanceof StratafsError)) return held
  throw new StratafsError(`${source.name}: ${held.fault}`, held.code, 'with --live it is read while it is in use')
}

/** Pages that were written and are still the kernel's. */
function flush(merged: string): void {
  withFd(native.openat(AT_FDCWD, merged, O_RDONLY | O_DIRECTORY, 0), (fd) => native.syncfs(fd))
}
