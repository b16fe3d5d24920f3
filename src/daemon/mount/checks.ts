/**
 * What has to be true on disk before anything is mounted:
 *
 * - every directory is there;
 * - none lies in another where writing to the one would change the other;
 * - the upper can be written;
 * - the workdir is where a rename into the upper works.
 *
 * Each refusal is one sentence that names option, path and what to do. Nothing is changed, except that a workdir which
 * we chose ourselves is made. This runs before the mount, so no path here can lead into it.
 */

import { accessSync, constants, mkdirSync, rmdirSync, statSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import type { UnionConfig } from '../../union/context/config.js'
import { type MountPlan, othersMayEnter } from '../options/mount-settings.js'
import { identitiesUpward, type ResolvedDir, resolveDir } from './directories.js'
import type { KnownLayers } from './known-layers.js'

interface Places {
  readonly mountpoint: ResolvedDir
  /** Data-only ones last. */
  readonly lowers: readonly ResolvedDir[]
  readonly upper: ResolvedDir | null
  readonly work: ResolvedDir | null
  /** Of directories above these: their identities, by path. */
  readonly known: Map<string, string>
}

/** The plan with every path resolved, or why it cannot be carried out. `layers`: of mounts before, if any. */
export function checkPlan(plan: MountPlan, layers: KnownLayers | null = null): MountPlan | StratafsError {
  const { work } = plan.config
  const failure = work !== null && plan.settings.makeWork ? makeDirectory(work) : undefined
  const checked = checkPlaces(plan, failure, layers)
  if (checked instanceof StratafsError && failure === null && work !== null) rmdirSync(pathBytes(work))
  return checked
}

/**
 * The same of a mount that stands, and is asked nothing here: nobody would answer. Its mountpoint has to be named
 * without symbolic links.
 */
export function checkStanding(plan: MountPlan, layers: KnownLayers): MountPlan | StratafsError {
  const { mountpoint } = plan
  const above = resolveDir('mountpoint', mountpoint.slice(0, mountpoint.lastIndexOf('/')) || '/')
  if (above instanceof StratafsError) return above
  return checkPlaces(plan, undefined, layers, { ...above, path: mountpoint, identity: mountpoint })
}

function refused(fault: string, remedy: string): StratafsError {
  return new StratafsError(fault, 'MOUNT_REFUSED', remedy)
}

function checkPlaces(
  plan: MountPlan,
  workFailure: unknown,
  known: KnownLayers | null,
  standing: ResolvedDir | null = null,
): MountPlan | StratafsError {
  const places = findPlaces(plan, workFailure, known, standing)
  if (places instanceof StratafsError) return places
  const error = checkUpper(places) ?? checkOverlaps(places) ?? checkMountpoint(places)
  if (error !== undefined) return error
  const { mountpoint, lowers, upper, work } = places
  const all = lowers.map((lower) => lower.path)
  const merged = plan.config.lowers.length
  const layers = { lowers: all.slice(0, merged), dataLowers: all.slice(merged) }
  const paths = { ...layers, upper: upper?.path ?? null, work: work?.path ?? null }
  const config = { ...plan.config, ...paths, userRedirects: userRedirectsOf(plan) }
  return { ...plan, mountpoint: mountpoint.path, config }
}

/** Where others may enter, a mark that a layer's user made could show them what that user cannot read. */
function userRedirectsOf({ config, settings }: MountPlan): UnionConfig['userRedirects'] {
  return config.userRedirects === 'on' && othersMayEnter(settings) ? 'shared' : config.userRedirects
}

/**
 * Null when it was made here and now, else what was in the way: told when the directory is looked for and not there.
 */
function makeDirectory(path: string): unknown {
  try {
    mkdirSync(pathBytes(path), { mode: 0o700 })
    return null
  } catch (error) {
    return error
  }
}

/** The lower layers of a mount that is there already, resolved; or why they cannot be its layers. */
export function checkLowers(mountpoint: string, config: UnionConfig): string[] | StratafsError {
  const places = findPlaces({ config, mountpoint }, null, null)
  if (places instanceof StratafsError) return places
  const error = checkOverlaps(places) ?? checkMountpoint(places)
  return error ?? places.lowers.slice(0, config.lowers.length).map(({ path }) => path)
}

function findPlaces(
  { config, mountpoint: on }: Pick<MountPlan, 'config' | 'mountpoint'>,
  workFailure: unknown,
  layers: KnownLayers | null,
  standing: ResolvedDir | null = null,
): Places | StratafsError {
  const mountpoint = standing ?? resolveDir('mountpoint', on)
  if (mountpoint instanceof StratafsError) return mountpoint
  const lowers: ResolvedDir[] = []
  for (const path of [...config.lowers, ...(config.dataLowers ?? [])]) {
    const lower = layers?.again(path) ?? resolveLower(path)
    if (lower instanceof StratafsError) return lower
    layers?.note(lower)
    lowers.push(lower)
  }
  const upper = config.upper === null ? null : resolveDir('upperdir', config.upper)
  if (upper instanceof StratafsError) return upper
  const work = config.work === null ? null : resolveDir('workdir', config.work)
  if (work instanceof StratafsError) return workFailure instanceof Error ? notMade(config.work!, workFailure) : work
  return { mountpoint, lowers, upper, work, known: new Map() }
}

function resolveLower(path: string): ResolvedDir | StratafsError {
  const lower = resolveDir('lowerdir', path)
  return lower instanceof StratafsError ? lower : (unreadable(lower) ?? lower)
}

function notMade(work: string, why: Error): StratafsError {
  const advice = 'name one on the filesystem of the upperdir, with --work or workdir='
  return refused(
    `workdir ${shown(work)}, which is taken where none is named, cannot be made: ${errorWords(why)}`,
    advice,
  )
}

/**
 * A layer of somebody else's that is closed to this process: nothing in it would show. What we own can be opened all
 * the same.
 */
function unreadable({ option, path }: ResolvedDir): StratafsError | null {
  try {
    accessSync(pathBytes(path), constants.R_OK | constants.X_OK)
    return null
  } catch {
    const { uid, mode } = statSync(pathBytes(path))
    if (uid === process.geteuid?.()) return null
    const which = `it belongs to user ${uid} and has mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`
    return refused(`${option} ${shown(path)} cannot be read by you: ${which}`, 'have it opened, or name another')
  }
}

function checkUpper({ upper, work, known }: Places): StratafsError | undefined {
  if (upper === null || work === null) return undefined
  const readonly = unwritable(upper)
  if (readonly !== undefined) return readonly
  const named = `workdir ${shown(work.path)}`
  const beside = `put it beside upperdir ${shown(upper.path)}`
  if (work.identity === upper.identity) return refused(`${named} is the upperdir itself`, beside)
  if (identitiesUpward(work, known).has(upper.identity)) return refused(`${named} lies inside the upperdir`, beside)
  if (identitiesUpward(upper, known).has(work.identity))
    return refused(`upperdir ${shown(upper.path)} lies inside ${named}`, beside)
  if (work.device !== upper.device) return refused(`${named} is on another filesystem than the upperdir`, beside)
  if (work.mountId !== upper.mountId) return refused(`${named} is on another mount than the upperdir`, beside)
  return unwritable(work)
}

function unwritable(place: ResolvedDir): StratafsError | undefined {
  try {
    accessSync(pathBytes(place.path), constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    const readonly = (error as NodeJS.ErrnoException).code === 'EROFS'
    const why = readonly ? 'is on a read-only filesystem' : 'cannot be written by you'
    return refused(
      `${place.option} ${shown(place.path)} ${why}`,
      'name another, or leave upperdir away for a read-only mount',
    )
  }
}

/** Upper and workdir may not share a tree with a lower: a write to the one would change the other. */
function checkOverlaps({ lowers, upper, work, known }: Places): StratafsError | undefined {
  const writable = [upper, work].filter((place) => place !== null)
  for (const lower of lowers) {
    const aboveLower = writable.length === 0 ? new Set<string>() : identitiesUpward(lower, known)
    for (const place of writable) {
      const words = overlap(lower, aboveLower, place)
      if (words !== undefined) return words
    }
  }
  return undefined
}

function overlap(lower: ResolvedDir, aboveLower: Set<string>, place: ResolvedDir): StratafsError | undefined {
  const names = `lowerdir ${shown(lower.path)} and ${place.option} ${shown(place.path)}`
  const advice = 'name directories that do not lie in each other'
  if (lower.identity === place.identity) return refused(`${names} are the same directory`, advice)
  // A lower above the upper is fine: from it neither upper nor workdir is entered (layers/traps.ts).
  if (!aboveLower.has(place.identity)) return undefined
  // A private clone of the outer mount does not show what is mounted inside it: then the two have nothing in common.
  if (lower.device !== place.device && canClone(lower)) return undefined
  return refused(`${names} overlap`, advice)
}

/** A layer must not lead to the mountpoint: the engine that reads it would wait for itself. */
function checkMountpoint({ mountpoint, lowers, upper, work, known }: Places): StratafsError | undefined {
  const above = identitiesUpward(mountpoint, known)
  for (const place of [...lowers, upper, work]) {
    if (place === null || !above.has(place.identity) || canClone(place)) continue
    return refused(
      `mountpoint ${shown(mountpoint.path)} lies inside ${place.option} ${shown(place.path)}`,
      'choose one outside the layers (only root can mount inside, or in a user namespace where nothing else is ' +
        'mounted there)',
    )
  }
  return undefined
}

/** Whether this process may have a private copy of the mount that `place` lies on. */
function canClone(place: ResolvedDir): boolean {
  return withFd(native.cloneMount(place.path, 0), (fd) => fd) >= 0
}
