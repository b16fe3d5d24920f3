/**
 * Who works with a layout holds it: an flock on its folder `blobs`, shared by all who build on blobs or read them,
 * alone for whoever removes some. The kernel lets go of it however a process ends. Blobs that no image has yet, or none
 * any more, are noted in a file before they get there or lose their image. What a killed process left is so found
 * again, and removed by the next writer that is alone; blobs that other programs put there are never touched. Order of
 * locks: a layout's, then a store's.
 */
import { rmSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { namesIn } from '../../base/names-in.js'
import { pathBytes } from '../../base/text.js'
import type { Layout } from '../image/layout.js'
import { digestsIn, NOTE, removeUnneeded, writeNote } from '../image/needs.js'
import { aloneNow, heldDirectory, type Waiting } from './lock.js'

/**
 * Runs `work` while no blob can be removed. `writes`: what killed writers left is removed first, where nobody else is
 * there.
 */
export function holding<T>(
  layout: Layout,
  waiting: Waiting & { readonly writes?: boolean },
  work: () => Promise<T> | T,
): Promise<T> {
  const first = waiting.writes === true ? () => sweep(layout) : undefined
  return heldDirectory(`${layout.directory}/blobs`, 'shared', { ...waiting, first }, work)
}

/** Runs `work`, which removes blobs, while nobody else builds on them. */
export function alone<T>(layout: Layout, waiting: Waiting, work: () => Promise<T> | T): Promise<T> {
  return heldDirectory(`${layout.directory}/blobs`, 'alone', waiting, () => {
    sweep(layout)
    return work()
  })
}

/**
 * Removes what nobody needs, then runs `work`, if nobody else is there; else false. For whoever has failed: it does not
 * fail.
 */
export function sweepWhereAlone(layout: Layout, work: () => boolean): boolean {
  let result = false
  try {
    aloneNow(`${layout.directory}/blobs`, () => {
      sweep(layout)
      result = work()
    })
  } catch {
    return false
  }
  return result
}

const TEMPORARY = /^\.(index\.json|oci-layout)-\d+-[0-9a-f]{8}$|^\.stratafs-(unsure-.*|sizes\.json\..*)\.new$/
const NEW_BLOB = /^\.new-\d+-[0-9a-f]{12}$/

/**
 * Runs `work` with `digests` noted: blobs it will put there, or take from their image. The note goes when it ends;
 * where it fails, those that no image needs stay noted for the next sweep.
 */
export function noted<T>(layout: Layout, digests: readonly string[], work: () => T): T {
  const path = writeNote(layout.directory, digests)
  const result = work()
  rmSync(pathBytes(path), { force: true })
  return result
}

/** Removes what killed processes left. Called alone; nothing is removed where an image's documents cannot be read. */
function sweep(layout: Layout): void {
  layout.changeIndex((manifests) => {
    const { directory } = layout
    removeNamed(directory, TEMPORARY)
    removeNamed(`${directory}/blobs/sha256`, NEW_BLOB)
    const notes = namesIn(directory).filter((name) => NOTE.test(name))
    if (notes.length === 0) return manifests
    try {
      const unsure = notes.flatMap((name) => digestsIn(`${directory}/${name}`))
      removeUnneeded(layout, unsure, manifests)
    } catch (error) {
      if (error instanceof StratafsError) return manifests
      throw error
    }
    for (const name of notes) rmSync(pathBytes(`${directory}/${name}`), { force: true })
    return manifests
  })
}

function removeNamed(folder: string, names: RegExp): void {
  for (const name of namesIn(folder)) if (names.test(name)) rmSync(pathBytes(`${folder}/${name}`), { force: true })
}
