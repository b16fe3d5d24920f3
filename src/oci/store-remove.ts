/**
 * An image goes: its tag from index.json, the blobs that no other image of the layout has, and from the store of unpacked
 * layers those that no other image there has. All of it is refused while a mount uses a layer that would go. What goes is
 * first no longer named, then removed, so that whatever is killed on the way nothing half is believed afterwards.
 */
import { readFileSync, rmSync, statSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { listMounts } from '../daemon/run-directory.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { parseObject, readDocument, writeDocument } from './json-file.js'
import type { LayerStore } from './store.js'
import {
  blobPath,
  canonical,
  choose,
  type Descriptor,
  descriptor,
  descriptorsIn,
  INDEX_TYPES,
  type Reference,
  readBlob,
  readIndex,
  referenceText,
} from './store-layout.js'
import { underLock, type Waiting } from './store-lock.js'
import { removeUnpacked } from './unpack-remove.js'

export interface Removal {
  readonly reference: string
  /** Digests of the blobs that were removed from the layout. */
  readonly blobs: readonly string[]
  /** Their bytes. */
  readonly bytes: number
  /** Names of the layers that were removed from the store. */
  readonly layers: readonly string[]
}

/** Removes the image that `reference` names. Throws StratafsError, with nothing changed where a mount is in the way. */
export function removeImage(reference: Reference, store: LayerStore, waiting: Waiting = {}): Promise<Removal> {
  return store.alone(waiting, () =>
    underLock(reference.layout, 'alone', waiting, () => {
      const entry = choose(reference, descriptorsIn(readIndex(reference.layout), 'manifests', 'index.json'))
      const name = referenceText(canonical(reference, entry))
      const layers = freeLayers(store, name)
      const { blobs, bytes } = removeFromLayout(reference.layout, entry)
      forget(store, name, layers)
      return { reference: name, blobs, bytes, layers }
    }),
  )
}

/** Lets the store forget an image whose layout is no more; null where it knows none of that name. */
export function removeRecord(name: string, store: LayerStore, waiting: Waiting = {}): Promise<Removal | null> {
  return store.alone(waiting, () => {
    if (readDocument(store.recordPath(name)) === null) return null
    const layers = freeLayers(store, name)
    forget(store, name, layers)
    return { reference: name, blobs: [], bytes: 0, layers }
  })
}

function forget(store: LayerStore, name: string, layers: readonly string[]): void {
  rmSync(pathBytes(store.recordPath(name)), { force: true })
  removeLayers(store, layers)
}

/**
 * Layers that no other image's record names: this one's, and those that have none any more because their image's tag was
 * given to another. Of the latter those in use stay; one of this image's in use is a reason to refuse.
 */
function freeLayers(store: LayerStore, name: string): string[] {
  const own = store.recordPath(name)
  const records = store.records()
  const kept = new Set(records.filter(({ path }) => path !== own).flatMap(({ record }) => record.layers))
  const leaving = new Set(records.find(({ path }) => path === own)?.record.layers)
  const userOf = usersOfLayers(store)
  return store.layerNames().filter((layer) => {
    if (kept.has(layer)) return false
    const user = userOf(layer)
    if (user !== null && leaving.has(layer)) throw new StratafsError(inUse(store.layerPath(layer), user))
    return user === null
  })
}

function inUse(path: string, mountpoint: string): string {
  return `layer ${shown(path)} is used by the mount on ${shown(mountpoint)}: unmount that first`
}

/** Finds the mountpoint of a mount that uses a layer: one of ours, or of kernel overlayfs. */
function usersOfLayers(store: LayerStore): (layer: string) => string | null {
  const mounts = listMounts()
  const overlays = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .filter((line) => line.includes('lowerdir='))
  return (layer) => {
    const path = store.layerPath(layer)
    const ours = mounts.find(({ state }) => state.config.lowers.includes(path))
    return ours?.state.mountpoint ?? overlays.find((line) => line.includes(path))?.split(' ')[4] ?? null
  }
}

/** Takes the entry out of index.json, then what only it led to. */
function removeFromLayout(layout: string, entry: Descriptor): { blobs: string[]; bytes: number } {
  const index = readIndex(layout)
  const listed = index.manifests as { digest?: unknown; annotations?: unknown }[]
  // The same image under another tag is another entry.
  const at = descriptorsIn(index, 'manifests', 'index.json').findIndex((each) => same(each, entry))
  const left = listed.filter((_each, i) => i !== at)
  const kept = new Set<string>()
  for (const each of left) reach(layout, descriptor(each, 'index.json'), kept, true)
  const leaving = new Set<string>()
  reach(layout, entry, leaving, false)
  writeDocument(`${layout}/index.json`, JSON.stringify({ ...index, manifests: left }))
  const blobs = [...leaving].filter((digest) => !kept.has(digest))
  return { blobs, bytes: blobs.reduce((sum, digest) => sum + removeBlob(layout, digest), 0) }
}

function same(a: Descriptor, b: Descriptor): boolean {
  return a.digest === b.digest && JSON.stringify(a.annotations) === JSON.stringify(b.annotations)
}

/**
 * Adds the digests of all that `from` leads to. `certain`: a document that is damaged is an error, for what it needs would be
 * taken for free. One that is missing (images for other processors often are) leads nowhere.
 */
function reach(layout: string, from: Descriptor, into: Set<string>, certain: boolean): void {
  if (into.has(from.digest)) return
  into.add(from.digest)
  if (!INDEX_TYPES.includes(from.mediaType) && !from.mediaType.includes('manifest')) return
  const document = documentOf(layout, from, certain)
  for (const field of ['manifests', 'layers', 'blobs']) {
    const list = Array.isArray(document[field]) ? descriptorsIn(document, field, from.digest) : []
    for (const each of list) reach(layout, each, into, certain)
  }
  for (const field of ['config', 'subject']) {
    if (document[field] !== undefined) reach(layout, descriptor(document[field], from.digest), into, certain)
  }
}

function documentOf(layout: string, from: Descriptor, certain: boolean): Record<string, unknown> {
  if (statSync(pathBytes(blobPath(layout, from.digest)), { throwIfNoEntry: false }) === undefined) return {}
  try {
    return parseObject(readBlob(layout, from), from.digest)
  } catch (error) {
    if (error instanceof StratafsError && !certain) return {}
    throw error
  }
}

/** Its size; 0 where it is gone already. */
function removeBlob(layout: string, digest: string): number {
  const path = pathBytes(blobPath(layout, digest))
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  rmSync(path, { force: true })
  return size
}

const REMOVING = '.removing.'

/** Each is renamed away first: what still has a layer's name is whole. What killed processes left goes along. */
function removeLayers(store: LayerStore, names: readonly string[]): void {
  const fd = native.openat(AT_FDCWD, `${store.path}/layers`, O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) return
  try {
    for (const name of names) native.renameat(fd, name, fd, REMOVING + name, 0)
    const entries = native.readDirectory(fd, '')
    const rubbish = typeof entries === 'number' ? [] : entries.names.filter((name) => name.startsWith('.'))
    // Nobody unpacks while the store is held alone, so hidden names are nobody's.
    for (const name of rubbish) removeUnpacked(fd, name)
  } finally {
    native.close(fd)
  }
  for (const name of names) rmSync(pathBytes(`${store.path}/locks/${name}`), { force: true })
}
