/**
 * The library's functions about the index of owners: build it, compare it with the layers, describe it, throw it away;
 * of a mount, or of layers that are named. What a mount has in use is done by its daemon, which is asked.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { findMount } from '../daemon/control/find-mount.js'
import type { InspectDocument } from '../daemon/control/inspect-document.js'
import { unanswered } from '../daemon/mount/elsewhere.js'
import { lockDirectories } from '../daemon/mount/locks.js'
import type { FoundMount } from '../daemon/mount/run-directory.js'
import * as api from '../owner-index/api.js'
import type { IndexFacts } from '../owner-index/database/shared-state.js'
import { mountTarget, plainTarget, type StackTarget } from './offline/stack-target.js'
import { absolute, askOf, type Path, unwrap } from './paths.js'

/** A mount, by its mountpoint, or layers: `lower` is top first, as for `mount`. */
export interface LayerTarget {
  readonly merged?: Path
  readonly lower?: readonly Path[]
  readonly upper?: Path
  readonly work?: Path
}

/** How far a build is. */
export interface BuildProgress {
  readonly directories: number
  readonly entries: number
  /** Directories found and not read yet. */
  readonly waiting: number
}

export interface BuiltIndex {
  readonly path: string
  readonly directories: number
  readonly entries: number
  readonly seconds: number
  readonly bytes: number
  /** The metadata image, for mounts with engine=hybrid; null where none was made. */
  readonly image: string | null
}

const POLL_MS = 100

/** What `given` names. `gone`: layers may be named that are not there any more. */
export async function targetOf(given: LayerTarget, gone = false): Promise<StackTarget> {
  if (given.merged === undefined) {
    if (!given.lower?.length) throw new StratafsError('name a mountpoint, or layers with --lower', 'INVALID_ARGUMENT')
    const paths = given.lower.map(absolute)
    const optional = (path: Path | undefined): string | null => (path === undefined ? null : absolute(path))
    return unwrap(plainTarget(paths, optional(given.upper), optional(given.work), gone), 'NOT_FOUND')
  }
  if (given.lower?.length) throw new StratafsError('name a mountpoint or layers, not both', 'INVALID_ARGUMENT')
  const { daemon, entry } = unwrap(findMount(absolute(given.merged)), 'NOT_A_MOUNT')
  if (daemon === null) throw unanswered(absolute(given.merged), entry?.device, 'name its layers instead, with --lower')
  return unwrap(await mountTarget(daemon))
}

/** Reads every directory of the layers into the index. */
export async function buildIndex(
  given: LayerTarget,
  progress: (so: BuildProgress) => void = () => {},
): Promise<BuiltIndex> {
  const target = await targetOf(given)
  const start = Date.now()
  const fill = target.mount !== null && !target.shared
  const built = fill ? await fillMount(target.mount, progress) : await buildPlain(target, progress)
  const { bytes } = api.statusOf(target.index)
  const { directories, entries } = built
  const image = fill ? null : await imageOf(target)
  return { path: shown(target.index), directories, entries, seconds: (Date.now() - start) / 1000, bytes, image }
}

/** Layers that an image cannot hold have none: the index is built all the same. */
async function imageOf({ layers }: StackTarget): Promise<string | null> {
  const { makeAhead } = await import('../daemon/hybrid/image-ahead.js')
  const made = makeAhead(layers.lowers)
  return made === null || made instanceof StratafsError ? null : shown(made.path)
}

async function buildPlain(target: StackTarget, progress: (so: BuildProgress) => void): Promise<BuildProgress> {
  const { stack, index, shared, layers } = target
  const locks = unwrap(lockDirectories(layers.work === null ? [] : [['workdir', layers.work]]), 'IN_USE')
  try {
    const built = unwrap(await api.buildIndex(stack, shared ? null : index, progress, layers.upper))
    const [failure] = built.failures
    if (failure === undefined) return built
    const words = `${shown(failure.path) || 'the root'} cannot be read (${errnoWords(failure.errno)})`
    throw new StratafsError(`the index is not complete: ${words}, and ${built.failures.length - 1} more`)
  } finally {
    locks.release()
  }
}

