/**
 * The library's questions about owners, of a mount or of layers that are named. Which layer does a path come from?
 * Whose are the entries of a directory? How much does each layer hold, and how much of it shows?
 */

import { Errno } from '../base/errno.js'
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { findInside } from '../daemon/control/find-mount.js'
import type { HiddenPath, OwnedEntry, OwnedPage, Ownership } from '../union/which-layer.js'
import { LayerReader } from './offline/layer-reader.js'
import { addLayers, type LayerSpace } from './offline/layer-space.js'
import { mountTarget, type StackTarget } from './offline/stack-target.js'
import { type LayerTarget, targetOf } from './owner-index.js'
import { absolute, askOf, type Path, toBytes, toText, unwrap } from './paths.js'

export type { LayerSpace } from './offline/layer-space.js'

/** Where a path of the merged tree comes from; `also` are the other layers that have its name. */
export interface Origin {
  readonly path: string
  /** null: it does not show. */
  readonly layer: 'upper' | 'lower' | null
  /** Position among the lower directories, 0 at the top; -1 is the upper; null where nothing shows. */
  readonly index: number | null
  readonly root: string | null
  readonly realpath: string | null
  /** `why`: `merged`, `whiteout`, or what hides it there. */
  readonly also: readonly { readonly index: number; readonly root: string; readonly why: string }[]
}

/** Layers in place of a mount: paths are then relative to their merged root. */
export type NamedLayers = Omit<LayerTarget, 'merged'>

/** Which layer `path` comes from. */
export async function which(path: Path, layers: NamedLayers = {}): Promise<Origin> {
  const answer = layers.lower?.length ? await whichOf(path, layers) : await whichMounted(path)
  if (typeof answer === 'number') throw refusalOf(path, answer)
  const also = answer.also.map((other) => ({ ...other, root: shown(other.root) }))
  const at = { path: toText(path), also }
  if (answer.layer === null) return { ...at, layer: null, index: null, root: null, realpath: null }
  const { layer, index, root, realpath } = answer
  return { ...at, layer, index, root: shown(root), realpath: shown(realpath) }
}

async function whichMounted(path: Path): Promise<Ownership | HiddenPath | number> {
  const { daemon, inside: at } = unwrap(findInside(absolute(path)), 'NOT_A_MOUNT')
  if (daemon.state.hybrid) return withReader(unwrap(await mountTarget(daemon)), (reader) => reader.which(at))
  return (await askOf(daemon.socket, { command: 'which', path: at }, null)) as Ownership | HiddenPath | number
}

async function whichOf(path: Path, layers: NamedLayers): Promise<Ownership | HiddenPath | number> {
  return withReader(await targetOf(layers), (reader) => reader.which(relative(path)))
}

/** An entry with its owner. */
export interface OwnerOfEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'special'
  /** -1 is the upper. */
  readonly layer: number
  /** All layers that a directory joins, top first. */
  readonly layers: readonly number[]
  readonly size: number
}

/** The entries of a merged directory with their owners, by name. */
export async function listOwners(path: Path, layers: NamedLayers = {}): Promise<OwnerOfEntry[]> {
  const found = layers.lower?.length ? await listOf(path, layers) : await listMounted(path)
  if (typeof found === 'number') throw refusalOf(path, found)
  const byName = [...found].sort((a, b) => (a.name < b.name ? -1 : 1))
  return byName.map(({ name, type, layer, layers: joined, size }) => ({
    name: shown(name),
    kind: KINDS[type >> 12] ?? 'special',
    layer,
    layers: joined,
    size,
  }))
}

const KINDS: Record<number, OwnerOfEntry['kind']> = { 4: 'directory', 8: 'file', 10: 'symlink' }

async function listOf(path: Path, layers: NamedLayers): Promise<OwnedEntry[] | number> {
  return withReader(await targetOf(layers), (reader) => reader.list(relative(path)))
}

async function listMounted(path: Path): Promise<OwnedEntry[] | number> {
  const { daemon, inside: at } = unwrap(findInside(absolute(path)), 'NOT_A_MOUNT')
  if (daemon.state.hybrid) return withReader(unwrap(await mountTarget(daemon)), (reader) => reader.list(at))
  const entries: OwnedEntry[] = []
  for (let after: number | null = 0; after !== null; ) {
    const page = (await askOf(daemon.socket, { command: 'owners', path: at, after }, null)) as OwnedPage | number
    if (typeof page === 'number') return page
    entries.push(...page.entries)
    after = page.next
  }
  return entries
}

/**
 * How much each layer holds below `path`, and how much of it shows. The layers themselves are read, never the mount.
 */
export async function spaceByLayer(path: Path, layers: NamedLayers = {}): Promise<LayerSpace[]> {
  if (layers.lower?.length) return spaceOf(await targetOf(layers), relative(path), path)
  const { daemon, inside: at } = unwrap(findInside(absolute(path)), 'NOT_A_MOUNT')
  return spaceOf(unwrap(await mountTarget(daemon)), at, path)
}

function spaceOf(target: StackTarget, path: string, named: Path): LayerSpace[] {
  return withReader(target, (reader) => {
    const spaces = addLayers(reader, target.layers, path)
    if (typeof spaces === 'number') throw refusalOf(named, spaces)
    return spaces
  })
}

function withReader<T>(target: StackTarget, use: (reader: LayerReader) => T): T {
  const reader = unwrap(LayerReader.open(target.layers)) as LayerReader
  try {
    return use(reader)
  } finally {
    reader.close()
  }
}

function refusalOf(path: Path, errno: number): StratafsError {
  if (errno === -Errno.ENOENT) return new StratafsError(`${toText(path)} does not exist`, 'NOT_FOUND')
  return new StratafsError(`${toText(path)} cannot be read: ${errnoWords(errno)}`)
}

function relative(path: Path): string {
  const parts = toBytes(path).split('/')
  return parts.filter((part) => part !== '' && part !== '.').join('/')
}
