/**
 * Two lower layers of a mount in use become one: a snapshot's goes into the one above it. What is in memory of the
 * layer that goes is led to where it stands now, first worked out, then done, so that either all of it comes true or
 * nothing. Inodes stay the same, so nothing of it shows. What open files still need of the layer, and is hidden for
 * everybody else, puts it off.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { indexName } from '../../layers/file-handle.js'
import { type Layer, LayerDir } from '../../layers/layer-dir.js'
import { originMark } from '../../layers/origin-mark.js'
import { applyMerge, type MergeRoots } from '../../snapshots/merge-apply.js'
import type { MergePlan } from '../../snapshots/merge-plan.js'
import { O_DIRECTORY, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import type { Union } from '../context/union.js'
import { cancelBringing } from '../copy-up/background-copy.js'
import { dropAhead } from '../copy-up/prefetch.js'
import { placeFile } from '../lookup/lookup.js'
import { inodeKey } from '../nodes/inode-numbers.js'
import type { Node } from '../nodes/node.js'
import type { StaleNodeid } from '../nodes/node-table.js'
import { openPlaces } from './places.js'

/** For how long nothing else was served. */
export interface Merged {
  readonly milliseconds: number
}

interface Place {
  readonly dir: LayerDir
  readonly name: string
}

/** Carries out `plan`; or says why not, with nothing changed. */
export function mergeLayer(u: Union, plan: MergePlan): Merged | StratafsError {
  const begun = performance.now()
  const [from, into] = [plan.id, plan.into].map((id) => layerOf(u, id))
  if (from === undefined || into === undefined) return new StratafsError('the mount does not stand on both layers')
  cancelBringing(u)
  dropAhead(u)
  native.stopWarming()
  u.nodes.makeWaiting(false)
  const moving = new Relocation(u, from, into, plan).all()
  if (moving instanceof StratafsError) return moving
  const places = openPlaces(u)
  if (places instanceof StratafsError) return places
  const errno = carryOut(u, plan, places.store)
  places.close()
  if (errno < 0) return new StratafsError(`the layers cannot be merged: ${errnoWords(errno)}`)
  u.cache.releaseAll(from)
  for (const move of moving) move()
  keepPlaces(u, into)
  leaveOut(u, from)
  return { milliseconds: performance.now() - begun }
}

function layerOf(u: Union, id: number | null): Layer | undefined {
  return u.lowers.find((layer) => layer.isSnapshot && layer.path === `${u.config.work}/snapshots/${id}`)
}

/** Both layers, written to by way of the upper's mount: their own clones are read-only. */
function carryOut(u: Union, plan: MergePlan, store: number): number {
  const roots = [plan.id, plan.into].map((id) => native.openBeneath(store, String(id), O_PATH | O_DIRECTORY, 0))
  const [lower = -1, upper = -1] = roots
  const index = u.writable!.work.index?.fd ?? -1
  const errno = lower < 0 || upper < 0 ? Math.min(lower, upper) : carryOutIn(u, plan, { lower, upper, index })
  for (const fd of roots) if (fd >= 0) native.close(fd)
  return errno
}

function carryOutIn(u: Union, plan: MergePlan, roots: MergeRoots): number {
  countDropped(u, plan, roots.lower)
  const groups = plan.swaps.flatMap(({ from, to }) => {
    const [before, after] = [keyAt(roots.upper, to[0]!), keyAt(roots.lower, from)]
    const node = u.nodes.byKey(before)
    return node === undefined ? [] : [{ node, before, after, path: to[0]! }]
  })
  const errno = applyMerge(plan, roots)
  if (errno < 0) return errno
  for (const { node, before, after, path } of groups) {
    u.nodes.changeKey(node, before, after)
    if (node.inodeDir === u.writable!.work.index) reindex(u, node, roots.upper, path)
  }
  return errno
}

function keyAt(root: number, path: string): string {
  native.statat(root, path)
  return inodeKey(native.stat)
}

/** The lower inode of its group is another one now, the one that had the content: its entry has that one's name. */
function reindex(u: Union, node: Node, root: number, path: string): void {
  withFd(native.openBeneath(root, path, O_PATH, 0), (fd) => {
    const mark = originMark(fd, '', u.writable!.layer.root)
    if (mark !== null) node.inodeName = indexName(mark)
    return 0
  })
}

/** Names that go were counted among those that are hidden. */
function countDropped(u: Union, { drops }: MergePlan, lower: number): void {
  if (u.hiddenLinks.size === 0) return
  for (const path of drops) {
    if (native.statat(lower, path) < 0) continue
    const key = inodeKey(native.stat)
    const hidden = u.hiddenLinks.get(key) ?? 0
    if (hidden > 1) u.hiddenLinks.set(key, hidden - 1)
    else u.hiddenLinks.delete(key)
  }
}

/** What no name leads to has moved for the next process, too. */
function keepPlaces(u: Union, into: Layer): void {
  const { ledger } = u.nodes
  if (ledger === null) return
  for (const node of u.nodes.values()) if (node.parent === null && node !== u.root) ledger.renamed(node)
  for (const ghost of u.nodes.ghosts()) if (ghost.dir.layer === into) ledger.ghostMoved(ghost)
}

/** Nothing lies in `layer` any more. */
function leaveOut(u: Union, layer: Layer): void {
  const { lowers, layerNames = [], snapshots = 0 } = u.config
  const at = u.lowers.indexOf(layer)
  u.lowers = u.lowers.filter((each) => each !== layer)
  for (const below of [...u.lowers.slice(at), ...u.dataLayers]) below.position--
  u.config = {
    ...u.config,
    lowers: lowers.filter((_, i) => i !== at),
    layerNames: layerNames.filter((_, i) => i !== at),
    snapshots: snapshots - 1,
  }
  u.inodes.useLayers(u.writable === null ? u.lowers : [u.writable.layer, ...u.lowers])
  layer.close()
}

