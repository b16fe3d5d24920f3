/**
 * What containerd is told to mount for a snapshot. A mount of ours comes as a bind mount of it. A layer is unpacked
 * into its directory, without any mount: then the words are overlayfs's, because every differ of containerd's reads
 * from them where the layer and those below lie, and makes whiteouts. Pure.
 */
import { shown } from '../../base/text.js'
import { mountOptionsOf } from '../records/labels.js'
import { Kind, type Snapshot } from '../records/snapshot.js'
import type { MountMessage } from '../wire/messages.js'
import type { Places } from './places.js'

/** `bind`: mounted by us; `fuse3`: by `mount.fuse3`, which containerd calls. */
export type MountsMode = 'bind' | 'fuse3'

/** How a snapshot is had: as a directory, as a mount that is to be made first, or by words alone. */
type Form =
  | { readonly kind: 'directory'; readonly path: string; readonly readOnly: boolean }
  | { readonly kind: 'union'; readonly readOnly: boolean }
  | { readonly kind: 'words'; readonly mount: MountMessage }

/** Said of a layer that is unpacked before those below are there (containerd 2.2, capability `rebase`). */
const PARENT_LABEL = 'containerd.io/snapshot/parent-chain-id'

/** containerd's keys are NAMESPACE/NUMBER/KEY, and those of layers that are unpacked begin with this. */
const UNPACKED = /^(?:[^/]+\/\d+\/)?extract-/

/** The form of `snapshot` above the snapshots `chain`, top first. */
export function formOf(snapshot: Snapshot, chain: readonly number[], places: Places, mode: MountsMode): Form {
  const { id, kind, labels, key } = snapshot
  const readOnly = kind === Kind.VIEW
  // A plain directory has other owners, and no limit.
  const isShaped = mountOptionsOf(labels, readOnly).length > 0
  if (!isShaped && kind === Kind.ACTIVE && UNPACKED.test(key) && (chain.length > 0 || PARENT_LABEL in labels))
    return { kind: 'words', mount: overlayWords(id, chain, places) }
  if (!isShaped && chain.length === 0) return { kind: 'directory', path: places.fs(id), readOnly }
  if (!isShaped && readOnly && chain.length === 1) return { kind: 'directory', path: places.fs(chain[0]!), readOnly }
  if (mode === 'fuse3') return { kind: 'words', mount: fuseWords(snapshot, chain, places) }
  return { kind: 'union', readOnly }
}

/** A bind mount of `path`. */
export function bindOf(path: string, readOnly: boolean): MountMessage {
  return { type: 'bind', source: shown(path), target: '', options: [readOnly ? 'ro' : 'rw', 'rbind'] }
}

function overlayWords(id: number, chain: readonly number[], places: Places): MountMessage {
  const lowers = chain.length === 0 ? [] : [`lowerdir=${lowersOf(chain, places).join(':')}`]
  const options = [`workdir=${places.work(id)}`, `upperdir=${places.fs(id)}`, ...lowers]
  return { type: 'overlay', source: 'overlay', target: '', options: options.map(shown) }
}

function fuseWords(snapshot: Snapshot, chain: readonly number[], places: Places): MountMessage {
  const lowers = `lowerdir=${lowersOf(chain, places).join(':')}`
  const { id, kind, labels } = snapshot
  const upper = kind === Kind.VIEW ? ['ro'] : [`upperdir=${places.fs(id)}`, `workdir=${places.work(id)}`]
  const options = [
    lowers,
    ...upper,
    'index=immutable',
    'index_fill=visited',
    ...mountOptionsOf(labels, kind === Kind.VIEW),
  ]
  return { type: 'fuse3.stratafs', source: 'stratafs', target: '', options: options.map(shown) }
}

/** Directories of layers, top first: never none. */
export function lowersOf(chain: readonly number[], places: Places): string[] {
  return chain.length === 0 ? [places.empty] : chain.map((id) => places.fs(id))
}
