/**
 * What `stratafs image export` does: an image's layers are unpacked to the store, as for a mount, and read there as one
 * tree.
 */
import { posix } from 'node:path'
import { StratafsError } from '../../base/failure.js'
import { findMount } from '../../daemon/control/find-mount.js'
import { resolveDir } from '../../daemon/mount/directories.js'
import { type PolicyOptions, policyOf } from '../../oci/apply/policy.js'
import { isStandardInput } from '../../oci/apply/source.js'
import type { Platform } from '../../oci/image/types.js'
import { type StoredImage, withImage } from '../../oci/store/images.js'
import { lowersOf } from '../../oci/store/layer-paths.js'
import { LayerStore } from '../../oci/store/store.js'
import { runCommit } from '../commands/commit-run.js'
import { printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { absolutePath, referenceOf, storePath } from '../terminal/paths.js'
import { ensureLayers } from './unpack-run.js'

export interface ImageExportArguments {
  readonly image: string
  readonly store: string | undefined
  readonly platform: Platform | null
  readonly wishes: PolicyOptions
  readonly output: string
  readonly timestamp: string | undefined
  readonly json: boolean
}

/** Exports; the exit code. */
export async function runImageExport(given: ImageExportArguments): Promise<number> {
  if (!isStandardInput(given.output)) {
    const folder = resolveDir('the directory of --output', posix.dirname(absolutePath(given.output)))
    if ('error' in folder) throw new StratafsError(folder.error)
  }
  const merged = absolutePath(given.image)
  if (!('error' in findMount(merged))) return exportTree(given, { merged })
  const reference = referenceOf(given.image)
  return interruptible((signal) =>
    withImage(reference, { waits: printError, signal, platform: given.platform }, (image) =>
      exportImage(given, image, signal),
    ),
  )
}

/** Nothing may be removed from the store while its layers are read. */
function exportImage(given: ImageExportArguments, image: StoredImage, signal: AbortSignal): Promise<number> {
  const store = LayerStore.open(storePath(given.store), policyOf(given.wishes))
  return store.using({ waits: printError, signal }, async () => {
    const layers = await ensureLayers(store, image, given.wishes, signal)
    const lowers = lowersOf(layers)
    return exportTree(given, { upper: null, lowers, work: null, userxattr: given.wishes.userxattr ?? null })
  })
}

function exportTree(given: ImageExportArguments, source: Parameters<typeof runCommit>[0]['source']): Promise<number> {
  const { output, timestamp, json } = given
  const none = { compression: undefined, level: undefined, depth: undefined, base: undefined, image: undefined }
  const words = { author: undefined, message: undefined, changes: [], createdBy: undefined }
  const plain = { squash: true, live: false, dryRun: false }
  return runCommit({ ...none, ...words, ...plain, source, output, timestamp, json })
}