/** What is done in memory once the disk is as the plan has it. */
type Move = () => void

class Relocation {
  /** Of the plan: paths of what goes up, and of directories that stand in both. */
  readonly #moved: ReadonlyMap<string, string>
  readonly #pairs: ReadonlyMap<string, string>
  readonly #dirs = new Map<string, LayerDir>()
  readonly #known = new Map<LayerDir, LayerDir | null>()

  constructor(
    private readonly u: Union,
    private readonly from: Layer,
    private readonly into: Layer,
    plan: MergePlan,
  ) {
    this.#moved = new Map([...plan.moves, ...plan.swaps.map(({ from, to }) => [from, to[0]!] as const)])
    this.#pairs = new Map(plan.pairs)
    this.#dirs.set('', into.root)
  }

  /** Each thing to be done, or why there is something that needs what goes. */
  all(): Move[] | StratafsError {
    const moves: Move[] = []
    for (const node of this.u.nodes.values()) {
      const move = node.dir === null ? this.#file(node) : this.#directory(node)
      if (move === null) return stillNeeded(node)
      if (move !== undefined) moves.push(move)
    }
    for (const ghost of this.u.nodes.ghosts()) {
      if (ghost.dir.layer !== this.from) continue
      const place = this.#place(ghost.dir, ghost.name)
      if (place === null) return stillNeeded(ghost.node)
      moves.push(() => moveGhost(ghost, place))
    }
    return moves
  }

  /** null: it needs what goes. */
  #directory(node: Node): Move | null | undefined {
    const dir = node.dir!
    const parts = [...dir.lowers]
    const at = parts.findIndex(({ layer }) => layer === this.from)
    if (at < 0) return undefined
    const joins = parts[at - 1]?.layer === this.into
    const part = joins ? null : this.#dirOf(parts[at]!)
    if (part === null && !joins && !node.removed) return null
    const rest = parts.toSpliced(at, 1, ...(part === null ? [] : [part]))
    if (rest.length === 0 && dir.upper === null) return null
    return () => {
      dir.lowers = rest
      if (joins) dir.listing?.joinParts(at + (dir.upper === null ? 0 : 1))
    }
  }

  #file(node: Node): Move | null | undefined {
    const { inodeDir, contentDir } = node
    const lies = inodeDir?.layer === this.from
    const place = lies && node.unlinkedFd < 0 ? this.#placeOfFile(node) : undefined
    const content = contentDir?.layer === this.from ? this.#place(contentDir, node.contentName) : undefined
    if (place === null || content === null) return null
    if (place === undefined && content === undefined) return undefined
    return () => {
      if (place !== undefined) placeFile(node, place.dir, place.name)
      if (content !== undefined) this.#moveContent(node, content)
    }
  }

  /** A metacopy of the layer above is now the file itself. */
  #moveContent(node: Node, { dir, name }: Place): void {
    const isWhole = node.inodeDir?.layer === this.into
    node.contentDir = isWhole ? null : dir
    node.contentName = isWhole ? '' : name
  }

  /** By the name it was found under, or by another one. */
  #placeOfFile(node: Node): Place | null {
    const own = this.#place(node.inodeDir!, node.inodeName)
    if (own !== null || node.parent === null) return own
    for (const { parent, name } of [{ parent: node.parent, name: node.name }, ...(node.others ?? [])]) {
      const part = [...parent.dir!.lowers].find(({ layer }) => layer === this.from)
      const place = part === undefined ? null : this.#place(part, name)
      if (place !== null) return place
    }
    return null
  }

  /** Where the name `name` in `dir` stands then; null: nowhere. */
  #place(dir: LayerDir, name: string): Place | null {
    const path = dir.parent === null ? name : `${dir.path()}/${name}`
    const moved = this.#moved.get(path)
    if (moved !== undefined) return { dir: this.#at(directoryOf(moved)), name: moved.slice(moved.lastIndexOf('/') + 1) }
    if (this.#pairs.has(dir.path())) return null
    const above = this.#dirOf(dir)
    return above === null ? null : { dir: above, name }
  }

  /** The directory of the layer above that `part` is then, or has gone into; null: none. */
  #dirOf(part: LayerDir): LayerDir | null {
    const known = this.#known.get(part)
    if (known !== undefined) return known
    const path = part.path()
    const whole = this.#moved.get(path) ?? this.#pairs.get(path)
    const found = whole !== undefined ? this.#at(whole) : this.#inMoved(part)
    this.#known.set(part, found)
    return found
  }

  /** It goes with the directory that holds it, or not at all. */
  #inMoved(part: LayerDir): LayerDir | null {
    if (part.parent === null || this.#pairs.has(part.parent.path())) return null
    const above = this.#dirOf(part.parent)
    return above === null ? null : this.#child(above, part.name)
  }

  #at(path: string): LayerDir {
    const known = this.#dirs.get(path)
    if (known !== undefined) return known
    return this.#child(this.#at(directoryOf(path)), path.slice(path.lastIndexOf('/') + 1))
  }

  #child(above: LayerDir, name: string): LayerDir {
    const path = above.parent === null ? name : `${above.path()}/${name}`
    const known = this.#dirs.get(path) ?? new LayerDir(this.into, above, name)
    this.#dirs.set(path, known)
    return known
  }
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function moveGhost(ghost: StaleNodeid, { dir, name }: Place): void {
  ghost.dir = dir
  ghost.name = name
}

function stillNeeded(node: Node): StratafsError {
  const words = node.name === '' ? 'a file without a name' : node.name
  return new StratafsError(`${words} is still open`, 'IN_USE', 'close it')
}
