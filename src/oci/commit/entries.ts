/**
 * From the tree of changes to the entries of a layer, in their order: a directory, then what it hides (`.wh..wh..opq`,
 * `.wh.NAME`), then what it holds, by name; so parents come before children and whiteouts before their siblings. An
 * inode's first name is a file, every further one a hard link to it. The layer rules of the OCI image specification
 * (layer.md).
 */
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { S_IFDIR, S_IFREG, S_IFSOCK } from '../../syscalls/constants.js'
import { Stat } from '../../syscalls/stat.js'
import { inodeKey } from '../../union/nodes/inode-numbers.js'
import { byName } from '../changes/names.js'
import type { ChangeNode, Present } from '../changes/tree.js'

export type LayerEntry =
  | {
      readonly kind: 'present'
      /** In the archive, without a slash at its beginning or end; the root is `.`. */
      readonly path: string
      readonly present: Present
      /** The earlier entry that is the same inode. */
      readonly link: string | null
    }
  /** `parent`: whose times it takes. */
  | { readonly kind: 'whiteout'; readonly path: string; readonly parent: Present }
  /** Cannot be in an archive. */
  | { readonly kind: 'socket'; readonly path: string }

/**
 * The entries of the layer that `root` describes. `hides`: whether lower layers are to be hidden (else everything is
 * new).
 */
export function* layerEntries(root: ChangeNode): Generator<LayerEntry> {
  yield { kind: 'present', path: '.', present: root.present!, link: null }
  yield* inside(root, '', new Map())
}

function* inside(node: ChangeNode, prefix: string, links: Map<string, string>): Generator<LayerEntry> {
  const parent = node.present!
  if (node.opaque) yield { kind: 'whiteout', path: prefix + AUFS_OPAQUE, parent }
  else for (const name of node.gone.keys()) yield { kind: 'whiteout', path: prefix + AUFS_PREFIX + name, parent }
  for (const name of [...node.children.keys()].sort(byName)) {
    const child = node.children.get(name)!
    const path = prefix + name
    const present = child.present!
    if (present.type === S_IFSOCK) yield { kind: 'socket', path }
    else yield { kind: 'present', path, present, link: linkOf(present, path, links) }
    if (present.type === S_IFDIR) yield* inside(child, `${path}/`, links)
  }
}

function linkOf(present: Present, path: string, links: Map<string, string>): string | null {
  if (present.type === S_IFDIR || present.stat[Stat.NLINK]! < 2) return null
  const key = inodeKey(present.stat)
  const first = links.get(key) ?? null
  if (first === null) links.set(key, path)
  return first
}

/** Bytes of content that an entry brings. */
export function contentSize(entry: LayerEntry): number {
  const brings = entry.kind === 'present' && entry.link === null && entry.present.type === S_IFREG
  return brings ? entry.present.stat[Stat.SIZE]! : 0
}
