/**
 * The library's function that mounts an image in one step. The store is held from the first look at a layer until the
 * mount is up, so that nothing is removed in between. From then on `removeImage` finds the mount itself in its way.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { resolveDir } from '../daemon/mount/directories.js'
import { imageOfLowers } from '../oci/store/known-images.js'
import { lowersOf } from '../oci/store/layer-paths.js'
import type { LayerStore } from '../oci/store/store.js'
import { type PresentLayer, type ReadyImage, type UnpackOptions, withLayers } from './image-store.js'
import { type Mount, mount, parseMountOptions } from './mount.js'
import { absolute, type Path, unwrap } from './paths.js'

/** Letters of a layer's name that a mount keeps: a step of a build may be a whole script. */
const LONGEST_NAME = 256

export interface ImageMountOptions extends UnpackOptions {
  /** Where changes go; where not given a fresh one in the store. */
  readonly upper?: Path | undefined
  /** Where not given beside the upper. */
  readonly work?: Path | undefined
  /** Without an upper. */
  readonly readOnly?: boolean | undefined
  /** Further mount options, as after `-o`; `index=immutable` stands before them. */
  readonly options?: string | undefined
}

export interface MountedImage extends Mount {
  /** Digest of the manifest. */
  readonly manifest: string
  /** The layers' directories, top first. */
  readonly lower: readonly string[]
  /** Null: read-only. */
  readonly upper: string | null
  /** The lowest first. */
  readonly layers: readonly PresentLayer[]
}

/** Unpacks what is missing of `image` (LAYOUT:TAG) and mounts its root filesystem on `mountpoint`. */
export async function mountImage(
  image: Path,
  mountpoint: Path,
  options: ImageMountOptions = {},
): Promise<MountedImage> {
  if (options.readOnly && (options.upper ?? options.work) !== undefined)
    throw new StratafsError('a read-only mount has no upper', 'INVALID_ARGUMENT', 'leave --upper and --work out')
  checkPlan(mountpoint, options)
  return withLayers(image, options, (ready) => mountLayers(ready, mountpoint, options))
}

/**
 * What can be said before anything is unpacked, which takes its time: the directories are there, the options can be
 * read.
 */
function checkPlan(mountpoint: Path, { upper, work, options }: ImageMountOptions): void {
  const places = { mountpoint, upperdir: upper, workdir: work }
  for (const [option, path] of Object.entries(places))
    if (path !== undefined) unwrap(resolveDir(option, absolute(path)), 'MOUNT_REFUSED')
  unwrap(parseMountOptions(options, { lower: ['/'], upper: '/', work: '/' }), 'INVALID_ARGUMENT')
}

async function mountLayers(
  { store, image, layers }: ReadyImage,
  mountpoint: Path,
  options: ImageMountOptions,
): Promise<MountedImage> {
  if (image.layers.length === 0) throw new StratafsError('the image has no layers: there is nothing to mount')
  const lowers = lowersOf(layers)
  const own = options.readOnly || options.upper !== undefined ? null : freshUpper(store, layers.at(-1)!.path)
  const upper = options.upper ?? (own === null ? undefined : pathBytes(`${own}/upper`))
  const work = options.work ?? (own === null ? undefined : pathBytes(`${own}/work`))
  // What lies in the store under its digest never changes; who knows better says so after it.
  const words = ['index=immutable', ...(options.options ? [options.options] : [])]
  try {
    const mounted = await mount(mountpoint, {
      lower: lowers.map(pathBytes),
      names: imageOfLowers(lowers)?.layers.map((name) => name.slice(0, LONGEST_NAME)),
      ...(upper === undefined ? {} : { upper }),
      ...(work === undefined ? {} : { work }),
      options: [...words, ...(options.userxattr ? ['userxattr'] : [])].join(','),
      notice: options.notice,
      signal: options.signal,
    })
    return {
      ...mounted,
      manifest: image.manifestDigest,
      lower: lowers.map(shown),
      upper: upper === undefined ? null : shown(absolute(upper)),
      layers: layers.map((layer) => ({ ...layer, path: shown(layer.path) })),
    }
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
