/**
 * What an upper directory changes, as a tree: one node for each name that it holds, with what the name was in the
 * layers below. Only the upper is walked; below it only the names that the upper has are asked for.
 *
 * Two readers want different trees. A layer (`whole`) has every difference to the lower layers: what stands under a
 * renamed directory is listed in full, because the layer's reader knows nothing of redirects. For a person (`brief`) a
 * renamed directory is one line, and changes inside it are told against where it came from.
 */

import type { Layer, LayerDir } from '../../layers/layer-dir.js'
import type { LayerStack } from '../../stack/layer-stack.js'
import type { LayerDirs } from '../../stack/parts.js'
import type { Found, SearchedDirectory } from '../../stack/search.js'
import { DT_DIR, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { Stat } from '../../syscalls/stat.js'
import { byName, listPart, mergedNames, partsOf } from './names.js'

/** What stood under a name before, in the lower layers. */
export interface Before {
  /** S_IFMT bits. */
  readonly type: number
  readonly layer: Layer
  readonly stat: Float64Array
  /** Where it lies. */
  readonly dir: LayerDir
  readonly name: string
}

/** What stands under a name now. */
export interface Present {
  /** S_IFMT bits. */
  readonly type: number
  /** The record of its topmost part, with the owner that the merged tree shows. */
  readonly stat: Float64Array
  /** Where it lies; a directory's own place is (dir, ''). */
  readonly dir: LayerDir
  readonly name: string
  /** Where a metacopy's content lies, or null: with itself. */
  readonly data: LayerDir | null
  readonly dataName: string
  /** What a renamed directory, or a metacopy, says of where it came from; null where it says nothing. */
  readonly redirect: string | null
}

export interface ChangeNode {
  readonly name: string
  /** Null for a name that only hides. */
  readonly present: Present | null
  readonly before: Before | null
  /** A directory that shows nothing of what stands below under its path. */
  opaque: boolean
  /** Names of `before` that are hidden, each with what it was. */
  readonly gone: Map<string, Before>
  readonly children: Map<string, ChangeNode>
}

type Reader = 'whole' | 'brief'

/** The changes that `stack`'s upper makes; the root's node. Throws StratafsError. */
export function changeTree(stack: LayerStack, reader: Reader): ChangeNode {
  const dir = stack.root()
  const below = stack.lowerRoot()
  const root = newNode('', rootPresent(stack, dir), rootBefore(stack, below))
  const walk = new ChangeWalk(stack, reader)
  if (stack.upper === null && (stack.config.snapshots ?? 0) === 0) return root
  if (sameParts(stack.unchanged(dir.lowers), below.lowers)) walk.changed(root, dir, below)
  else walk.replaced(root, dir, below)
  return root
}

/** Everything that `stack` shows, as a tree in which all is new. Throws StratafsError. */
export function wholeTree(stack: LayerStack): ChangeNode {
  const dir = stack.root()
  const root = newNode('', rootPresent(stack, dir), null)
  new ChangeWalk(stack, 'whole').everything(root, dir, null)
  return root
}

export function newNode(name: string, present: Present | null, before: Before | null): ChangeNode {
  return { name, present, before, opaque: false, gone: new Map(), children: new Map() }
}

function rootPresent(stack: LayerStack, dir: SearchedDirectory): Present {
  const part = dir.upper ?? dir.lowers.at(0)!
  stack.statRoot(part)
  return presentAt(S_IFDIR, stack, part, '', null)
}

function rootBefore(stack: LayerStack, below: SearchedDirectory): Before | null {
  const part = below.lowers.at(0)
  if (part === undefined) return null
  stack.statRoot(part)
  return { type: S_IFDIR, layer: part.layer, stat: stack.topStat.slice(), dir: part, name: '' }
}

function presentAt(type: number, stack: LayerStack, dir: LayerDir, name: string, found: Found | null): Present {
  return {
    type,
    stat: stack.topStat.slice(),
    dir,
    name,
    data: found?.contentDir ?? null,
    dataName: found?.contentName ?? '',
    redirect: found?.marks.redirect ?? null,
  }
}

/** What was just found, as a node has it. */
export function presentOf(stack: LayerStack, found: Found): Present {
  if (found.type === S_IFDIR) return presentAt(S_IFDIR, stack, found.upper ?? found.lowers.at(0)!, '', found)
  return presentAt(stack.topStat[Stat.MODE]! & S_IFMT, stack, found.inodeDir!, found.inodeName, found)
}

/** A directory that was found, to be searched itself. */
export function directoryOf({ upper, lowers, marks }: Found): SearchedDirectory {
  return { upper, lowers, impure: marks.impure }
}

/** What the lower layers show under `name` in `below`; null when nothing. */
function beforeIn(stack: LayerStack, below: SearchedDirectory | null, name: string): Previously | null {
  if (below === null) return null
  const found = stack.search(below, name)
  if (found.type === 0) return null
  const isDir = found.type === S_IFDIR
  const dir = isDir ? found.lowers.at(0)! : found.inodeDir!
  const stat = stack.topStat.slice()
  const before = { type: found.type, layer: dir.layer, stat, dir, name: isDir ? '' : found.inodeName }
  return { before, dir: isDir ? directoryOf(found) : null }
}

interface Previously {
  readonly before: Before
  /** To search on, when it was a directory. */
  readonly dir: SearchedDirectory | null
}

/** Whether two directories are made of the same lower parts. */
function sameParts(a: LayerDirs, b: LayerDirs): boolean {
  const others = [...b]
  const same = (part: LayerDir, other: LayerDir): boolean => part.layer === other.layer && part.path() === other.path()
  return a.length === b.length && [...a].every((part, i) => same(part, others[i]!))
}

class ChangeWalk {
  constructor(
    readonly stack: LayerStack,
    readonly reader: Reader,
  ) {}

  /** The names that the changed parts of `dir` hold, against `below`. */
  changed(node: ChangeNode, dir: SearchedDirectory, below: SearchedDirectory | null): void {
    const names = new Set<string>()
    const note = (name: string): void => void names.add(name)
    for (const part of partsOf(dir)) if (this.stack.holdsChanges(part.layer)) listPart(this.stack, part, note, note)
    for (const name of [...names].sort(byName)) {
      this.#visit(node, dir, below, name)
      if (!node.children.has(name)) this.#hide(node, below, name)
    }
  }

  /** A directory that does not show what stands below at its path: opaque, or moved there. */
  replaced(node: ChangeNode, dir: SearchedDirectory, below: SearchedDirectory | null): void {
    const lowers = this.stack.unchanged(dir.lowers)
    if (this.reader === 'brief' && lowers.length > 0) this.changed(node, dir, { ...dir, upper: null, lowers })
    else this.everything(node, dir, below)
    if (below === null) return
    node.opaque = true
    const shown = lowers.length === 0 ? node.children : mergedNames(this.stack, dir)
    for (const name of mergedNames(this.stack, below).keys()) if (!shown.has(name)) this.#hide(node, below, name)
  }

  /** Every name that `dir` shows. */
  everything(node: ChangeNode, dir: SearchedDirectory, below: SearchedDirectory | null): void {
    const names = mergedNames(this.stack, dir)
    for (const name of [...names.keys()].sort(byName)) {
      const { part, type } = names.get(name)!
      const previously = beforeIn(this.stack, below, name)
      // Removed meanwhile, where somebody changes the upper under our hands.
      const found = this.stack.search(dir, name, part)
      if (found.type === 0) continue
      const child = newNode(name, presentOf(this.stack, found), previously?.before ?? null)
      node.children.set(name, child)
      if (type === DT_DIR || found.type === S_IFDIR) this.everything(child, directoryOf(found), previously?.dir ?? null)
    }
  }

  #visit(node: ChangeNode, dir: SearchedDirectory, below: SearchedDirectory | null, name: string): void {
    const previously = beforeIn(this.stack, below, name)
    const found = this.stack.search(dir, name)
    if (found.type === 0) return
    const child = newNode(name, presentOf(this.stack, found), previously?.before ?? null)
    node.children.set(name, child)
    if (found.type !== S_IFDIR) return
    const inside = directoryOf(found)
    const was = previously?.dir ?? null
    if (sameParts(this.stack.unchanged(inside.lowers), was?.lowers ?? [])) this.changed(child, inside, was)
    else this.replaced(child, inside, was)
  }

  #hide(node: ChangeNode, below: SearchedDirectory | null, name: string): void {
    const previously = beforeIn(this.stack, below, name)
    if (previously !== null) node.gone.set(name, previously.before)
  }
}
