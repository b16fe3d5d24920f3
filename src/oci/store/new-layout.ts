/**
 * Work that may make a layout: where it fails, what it made goes again, with the directories above. Somebody else's
 * stays: a layout that was there, one that holds an image, one that another program has begun to use.
 */
import { existsSync, lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'
import { Layout } from '../image/layout.js'
import { holding, sweepWhereAlone } from './hold.js'
import type { Waiting } from './lock.js'

/** Runs `work` with the layout at `directory` (absolute, latin1), which is made where it is missing. */
export async function holdingNew<T>(
  directory: string,
  waiting: Waiting,
  work: (layout: Layout) => Promise<T> | T,
): Promise<T> {
  const missing = missingOn(directory)
  const isNew = !existsSync(pathBytes(`${directory}/oci-layout`))
  const layout = Layout.openOrCreate(directory)
  try {
    return await holding(layout, { ...waiting, writes: true }, () => work(layout))
  } catch (error) {
    if (isNew) discard(layout, missing)
    throw error
  }
}

/** What is not there on the way to `directory`, itself first. */
function missingOn(directory: string): string[] {
  const missing: string[] = []
  for (let at = directory; at !== '' && !isThere(at); at = at.slice(0, at.lastIndexOf('/'))) missing.push(at)
  return missing
}

function isThere(path: string): boolean {
  return lstatSync(pathBytes(path), { throwIfNoEntry: false }) !== undefined
}

/** Takes an empty layout away, and those of `missing` that are empty then. */
function discard(layout: Layout, missing: readonly string[]): void {
  const { directory } = layout
  const isGone = sweepWhereAlone(layout, () => {
    if (layout.index().manifests.length > 0 || !isBare(directory)) return false
    rmSync(pathBytes(`${directory}/oci-layout`))
    rmdirSync(pathBytes(`${directory}/blobs/sha256`))
    rmdirSync(pathBytes(`${directory}/blobs`))
    rmSync(pathBytes(`${directory}/index.json`))
    return true
  })
  try {
    if (isGone) for (const path of missing) rmdirSync(pathBytes(path))
  } catch {
    // Something else has come to lie there.
  }
}

/** Whether nothing lies there but what an empty layout has. */
function isBare(directory: string): boolean {
  const namesIn = (path: string) =>
    readdirSync(pathBytes(`${directory}/${path}`), 'latin1')
      .sort()
      .join(' ')
  const held = ['.', 'blobs', 'blobs/sha256'].map(namesIn)
  return held.join(', ') === 'blobs index.json oci-layout, sha256, '
}
