/**
 * What changed in a merged tree, for a person or a program: Docker's letters (A added, C changed, D deleted), in the
 * order of paths. As with Docker a directory is told when something in it is; one that was only copied up, with all as
 * it was, is not told.
 */
import { shown } from '../../base/text.js'
import type { Layer } from '../../layers/layer-dir.js'
import { LayerStack } from '../../stack/layer-stack.js'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../syscalls/constants.js'
import { Stat } from '../../syscalls/stat.js'
import { inodeKey } from '../../union/nodes/inode-numbers.js'
import { addHiddenLinks } from './links.js'
import { byName } from './names.js'
import { findSource, type SourceRequest } from './source.js'
import { type Before, type ChangeNode, changeTree, type Present } from './tree.js'
import { sameXattrs, xattrsOf } from './xattrs.js'

type Kind = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket'

export interface Change {
  readonly change: 'A' | 'C' | 'D'
  /** In the merged tree, with a leading slash. */
  readonly path: string
  /** What it is; of what is deleted, what it was. */
  readonly kind: Kind
  /** In bytes; of directories and devices 0. */
  readonly size: number
  /** Whose it is now: `upper`; of what is deleted, `lower N`. */
  readonly layer: string
  /** What it was, where something stood there. */
  readonly before?: { readonly layer: string; readonly root: string; readonly kind: Kind; readonly size: number }
  /** A renamed directory, or a file with its content below: where from, in the words of the layers below. */
  readonly from?: string
  /** Another name of the same inode, told earlier. */
  readonly link?: string
  /** The directory hides everything that stood below. */
  readonly opaque?: true
  /** The upper holds attributes only; the content is the lower layer's. */
  readonly metacopy?: true
}

const KINDS: Readonly<Record<number, Kind>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'char',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
  [S_IFSOCK]: 'socket',
}

/** The kind that S_IFMT bits say. */
function kindOf(type: number): Kind {
  return KINDS[type] ?? 'file'
}

/** Every change of the upper, by path. Throws StratafsError. */
export function diffStack(stack: LayerStack): Change[] {
  if (stack.upper === null && (stack.config.snapshots ?? 0) === 0) return []
  const root = changeTree(stack, 'brief')
  addHiddenLinks(stack, root)
  return new Teller(stack).root(root)
}

class Teller {
  /** The first path of each inode with several names. */
  readonly #links = new Map<string, string>()

  constructor(readonly stack: LayerStack) {}

  root(node: ChangeNode): Change[] {
    const inside = this.#inside(node, '')
    const { present, before } = node
    const same = before === null || (sameOwner(present!, before) && this.#sameXattrs(present!, before))
    return same ? inside : [this.#told('/', present!, before, node), ...inside]
  }

  #inside(node: ChangeNode, path: string): Change[] {
    const changes: Change[] = []
    for (const name of [...node.children.keys(), ...node.gone.keys()].sort(byName)) {
      const child = node.children.get(name)
      // One push each: a directory may hold more changes than a call takes arguments.
      if (child === undefined) changes.push(deleted(`${path}/${name}`, node.gone.get(name)!))
      else for (const change of this.#node(child, `${path}/${name}`)) changes.push(change)
    }
    return changes
  }

  #node(node: ChangeNode, path: string): Change[] {
    const { present, before } = node
    const inside = this.#inside(node, path)
    if (inside.length === 0 && !node.opaque && this.#isSameDirectory(present!, before)) return []
    return [this.#told(path, present!, before, node), ...inside]
  }

  #isSameDirectory(present: Present, before: Before | null): boolean {
    if (before === null || present.type !== S_IFDIR || before.type !== S_IFDIR || present.redirect !== null)
      return false
    const sameTime =
      present.stat[Stat.MTIME] === before.stat[Stat.MTIME] && present.stat[Stat.MTIME_NS] === before.stat[Stat.MTIME_NS]
    return sameTime && sameOwner(present, before) && this.#sameXattrs(present, before)
  }

  #sameXattrs(present: Present, before: Before): boolean {
    const { stack } = this
    return sameXattrs(xattrsOf(stack, present.dir, present.name), xattrsOf(stack, before.dir, before.name))
  }

  #told(path: string, present: Present, before: Before | null, node: ChangeNode): Change {
    const link = this.#link(path, present)
    return {
      change: before === null ? 'A' : 'C',
      path: shown(path),
      kind: kindOf(present.type),
      size: sizeOf(present.type, present.stat),
      layer: present.dir.layer.label,
      ...(before === null ? {} : { before: beforeOf(before) }),
      ...(present.redirect === null ? {} : { from: shown(fromOf(path, present.redirect)) }),
      ...(link === null ? {} : { link: shown(link) }),
      ...(node.opaque ? { opaque: true as const } : {}),
      ...(present.data === null ? {} : { metacopy: true as const }),
    }
  }

  /** The path under which the inode was told first; null when this is it. */
  #link(path: string, present: Present): string | null {
    if (present.type === S_IFDIR || present.stat[Stat.NLINK]! < 2) return null
    const key = inodeKey(present.stat)
    const first = this.#links.get(key) ?? null
    if (first === null) this.#links.set(key, path)
    return first
  }
}

function deleted(path: string, before: Before): Change {
  const was = beforeOf(before)
  return { change: 'D', path: shown(path), kind: was.kind, size: was.size, layer: was.layer, before: was }
}

function beforeOf(before: Before): NonNullable<Change['before']> {
  const root = shown((before.layer as Layer).path)
  return { layer: before.layer.label, root, kind: kindOf(before.type), size: sizeOf(before.type, before.stat) }
}

function sizeOf(type: number, stat: Float64Array): number {
  return type === S_IFREG || type === S_IFLNK ? stat[Stat.SIZE]! : 0
}

/** A redirect as a path from the root: a bare name stands in the same directory. */
function fromOf(path: string, redirect: string): string {
  return redirect.startsWith('/') ? redirect : `${path.slice(0, path.lastIndexOf('/') + 1)}${redirect}`
}

function sameOwner(present: Present, before: Before): boolean {
  return [Stat.MODE, Stat.UID, Stat.GID].every((slot) => present.stat[slot] === before.stat[slot])
}

/** How often a tree that changes under the reader is read anew. */
const ATTEMPTS = 3

/** The changes of a mount, or of layers on disk. A mount in use goes on meanwhile. Throws StratafsError. */
export async function diffSource(wish: SourceRequest): Promise<Change[]> {
  const source = await findSource(wish)
  for (let attempt = 1; ; attempt++) {
    const stack = LayerStack.open(source.stack)
    try {
      return diffStack(stack)
    } catch (error) {
      // Something that was listed has gone since.
      if (attempt === ATTEMPTS || source.mount === null) throw error
    } finally {
      stack.close()
    }
  }
}
