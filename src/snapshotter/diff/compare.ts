/**
 * Diff.Diff: what a snapshot has that the one below it has not, as a layer in containerd's content store. Nothing is
 * compared: the upper directory is the change, and only the names in it are looked up below. Snapshots that stand
 * otherwise to each other are left to the next differ.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, rmSync } from 'node:fs'
import { shown } from '../../base/text.js'
import type { SourceRequest } from '../../oci/changes/source.js'
import { commitArchive } from '../../oci/commit/commit.js'
import type { Compression } from '../../oci/encoding/compression.js'
import { Kind, type Snapshot } from '../records/snapshot.js'
import type { Snapshotter } from '../service/snapshotter.js'
import { type Caller, inNamespaceOf } from '../wire/handlers.js'
import type { DescriptorMessage, DiffRequest, MountMessage } from '../wire/messages.js'
import { notOurs } from '../wire/refusal.js'
import type { ContentStore } from './content.js'
import { compressionOf, GZIPPED } from './media-types.js'

/** containerd's name for the diffID of a compressed layer. */
const UNCOMPRESSED = 'containerd.io/uncompressed'

/** Writes the difference as a layer; what it is. */
export async function compareMounts(
  snapshotter: Snapshotter,
  content: ContentStore,
  request: DiffRequest,
  from: Caller,
): Promise<DescriptorMessage> {
  const mediaType = request.mediaType || GZIPPED
  const compression = compressionOf(mediaType)
  if (compression === null) throw notOurs(`layers of type ${mediaType} are not made here`)
  const right = chainOf(snapshotter, request.right)
  const of = () => sourceOf(snapshotter, chainOf(snapshotter, request.left), right)
  const top = right.active?.id ?? right.chain[0]
  of()
  const caller = inNamespaceOf(from, snapshotter.parts.records.withId(top!)?.key ?? '')
  // What is read is neither committed nor removed meanwhile.
  return snapshotter.serial.run(top!, async () => {
    // It is held still, which takes an engine.
    await snapshotter.parts.unions.awaken(top!)
    return storeDiff(snapshotter, content, of(), { mediaType, compression, request, caller })
  })
}

interface Wish {
  readonly mediaType: string
  readonly compression: Compression
  readonly request: DiffRequest
  readonly caller: Caller
}

async function storeDiff(
  snapshotter: Snapshotter,
  content: ContentStore,
  source: SourceRequest,
  { mediaType, compression, request, caller }: Wish,
): Promise<DescriptorMessage> {
  const path = `${shown(snapshotter.parts.places.temporary)}/diff-${randomBytes(8).toString('hex')}`
  try {
    const timestamp = request.sourceDateEpoch?.seconds ?? null
    const wish = { source, squash: false, live: false, timestamp, compression, signal: caller.signal }
    const { digest, diffID, size } = await intoFile(path, (fd) => commitArchive(wish, fd))
    const labels = compression === 'none' ? request.labels : { ...request.labels, [UNCOMPRESSED]: diffID }
    await content.store({ path, digest, size, labels, ref: request.ref }, caller)
    return { mediaType, digest, size }
  } finally {
    rmSync(path, { force: true })
  }
}

/** It goes with its name, so it need not come to the disk. */
async function intoFile<T>(path: string, fill: (fd: number) => Promise<T>): Promise<T> {
  const fd = openSync(path, 'wx', 0o600)
  try {
    return await fill(fd)
  } finally {
    closeSync(fd)
  }
}

/** The layers that mounts show, top first, and the snapshot that can be written to on top of them. */
interface Shown {
  readonly active: Snapshot | null
  readonly chain: readonly number[]
}

function chainOf(snapshotter: Snapshotter, mounts: readonly MountMessage[]): Shown {
  const [mount, ...others] = mounts
  if (mount === undefined) return { active: null, chain: [] }
  const upper = mount.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length)
  const lower = mount.options
    .find((option) => option.startsWith('lowerdir='))
    ?.slice('lowerdir='.length)
    .split(':')[0]
  const found = others.length > 0 ? null : snapshotter.at(mount.type === 'bind' ? mount.source : (upper ?? lower ?? ''))
  if (found === null) throw notOurs('the mounts are not this snapshotter’s')
  const { snapshot } = found
  const below = snapshotter.parts.records.chain(snapshot.id)
  if (snapshot.kind === Kind.ACTIVE) return { active: snapshot, chain: below }
  // A view shows what lies below it; a view of one layer is that layer's directory.
  return { active: null, chain: snapshot.kind === Kind.VIEW ? below : [snapshot.id, ...below] }
}

function sourceOf(snapshotter: Snapshotter, left: Shown, right: Shown): SourceRequest {
  const { places, unions } = snapshotter.parts
  const [top, ...rest] = right.active === null ? right.chain : [right.active.id, ...right.chain]
  const isAbove = left.active === null && top !== undefined && left.chain.join() === rest.join()
  if (!isAbove) throw notOurs('the snapshots do not stand one above the other')
  if (right.active !== null && unions.has(top)) return { merged: places.merged(top) }
  const lowers = rest.length === 0 ? [places.empty] : rest.map((id) => places.fs(id))
  return { upper: places.fs(top), lowers, work: places.work(top), userxattr: null }
}
