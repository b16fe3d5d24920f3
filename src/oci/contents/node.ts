/**
 * A tree of what an image holds, by names alone, nothing unpacked. Trees share what they have in common: each knows
 * what belongs to it, and copies a directory's node before it changes it. So of two images with the same lower layers
 * these are read and remembered once, and what is the same in both is one object.
 */
import type { EntryType } from '../tar/entry.js'

export type Kind = Exclude<EntryType, 'link'>

/** What hard links share. */
export interface Inode {
  /** Of its data in the layer; holes do not count. */
  readonly bytes: number
  /** How many names it still has. */
  names: number
  /** Layer that holds it, from 0. */
  readonly layer: number
}

export interface Entry {
  readonly kind: Kind
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of a file, holes included; else 0. */
  readonly size: number
  /** Of a symbolic link, `MAJOR:MINOR` of a device; else ''. */
  readonly target: string
  /** A digest of a file's data; null where nobody asked for it. */
  readonly content: string | null
  /** All extended attributes in one text. */
  readonly xattrs: string
  /** POSIX ACLs; null where nobody knows them. */
  readonly acls: string | null
  /** The last layer that describes it, from 0. */
  readonly layer: number
  readonly inode: Inode
}

export interface Node {
  readonly entry: Entry
  /** Of a directory, by name (latin1). */
  readonly children: ReadonlyMap<string, Node> | null
}

/** Bytes and files at and below `node`: each file once, whatever its names. */
export function sumOf(node: Node): { bytes: number; files: number } {
  const seen = new Set<Inode>()
  let bytes = 0
  const open = [node]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.children !== null) for (const child of next.children.values()) open.push(child)
    if (next.entry.kind !== 'file' || seen.has(next.entry.inode)) continue
    seen.add(next.entry.inode)
    bytes += next.entry.size
  }
  return { bytes, files: seen.size }
}
