/**
 * A kernel overlay that stands on a metadata image, an EROFS filesystem that is mounted where nobody sees it. No
 * request of it ever comes to this process; that the overlay is gone shows at the image, whose filesystem goes with it.
 */
import { type FSWatcher, watch } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import { TRUSTED_MARKS } from '../../layers/marks.js'
import { native } from '../../syscalls/native.js'
import { isMachineRoot } from '../../syscalls/privilege.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { MountPlan } from '../options/mount-settings.js'
import { imageIdentity, type OpenImage, openImage } from './image/image-file.js'
import { makeNow } from './image/image-thread.js'
import { detachedImage, detachedOverlay } from './overlay.js'
import { overlayOptions } from './overlay-options.js'

/** Why a mount does not stand on an image; `isDue`: it may, once there is one. */
interface NoImage {
  readonly why: string
  readonly isDue: boolean
}

/** An overlay that is attached nowhere yet. */
export interface ImageOverlay {
  readonly overlay: number
  /** The file. */
  readonly path: string
  readonly options: readonly (readonly [string, string?])[]
  /** The kernel keeps hard links of lower files together. */
  readonly index: boolean
  /** The overlay has gone, in every mount namespace. */
  readonly gone: Promise<void>
  /** Nobody waits for that. */
  forget(): void
}

/** What the overlay is made from. */
interface ImageWish {
  readonly plan: MountPlan
  /** Of the union of the lower layers. */
  readonly config: UnionConfig
  readonly prefix: string
  /** The data-only layers. */
  readonly data: readonly number[]
  /** Why the upper cannot lie over a lower without file handles; null: it can. */
  readonly unfit: string | null
}

/** Why `plan` cannot have an image at all, in words; null: it can. */
function imageObstacle({ config, settings }: MountPlan, prefix: string): string | null {
  if (settings.metadataImage === 'off') return 'metadata_image=off'
  if (config.index !== 'immutable') return 'the layers may change between two mounts (index=immutable says they do not)'
  if (prefix !== TRUSTED_MARKS || !isMachineRoot()) return 'it takes root, and marks in trusted.overlay.*'
  const own = [config.upper, config.work].filter((path) => path !== null)
  const isInside = own.some((path) => config.lowers.some((lower) => `${path}/`.startsWith(`${lower}/`)))
  return isInside ? 'the upper lies in a lower layer' : null
}

/** The overlay on the image of its layers, which is made first where `plan` cannot do without; or why there is none. */
export async function overlayOnImage(wish: ImageWish, log: Log): Promise<ImageOverlay | NoImage> {
  const { plan, config, prefix, unfit } = wish
  const obstacle = imageObstacle(plan, prefix)
  if (obstacle !== null) return { why: obstacle, isDue: false }
  const identity = imageIdentity(config, prefix)
  if (identity === null) return { why: 'a layer cannot be looked at', isDue: false }
  let image = openImage(identity)
  if (image === null && unfit !== null) {
    const refusal = await makeNow(config, log)
    if (refusal !== null) return { why: refusal, isDue: false }
    image = openImage(identity)
  }
  if (image === null) return { why: 'it is being made for the next mount', isDue: true }
  const { fd } = image
  const made = onImage(wish, image)
  native.close(fd)
  return made instanceof StratafsError ? { why: made.message, isDue: false } : made
}

function onImage(wish: ImageWish, image: OpenImage): ImageOverlay | StratafsError {
  const lower = detachedImage(image.fd)
  if (typeof lower !== 'number') return lower
  const watched = watchEnd(lower)
  const made = watched instanceof StratafsError ? watched : overlayAbove(wish, lower)
  native.close(lower)
  if (watched instanceof StratafsError) return watched
  if (made instanceof StratafsError) {
    watched.forget()
    return made
  }
  return { ...made, ...watched, path: image.path }
}

/**
 * With the kernel's hard-link index, unless the upper has stood on other layers: an index without entries is of no use
 * then, and one with them is refused.
 */
function overlayAbove(
  { plan, prefix, data, unfit }: ImageWish,
  lower: number,
): Pick<ImageOverlay, 'overlay' | 'options' | 'index'> | StratafsError {
  const kinds = plan.config.upper === null ? [false] : unfit === null ? [true, false] : [true]
  let refused: StratafsError | null = null
  for (const index of kinds) {
    const options = overlayOptions(plan.config, prefix, index)
    const overlay = detachedOverlay(plan, { lower, data, steps: options })
    if (typeof overlay === 'number') return { overlay, options, index }
    refused ??= overlay
  }
  return refused!
}

/** The end of the filesystem of the mount `fd`. Its root is watched, and the kernel tells of its end. */
function watchEnd(fd: number): Pick<ImageOverlay, 'gone' | 'forget'> | StratafsError {
  let watcher: FSWatcher
  try {
    watcher = watch(`/proc/self/fd/${fd}`)
  } catch (error) {
    return new StratafsError(`its end cannot be watched for (${errorWords(error)})`)
  }
  const gone = new Promise<void>((resolve) => {
    watcher.once('change', () => resolve())
    watcher.once('error', () => resolve())
  }).finally(() => watcher.close())
  return { gone, forget: () => watcher.close() }
}
