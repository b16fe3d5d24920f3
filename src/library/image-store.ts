/**
 * The library's functions for images whose layers are unpacked: each layer is a lower directory in a store, once,
 * however many images have it. The layout and the store are held while an image is worked with, so that nothing of it
 * can be removed.
 */
import { posix } from 'node:path'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { findMount } from '../daemon/control/find-mount.js'
import { resolveDir } from '../daemon/mount/directories.js'
import { escapePath } from '../daemon/options/split.js'
import { type PolicyOptions, policyOf } from '../oci/apply/policy.js'
import type { SourceRequest } from '../oci/changes/source.js'
import type { Archive } from '../oci/commit/archive.js'
import { commitArchive } from '../oci/commit/commit.js'
import { compressionOfName } from '../oci/encoding/compression.js'
import { parsePlatform } from '../oci/image/platform.js'
import { referenceText, type StoredImage, withImage } from '../oci/store/images.js'
import { lowersOf } from '../oci/store/layer-paths.js'
import { type Removal, removeRecord, removeImage as removeStored } from '../oci/store/remove.js'
import { defaultStore, LayerStore, type PresentLayer } from '../oci/store/store.js'
import type { CommitOptions } from './changes.js'
import { type PlatformOptions, referenceOf } from './image-documents.js'
import { absolute, type Path, resolved, toBytes, unwrap } from './paths.js'

export type { Removal } from '../oci/store/remove.js'
export type { PresentLayer } from '../oci/store/store.js'

export interface StoreOptions {
  /** The store of unpacked layers; where not given STRATAFS_STORE, /var/lib/stratafs, ~/.local/share/stratafs. */
  readonly store?: Path | undefined
  readonly signal?: AbortSignal | undefined
  /** Gets a sentence when another program keeps the layout or the store for long. */
  readonly notice?: ((sentence: string) => void) | undefined
}

/** A layer that is being unpacked: `position` counts from 0, the lowest. */
export interface LayerInWork {
  readonly digest: string
  readonly position: number
  readonly count: number
}

export interface UnpackOptions extends StoreOptions, PlatformOptions, PolicyOptions {
  /** Called as a layer is read: bytes of its blob, and how many there are. */
  readonly progress?: ((layer: LayerInWork, read: number, total: number | null) => void) | undefined
}

export interface UnpackedImage {
  readonly layout: string
  readonly tag: string | null
  /** Digest of the manifest. */
  readonly manifest: string
  readonly store: string
  /** The layers as the mount option `lowerdir=` takes them. */
  readonly lowerdir: string
  /** The lowest first. */
  readonly layers: readonly PresentLayer[]
}

/** An image whose layers are there. Paths are latin1. */
export interface ReadyImage {
  readonly store: LayerStore
  readonly image: StoredImage
  readonly layers: readonly PresentLayer[]
}

/** Runs `work` with every layer of `image` unpacked, while none of them can be removed. */
export function withLayers<T>(
  image: Path,
  options: UnpackOptions,
  work: (ready: ReadyImage) => Promise<T> | T,
): Promise<T> {
  const { signal, notice: waits } = options
  const platform = options.platform === undefined ? null : parsePlatform(options.platform)
  return withImage(referenceOf(image), { waits, signal, platform }, (found) => {
    const store = LayerStore.open(storePath(options), policyOf(options))
    return store.using({ waits, signal }, async () =>
      work({ store, image: found, layers: await ensure(store, found, options) }),
    )
  })
}

function ensure(store: LayerStore, image: StoredImage, options: UnpackOptions): Promise<PresentLayer[]> {
  const { progress, signal, notice: waits } = options
  const count = image.layers.length
  return store.ensure(image, {
    policy: policyOf(options),
    begins:
      ({ digest }, position) =>
      (read, total) =>
        progress?.({ digest, position, count }, read, total),
    waits,
    signal,
  })
}

/** The store that is named, or this user's. */
export function openStore(options: StoreOptions): LayerStore {
  return LayerStore.open(storePath(options))
}

function storePath({ store }: StoreOptions): string {
  return resolved(store ?? Buffer.from(defaultStore(), 'latin1'))
}

/** Unpacks the layers of `image` (LAYOUT:TAG) that are missing in the store, each once, shared by digest. */
export function unpackImage(image: Path, options: UnpackOptions = {}): Promise<UnpackedImage> {
  return withLayers(image, options, (ready) => ({
    layout: shown(ready.image.reference.layout),
    tag: ready.image.reference.tag === null ? null : shown(ready.image.reference.tag),
    manifest: ready.image.manifestDigest,
    store: shown(ready.store.path),
    lowerdir: shown(lowersOf(ready.layers).map(escapePath).join(':')),
    layers: ready.layers.map((layer) => ({ ...layer, path: shown(layer.path) })),
  }))
}

export type ExportOptions = UnpackOptions &
  Pick<CommitOptions, 'compression' | 'level' | 'timestamp'> & {
    /** Called with the bytes of files written so far. */
    readonly written?: ((bytes: number) => void) | undefined
  }

/** Writes the merged tree of `image` (LAYOUT:TAG, or a mountpoint) as one tar, to a file or an open descriptor. */
export async function exportImage(image: Path, output: Path | number, options: ExportOptions = {}): Promise<Archive> {
  // Before a large image is unpacked for nothing.
  if (typeof output !== 'number') unwrap(resolveDir('the directory of --output', posix.dirname(absolute(output))))
  const merged = absolute(image)
  if (!(findMount(merged) instanceof StratafsError)) return exportTree({ merged }, output, options)
  return withLayers(image, options, ({ layers }) => {
    const userxattr = options.userxattr ?? null
    return exportTree({ upper: null, lowers: lowersOf(layers), work: null, userxattr }, output, options)
  })
}

function exportTree(source: SourceRequest, output: Path | number, options: ExportOptions): Promise<Archive> {
  const { level, timestamp = null, written: progress, signal } = options
  const compression = options.compression ?? (typeof output === 'number' ? 'none' : compressionOfName(toBytes(output)))
  const request = { source, squash: true, live: false, timestamp, compression, level, progress, signal }
  return commitArchive(request, typeof output === 'number' ? output : absolute(output))
}

/**
 * Removes `image` (LAYOUT:TAG): its tag, and the blobs and unpacked layers that no other image has. Refused, with
 * nothing changed, while a mount uses one of its layers. Of an image whose layout is gone the store forgets what it
 * knows.
 */
export async function removeImage(image: Path, options: StoreOptions = {}): Promise<Removal> {
  const store = openStore(options)
  const waiting = { waits: options.notice, signal: options.signal }
  try {
    return await removeStored(referenceOf(image), store, waiting)
  } catch (error) {
    const bytes = toBytes(image)
    const colon = bytes.lastIndexOf(':')
    if (!(error instanceof StratafsError) || error.code !== 'NOT_FOUND' || colon <= 0) throw error
    const layout = resolved(Buffer.from(bytes.slice(0, colon), 'latin1'))
    const removal = await removeRecord(referenceText({ layout, tag: bytes.slice(colon + 1) }), store, waiting)
    if (removal === null) throw error
    return removal
  }
}
