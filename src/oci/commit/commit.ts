/**
 * An upper directory becomes a layer: an archive, or the topmost layer of an image in an OCI layout. A mount in use is
 * held still meanwhile: what programs had written is brought to the upper, the daemon serves no further request until
 * the layer is written, and who asks waits. So the layer is the merged tree of one moment, that of a machine that lost
 * its power there. Writes that the kernel hands to files by itself (passthrough) are noticed by the files' times, and
 * refused.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { deviceOfStat } from '../../layers/layer-dir.js'
import { LayerStack } from '../../stack/layer-stack.js'
import { AT_FDCWD } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { addHiddenLinks, addLeftLinks } from '../changes/links.js'
import { findSource, holdStill, type Source, type SourceRequest } from '../changes/source.js'
import { changeTree, wholeTree } from '../changes/tree.js'
import { refuseWrong } from '../image/config-change.js'
import { Layout } from '../image/layout.js'
import { holding } from '../store/hold.js'
import { holdingNew } from '../store/new-layout.js'
import { type Archive, type ArchiveOptions, fillFile, fillNew, writeArchive } from './archive.js'
import { type LayerEntry, layerEntries } from './entries.js'
import { baseImage, type CommittedImage, checkBelow, type ImageWords, putLayer, withoutLayers } from './image.js'
import { type Summary, summarize } from './summary.js'

interface CommitRequest extends Omit<ArchiveOptions, 'watched'> {
  readonly source: SourceRequest
  /** Everything that the merged tree shows, and not only what the upper changes. */
  readonly squash: boolean
  /** Read a mount in use without holding it still. */
  readonly live: boolean
}

/** Longest time that a mount is held. */
const HOLD_SECONDS = 600

/** Where an image goes. `directory` is absolute and latin1. */
interface ImageWish {
  readonly directory: string
  readonly tag: string
  /** Tag of the image below; `none`; undefined: the one that has `tag`. */
  readonly base: string | undefined
  readonly words: ImageWords
  /** Called once when another program keeps the layout for long. */
  readonly waits?: ((words: string) => void) | undefined
}

/** What the layer would hold. Throws StratafsError. */
export async function dryRun(wish: Pick<CommitRequest, 'source' | 'squash'>): Promise<Summary> {
  const source = await findSource(wish.source)
  return withStack(source, (stack) => summarize(entriesOf(stack, wish.squash)))
}

/** Writes the layer to a file at `path` (absolute, latin1), or to the descriptor `path`. Throws StratafsError. */
export async function commitArchive(wish: CommitRequest, path: string | number): Promise<Archive> {
  const source = await findSource(wish.source)
  if (typeof path === 'number') {
    refuseInside(source, path, '', 'standard output')
    return commitTo(source, wish, path)
  }
  refuseInside(source, AT_FDCWD, path.slice(0, path.lastIndexOf('/')) || '/', shown(path))
  return fillFile(path, (fd) => commitTo(source, wish, fd))
}

/** Adds the layer to an image. Throws StratafsError. */
export async function commitImage(wish: CommitRequest, image: ImageWish): Promise<Archive & CommittedImage> {
  const source = await findSource(wish.source)
  const waiting = { waits: image.waits, signal: wish.signal }
  const work = (layout: Layout) => {
    refuseInside(source, AT_FDCWD, layout.directory, shown(layout.directory))
    return commitUpon(layout, source, wish, image)
  }
  if (image.base === 'none') return holdingNew(image.directory, waiting, work)
  const layout = Layout.open(image.directory)
  refuseInside(source, AT_FDCWD, layout.directory, shown(layout.directory))
  return holding(layout, { ...waiting, writes: true }, () => work(layout))
}

async function commitUpon(
  layout: Layout,
  source: Source,
  wish: CommitRequest,
  image: ImageWish,
): Promise<Archive & CommittedImage> {
  const found = baseImage(layout, image.tag, image.base)
  refuseWrong(image.words.changes ?? [])
  if (!wish.squash) checkBelow(source.stack.lowers.slice(source.stack.snapshots ?? 0), found, image.base ?? image.tag)
  const base = found !== null && wish.squash ? withoutLayers(found) : found
  const archive = await fillNew(
    layout.temporaryBlob(),
    (fd) => commitTo(source, wish, fd),
    (path, { digest }) => layout.adoptBlob(path, digest),
  )
  return { ...archive, ...putLayer(layout, image.tag, base, archive, wish.compression, image.words) }
}

/** A mount that stands still cannot take what is written to it. */
function refuseInside(source: Source, fd: number, name: string, what: string): void {
  if (source.mount === null || native.statat(fd, name) < 0 || deviceOfStat() !== source.mount.device) return
  throw new StratafsError(`${what} lies in the mount itself`, 'INVALID_ARGUMENT', 'write the layer to another place')
}

async function commitTo(source: Source, wish: CommitRequest, fd: number): Promise<Archive> {
  const held = wish.live ? null : await holdStill(source, HOLD_SECONDS)
  const options: ArchiveOptions = { ...wish, watched: source.mount !== null }
  let archive: Archive
  let whole = true
  try {
    archive = await withStack(source, (stack) => writeArchive(stack, entriesOf(stack, wish.squash), fd, options))
  } finally {
    if (held !== null) whole = await held.release()
  }
  if (!whole)
    throw new StratafsError(
      `${source.name} did not stand still for long enough (${HOLD_SECONDS} s)`,
      'CHANGED_MEANWHILE',
      'commit it when it is not mounted, or with --live',
    )
  const { changedMeanwhile } = archive
  if (!wish.live && changedMeanwhile.length > 0) {
    const more = changedMeanwhile.length > 1 ? ` (and ${changedMeanwhile.length - 1} more)` : ''
    const what = `${changedMeanwhile[0]} was written to while it was read${more}`
    const remedy = 'end what writes to it, or take it as it is with --live'
    throw new StratafsError(what, 'CHANGED_MEANWHILE', remedy)
  }
  return archive
}

function entriesOf(stack: LayerStack, squash: boolean): Iterable<LayerEntry> {
  if (!squash && stack.upper === null)
    throw new StratafsError('a read-only mount without an upper directory changes nothing: --squash takes all it shows')
  const root = squash ? wholeTree(stack) : changeTree(stack, 'whole')
  addHiddenLinks(stack, root)
  if (!squash) addLeftLinks(stack, root)
  return layerEntries(root)
}

async function withStack<T>(source: Source, use: (stack: LayerStack) => Promise<T> | T): Promise<T> {
  const stack = LayerStack.open(source.stack)
  try {
    return await use(stack)
  } finally {
    stack.close()
  }
}
