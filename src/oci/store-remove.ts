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
import { isDigest } from './digest.js'
import { readDocument } from './json-file.js'
import { type Descriptor, Layout } from './layout.js'
import type { LayerStore } from './store.js'
import { canonical, choose, type Reference, referenceText } from './store-layout.js'
import type { Waiting } from './store-lock.js'
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
  return store.alone(waiting, () => {
    const layout = Layout.open(reference.layout)
    const entry = choose(reference, layout.index().manifests)
    const name = referenceText(canonical(reference, entry))
    const layers = freeLayers(store, name)
    const { blobs, bytes } = removeFromLayout(layout, entry)
    forget(store, name, layers)
    return { reference: name, blobs, bytes, layers }
  })
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
    const ours = mounts.find(({ state }) => [...state.config.lowers, ...(state.config.dataLowers ?? [])].includes(path))
    return ours?.state.mountpoint ?? overlays.find((line) => line.includes(path))?.split(' ')[4] ?? null
  }
}

/** Takes the entry out of index.json, then removes what only it led to. Each step is alone with the index. */
function removeFromLayout(layout: Layout, entry: Descriptor): { blobs: string[]; bytes: number } {
  const leaving = new Set<string>()
  reach(layout, entry, leaving, false)
  layout.changeIndex((manifests) => {
    // What the others need has to be known before anything changes.
    neededBy(layout, manifests)
    // The same image under another tag is another entry.
    const at = manifests.findLastIndex((each) => JSON.stringify(each) === JSON.stringify(entry))
    return manifests.filter((_each, i) => i !== at)
  })
  const removed = { blobs: [] as string[], bytes: 0 }
  layout.changeIndex((manifests) => {
    const kept = neededBy(layout, manifests)
    removed.blobs = [...leaving].filter((digest) => !kept.has(digest) && layout.hasBlob(digest))
    removed.bytes = removed.blobs.reduce((sum, digest) => sum + removeBlob(layout, digest), 0)
    return manifests
  })
  return removed
}

function neededBy(layout: Layout, manifests: readonly Descriptor[]): Set<string> {
  const needed = new Set<string>()
  for (const each of manifests) reach(layout, each, needed, true)
  return needed
}

/**
 * Adds the digests of all that `from` leads to. `certain`: a document that is damaged is an error, for what it needs would be
 * taken for free. One that is missing (images for other processors often are) leads nowhere.
 */
function reach(layout: Layout, from: Descriptor, into: Set<string>, certain: boolean): void {
  if (!isDigest(from?.digest) || into.has(from.digest)) return
  into.add(from.digest)
  if (!/manifest|image\.index/.test(from.mediaType ?? '') || !layout.hasBlob(from.digest)) return
  const document = documentOf(layout, from, certain)
  for (const field of ['manifests', 'layers', 'blobs', 'config', 'subject']) {
    for (const each of [document[field] ?? []].flat()) reach(layout, each as Descriptor, into, certain)
  }
}

function documentOf(layout: Layout, from: Descriptor, certain: boolean): Record<string, unknown> {
  try {
    return layout.readDocument(from) as Record<string, unknown>
  } catch (error) {
    if (error instanceof StratafsError && !certain) return {}
    throw error
  }
}

/** Its size; 0 where it is gone already. */
function removeBlob(layout: Layout, digest: string): number {
  const path = pathBytes(layout.blobPath(digest))
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
