/**
 * An image goes: its tag from index.json, the blobs that no other image of the layout has, and from the store of
 * unpacked layers those that no other image there has. All of it is refused while a mount uses a layer that would go.
 * What goes is first no longer named, then removed, so that whatever is killed on the way nothing half is believed
 * afterwards.
 */

import { readFileSync, rmSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { listMounts } from '../../daemon/mount/run-directory.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { readDocument } from '../encoding/json-file.js'
import { type Descriptor, Layout } from '../image/layout.js'
import { neededBy, reach, removeUnneeded } from '../image/needs.js'
import { alone, noted } from './hold.js'
import { canonical, choose, type Reference, referenceText } from './images.js'
import type { Waiting } from './lock.js'
import type { LayerStore } from './store.js'
import { sweepStore } from './sweep.js'

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
export async function removeImage(reference: Reference, store: LayerStore, waiting: Waiting = {}): Promise<Removal> {
  const layout = Layout.open(reference.layout)
  const remove = () => {
    const entry = choose(reference, layout.index().manifests)
    const name = referenceText(canonical(reference, entry))
    const layers = freeLayers(store, name)
    const { blobs, bytes } = removeFromLayout(layout, entry)
    forget(store, name, layers)
    return { reference: name, blobs, bytes, layers }
  }
  return alone(layout, waiting, () => store.alone(waiting, remove))
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
 * Layers that no other image's record names: this one's, and those that have none any more because their image's tag
 * was given to another. Of the latter those in use stay; one of this image's in use is a reason to refuse.
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
    if (user !== null && leaving.has(layer)) throw inUse(store.layerPath(layer), user)
    return user === null
  })
}

/** Tells of layers whether no mount uses them. */
export function freeOfUse(store: LayerStore): (layer: string) => boolean {
  const userOf = usersOfLayers(store)
  return (layer) => userOf(layer) === null
}

function inUse(path: string, mountpoint: string): StratafsError {
  const words = `layer ${shown(path)} is used by the mount on ${shown(mountpoint)}`
  return new StratafsError(words, 'IN_USE', 'unmount that first')
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
  const leaving = reach(layout, [entry], false)
  return noted(layout, [...leaving], () => {
    layout.changeIndex((manifests) => {
      // What the others need has to be known before anything changes.
      neededBy(layout, manifests)
      // The same image under another tag is another entry.
      const at = manifests.findLastIndex((each) => JSON.stringify(each) === JSON.stringify(entry))
      return manifests.filter((_each, i) => i !== at)
    })
    let removed = { blobs: [] as string[], bytes: 0 }
    layout.changeIndex((manifests) => {
      removed = removeUnneeded(layout, leaving, manifests)
      return manifests
    })
    return removed
  })
}

const REMOVING = '.removing.'

/** Each is renamed away first: what still has a layer's name is whole. What killed processes left goes along. */
export function removeLayers(store: LayerStore, names: readonly string[]): void {
  const layers = native.openat(AT_FDCWD, `${store.path}/layers`, O_RDONLY | O_DIRECTORY, 0)
  if (layers < 0) return
  withFd(layers, (fd) => {
    for (const name of names) native.renameat(fd, name, fd, REMOVING + name, 0)
  })
  sweepStore(store.path)
}
