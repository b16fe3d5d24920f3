/**
 * Diff.Apply: a layer's archive is unpacked straight into the snapshot's directory, beside it first and whole, and
 * compared with its digest on the way. Only what was prepared to be unpacked into, and holds nothing yet, is taken; for
 * everything else containerd has the next differ.
 */
import { readdirSync } from 'node:fs'
import { fromText, pathBytes } from '../../base/text.js'
import type { Unpacked } from '../../oci/apply/unpack.js'
import { dressAs, noteImplied } from '../layers/implied.js'
import { Kind, type Snapshot } from '../records/snapshot.js'
import type { Snapshotter } from '../service/snapshotter.js'
import { type Caller, inNamespaceOf } from '../wire/handlers.js'
import type { ApplyRequest, DescriptorMessage, MountMessage } from '../wire/messages.js'
import { invalid, notOurs } from '../wire/refusal.js'
import type { ContentStore } from './content.js'
import { compressionOf, PLAIN } from './media-types.js'
import { Unpackers } from './unpackers.js'

const unpackers = new Unpackers()

/** Unpacks; what the layer is without compression. */
export async function applyDiff(
  snapshotter: Snapshotter,
  content: ContentStore,
  { diff, mounts, payloads, syncFs }: ApplyRequest,
  caller: Caller,
): Promise<DescriptorMessage> {
  if (diff === null) throw invalid('apply: no layer is named')
  if (compressionOf(diff.mediaType) === null || Object.keys(payloads).length > 0)
    throw notOurs(`layers of type ${diff.mediaType} are not unpacked here`)
  const { id, key } = targetOf(snapshotter, mounts)
  return snapshotter.serial.run(id, () =>
    content.reading(diff.digest, inNamespaceOf(caller, key), async (path) => {
      // Once more: somebody may have been quicker.
      const target = targetOf(snapshotter, mounts)
      const unpacked = await unpackInto(snapshotter, target, diff, path, { sync: syncFs, signal: caller.signal })
      return { mediaType: PLAIN, digest: unpacked.diffID, size: unpacked.contentSize }
    }),
  )
}

async function unpackInto(
  snapshotter: Snapshotter,
  { id, parent }: Snapshot,
  diff: DescriptorMessage,
  path: string,
  { sync, signal }: { readonly sync: boolean; readonly signal: AbortSignal | undefined },
): Promise<Unpacked> {
  const { places, records, log } = snapshotter.parts
  const directory = places.fs(id)
  // Without a parent nobody knows yet what will lie below.
  const lowers = parent === null ? null : records.chain(id).map((below) => places.fs(below))
  const order = { archive: fromText(path), directory, digest: diff.digest, lowers, sync }
  const { unpacked, usage } = await unpackers.unpack(order, signal)
  for (const note of unpacked.notes) log('info', `unpacked without a part: ${note}`, { digest: diff.digest })
  if (parent === null) noteImplied(places.of(id), unpacked.implied)
  else if (unpacked.implied.includes('')) dressAs(directory, '', [places.fs(parent.id)])
  snapshotter.noteUnpacked(id, usage)
  return unpacked
}

/** The snapshot that `mounts` are of. Throws Refusal where it is another differ's. */
function targetOf(snapshotter: Snapshotter, mounts: readonly MountMessage[]): Snapshot {
  const [mount, ...others] = mounts
  const path = mount === undefined || others.length > 0 ? null : writablePath(mount)
  const found = path === null ? null : snapshotter.at(path)
  if (found === null || found.place !== 'fs') throw notOurs('the mounts are no directory of this snapshotter’s')
  const { snapshot } = found
  const { places, unions } = snapshotter.parts
  if (snapshot.kind !== Kind.ACTIVE || unions.has(snapshot.id))
    throw notOurs(`snapshot ${snapshot.key} is not one to unpack into`)
  if (readdirSync(pathBytes(places.fs(snapshot.id))).length > 0)
    throw notOurs(`snapshot ${snapshot.key} holds something already`)
  return snapshot
}

function writablePath({ type, source, options }: MountMessage): string | null {
  if (type === 'bind') return options.includes('ro') ? null : source
  return options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length) ?? null
}
