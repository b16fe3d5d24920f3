/**
 * What is different between two trees, as `docker diff` tells it: A, C or D and the path. Compared are kind, content,
 * owner, mode, target and attributes; times are not, since building an image again changes them all. Of a directory
 * that is gone its own name is told, with all that it held.
 */
import { joined } from '../apply/paths.js'
import { type Entry, type Kind, type Node, sumOf } from './node.js'

export interface TreeChange {
  readonly change: 'A' | 'C' | 'D'
  /** latin1, from the root. */
  readonly path: string
  readonly kind: Kind
  /** Of the file as it is in the second tree; of what is gone, as it was, with all below it. */
  readonly size: number
  /** Of a change: as it was. */
  readonly before?: { readonly kind: Kind; readonly size: number }
  /** Of a change: what is different. Nothing in a directory in which something is. */
  readonly what?: readonly string[]
  /** Of a directory that is gone: files that it held. */
  readonly files?: number
}

/** The changes from `a` to `b`, in order of their paths. */
export function compareTrees(a: Node, b: Node): TreeChange[] {
  const changes: TreeChange[] = []
  compareDirectories(a, b, '', changes)
  return changes
}

/** Whether there is a change below. */
function compareDirectories(a: Node, b: Node, path: string, changes: TreeChange[]): boolean {
  const first = changes.length
  // The directory comes before what is in it.
  const what = differences(a.entry, b.entry)
  const names = new Set([...(a.children?.keys() ?? []), ...(b.children?.keys() ?? [])])
  const inner: TreeChange[] = []
  for (const name of [...names].sort())
    compareChild(a.children!.get(name), b.children!.get(name), joined(path, name), inner)
  if (what.length > 0 || (inner.length > 0 && path !== '')) {
    const before = { kind: 'directory', size: 0 } as const
    changes.push({ change: 'C', path: `/${path}`, kind: 'directory', size: 0, before, what })
  }
  for (const change of inner) changes.push(change)
  return changes.length > first
}

function compareChild(a: Node | undefined, b: Node | undefined, path: string, changes: TreeChange[]): void {
  // Shared by both trees.
  if (a === b) return
  if (a === undefined) return added(b!, path, changes)
  if (b === undefined) return void changes.push(deleted(a, path))
  if (a.children !== null && b.children !== null) return void compareDirectories(a, b, path, changes)
  const what = differences(a.entry, b.entry)
  if (what.length === 0) return
  const { kind, size } = b.entry
  const before = { kind: a.entry.kind, size: a.children === null ? a.entry.size : sumOf(a).bytes }
  changes.push({ change: 'C', path: `/${path}`, kind, size, before, what })
  for (const [name, child] of sorted(b)) added(child, joined(path, name), changes)
}

function added(node: Node, path: string, changes: TreeChange[]): void {
  const { kind, size } = node.entry
  changes.push({ change: 'A', path: `/${path}`, kind, size })
  for (const [name, child] of sorted(node)) added(child, joined(path, name), changes)
}

function deleted(node: Node, path: string): TreeChange {
  const { kind, size } = node.entry
  const plain = { change: 'D', path: `/${path}`, kind } as const
  if (node.children === null) return { ...plain, size }
  const { bytes, files } = sumOf(node)
  return { ...plain, size: bytes, files }
}

function sorted(node: Node): [string, Node][] {
  return [...(node.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
}

function differences(a: Entry, b: Entry): string[] {
  if (a === b) return []
  if (a.kind !== b.kind) return [`was a ${a.kind}`]
  const octal = (mode: number) => mode.toString(8).padStart(4, '0')
  return [
    ...(a.size !== b.size || (a.kind === 'file' && a.content !== b.content) ? ['content'] : []),
    ...(a.target !== b.target ? [`${a.kind === 'symlink' ? 'target' : 'device'} was ${a.target}`] : []),
    ...(a.mode !== b.mode ? [`mode was ${octal(a.mode)}, is ${octal(b.mode)}`] : []),
    ...(a.uid !== b.uid || a.gid !== b.gid ? [`owner was ${a.uid}:${a.gid}, is ${b.uid}:${b.gid}`] : []),
    ...(a.xattrs !== b.xattrs ? ['attributes'] : []),
    ...(a.acls !== null && b.acls !== null && a.acls !== b.acls ? ['ACL'] : []),
  ]
}