/** The mount's writer reads on in the background while this asks how far it is. */
async function fillMount({ socket }: FoundMount, progress: (so: BuildProgress) => void): Promise<BuildProgress> {
  const { path, complete } = (await askOf(socket, { command: 'index', action: 'fill' }, null)) as IndexFacts
  let seen: BuildProgress = { directories: 0, entries: 0, waiting: 0 }
  for (let isComplete = complete; !isComplete; ) {
    await sleep(POLL_MS)
    const { Index } = (await askOf(socket, { command: 'inspect' }, null)) as InspectDocument
    if (Index === null || Index.State === 'none' || hasStopped(Index))
      throw new StratafsError(`the index cannot be filled: ${Index?.Downgrade ?? 'the mount has none'}`)
    isComplete = Index.Complete
    if (Index.Filling !== null) {
      const { Directories: directories, Entries: entries, Waiting: waiting } = Index.Filling
      seen = { directories, entries, waiting }
      progress(seen)
    } else if (!isComplete && Index.Failed > 0) {
      throw new StratafsError(`the index is not complete: ${Index.Failed} directories cannot be read`)
    }
  }
  const { directories, entries } = api.statusOf(path ?? '')
  return { ...seen, directories, entries }
}

function hasStopped({ Complete, Filling, Downgrade }: NonNullable<InspectDocument['Index']>): boolean {
  return !Complete && Filling === null && Downgrade !== null
}

export interface VerifiedIndex {
  readonly path: string
  readonly differences: readonly api.Difference[]
  readonly directories: number
  /** Directories that the index has not read yet. */
  readonly unread: number
}

/** The upper of a mount changes while it is read: what differs is looked at again, after the writer has caught up. */
const CATCH_UP_MS = 1500

/** Compares every row with the layers. */
export async function verifyIndex(given: LayerTarget): Promise<VerifiedIndex> {
  const target = await targetOf(given)
  const first = verifyOnce(target)
  if (target.mount === null || first.differences.length === 0) return first
  await sleep(CATCH_UP_MS)
  const again = verifyOnce(target)
  const known = new Set(first.differences.map(keyOf))
  return { ...again, differences: again.differences.filter((each) => known.has(keyOf(each))) }
}

function keyOf({ path, what, column }: api.Difference): string {
  return `${what}\n${column}\n${path}`
}

function verifyOnce({ index, stack, layers, shared }: StackTarget): VerifiedIndex {
  if (!api.statusOf(index).exists)
    throw new StratafsError(
      `there is no index at ${shown(index)}`,
      'NOT_FOUND',
      `build it with \`stratafs index build\``,
    )
  const differences: api.Difference[] = []
  const note = (found: api.Difference): void => void differences.push({ ...found, path: shown(found.path) })
  const { directories, unread } = unwrap(api.verifyIndex(index, stack, note, shared ? null : layers.upper))
  return { path: shown(index), differences, directories, unread }
}

/** What the index says of itself; `mounted`: a mount has it. */
export type IndexStatus = api.IndexStatus & { readonly mounted: boolean }

/** What the index says of itself. */
export async function indexStatus(given: LayerTarget): Promise<IndexStatus> {
  const { index, mount } = await targetOf(given, true)
  const status = api.statusOf(index)
  const layers = status.layers.map((layer) => ({ ...layer, root: shown(layer.root) }))
  return { ...status, path: shown(index), layers, mounted: mount !== null }
}

/** Throws the index away; false when there was none. A mount begins another at once. */
export async function dropIndex(given: LayerTarget): Promise<boolean> {
  const target = await targetOf(given, true)
  if (target.mount !== null && !target.shared) {
    await askOf(target.mount.socket, { command: 'index', action: 'drop' }, null)
    return true
  }
  const { work } = target.layers
  const locks = unwrap(lockDirectories(work === null ? [] : [['workdir', work]]), 'IN_USE')
  try {
    const { dropAhead } = await import('../daemon/hybrid/image-ahead.js')
    const hadImage = dropAhead(target.layers.lowers)
    return api.dropIndex(target.index) || hadImage
  } finally {
    locks.release()
  }
}
