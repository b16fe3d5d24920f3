/**
 * What `stratafs image mount` does. The store is held from the first look at a layer until the mount is up, so that
 * nothing can be removed in between; after that the mount itself is what `image rm` finds in its way.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { resolveDir } from '../../daemon/mount/directories.js'
import { parseOptions } from '../../daemon/options/parse.js'
import { type Mount, mount } from '../../index.js'
import { type PolicyOptions, policyOf } from '../../oci/apply/policy.js'
import type { Platform } from '../../oci/image/types.js'
import { type StoredImage, withImage } from '../../oci/store/images.js'
import { lowersOf } from '../../oci/store/layer-paths.js'
import { LayerStore, type PresentLayer } from '../../oci/store/store.js'
import { currentDirectory } from '../terminal/arguments.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { absolutePath, referenceOf, storePath } from '../terminal/paths.js'
import { print, printJson } from '../terminal/print.js'
import { ensureLayers } from './unpack-run.js'

export interface ImageMountArguments {
  readonly image: string
  readonly merged: string
  readonly store: string | undefined
  readonly upper: string | undefined
  readonly work: string | undefined
  readonly readOnly: boolean
  readonly options: readonly string[]
  readonly platform: Platform | null
  readonly wishes: PolicyOptions
  readonly json: boolean
}

interface Mounted {
  readonly image: StoredImage
  readonly mount: Mount
  readonly layers: readonly PresentLayer[]
  readonly upper: string | null
}

/** Mounts; the exit code. */
export async function runImageMount(given: ImageMountArguments): Promise<number> {
  if (given.readOnly && (given.upper ?? given.work) !== undefined) {
    printError('image mount: --read-only has no upper: leave --upper and --work out')
    return Exit.USAGE
  }
  const refused = refusal(given)
  if (refused !== null) throw new StratafsError(refused)
  const reference = referenceOf(given.image)
  const mounted = await interruptible((signal) =>
    withImage(reference, { waits: printError, signal, platform: given.platform }, (image) =>
      mountImage(given, image, signal),
    ),
  )
  if (typeof mounted === 'number') return mounted
  for (const warning of mounted.mount.warnings) printError(warning)
  tell(given, mounted.image, mounted)
  return Exit.DONE
}

/** What can be said before anything is unpacked, which takes its time: the directories are there, the options can be read. */
function refusal({ merged, upper, work, options }: ImageMountArguments): string | null {
  const places = [
    ['mountpoint', merged],
    ['upperdir', upper],
    ['workdir', work],
  ] as const
  for (const [option, path] of places) {
    const place = path === undefined ? null : resolveDir(option, absolutePath(path))
    if (place !== null && 'error' in place) return place.error
  }
  const parsed = parseOptions(options, { strict: true, cwd: currentDirectory(), lowers: ['/'], upper: '/', work: '/' })
  return 'error' in parsed ? parsed.error : null
}

function mountImage(given: ImageMountArguments, image: StoredImage, signal: AbortSignal): Promise<Mounted> {
  const store = LayerStore.open(storePath(given.store), policyOf(given.wishes))
  return store.using({ waits: printError, signal }, async () => {
    const layers = await ensureLayers(store, image, given.wishes, signal)
    return mountLayers(store, image, layers, given, signal)
  })
}

async function mountLayers(
  store: LayerStore,
  image: StoredImage,
  layers: readonly PresentLayer[],
  given: ImageMountArguments,
  signal: AbortSignal,
): Promise<Mounted> {
  if (image.layers.length === 0) throw new StratafsError('the image has no layers: there is nothing to mount')
  const lower = lowersOf(layers).map(pathBytes)
  const own = given.readOnly || given.upper !== undefined ? null : freshUpper(store, layers.at(-1)!.path)
  const upper = given.upper === undefined ? (own === null ? null : `${own}/upper`) : absolutePath(given.upper)
  const work = given.work === undefined ? (own === null ? null : `${own}/work`) : absolutePath(given.work)
  // What lies in the store under its digest never changes; who knows better says so after it.
  const options = ['index=immutable', ...given.options, ...(given.wishes.userxattr ? ['userxattr'] : [])]
  try {
    const done = await mount(pathBytes(absolutePath(given.merged)), {
      lower,
      ...(upper === null ? {} : { upper: pathBytes(upper) }),
      ...(work === null ? {} : { work: pathBytes(work) }),
      options: options.map(shown).join(','),
      notice: printError,
      signal,
    })
    return { image, mount: done, layers, upper }
  } catch (error) {
    // Nothing was ever written to it.
    if (own !== null) rmSync(pathBytes(own), { recursive: true, force: true })
    throw error
  }
}

/** A new upper and work directory in the store. The merged root looks as the topmost layer has it. */
function freshUpper(store: LayerStore, top: string): string {
  const path = `${store.path}/uppers/${randomBytes(8).toString('hex')}`
  mkdirSync(pathBytes(path), { mode: 0o700 })
  mkdirSync(pathBytes(`${path}/upper`))
  mkdirSync(pathBytes(`${path}/work`), { mode: 0o700 })
  const { mode, uid, gid, atime, mtime } = statSync(pathBytes(top))
  const upper = pathBytes(`${path}/upper`)
  if (process.getuid?.() === 0) chownSync(upper, uid, gid)
  chmodSync(upper, mode & 0o7777)
  utimesSync(upper, atime, mtime)
  return path
}

function tell({ json }: ImageMountArguments, image: StoredImage, { mount: done, layers, upper }: Mounted): void {
  if (!json) {
    const changes = upper === null ? 'read-only' : `changes in ${shown(upper)}`
    print(`${done.mountpoint}: ${layers.length} layers, ${changes}`)
    return
  }
  const document = {
    merged: done.mountpoint,
    pid: done.pid,
    manifest: image.manifestDigest,
    lower: lowersOf(layers).map(shown),
    upper: upper === null ? null : shown(upper),
  }
  printJson(document)
}
