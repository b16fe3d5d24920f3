/**
 * Layers described as data: a tree is a list of paths with what lies there, and `plant` makes it on disk through a
 * probe. All a layer can hold has a word here, also the marks of union filesystems: whiteouts in each spelling, opaque
 * directories, and xattrs called `overlay.NAME`, which become `trusted.overlay.NAME` or `user.overlay.NAME`. What a
 * case leaves open is fixed: mode 0644/0755, the column's owner, one mtime with odd nanoseconds.
 */
import { O, S } from './numbers.js'
import type { Probe } from './probe.js'

/** The mtime of everything planted that says no other: 2020-09-13 12:26:40.123456789. */
export const PLANTED = 1_600_000_000_123_456_789n

interface Marks {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Nanoseconds since 1970. */
  readonly mtime?: bigint
  readonly xattrs?: Readonly<Record<string, string>>
}

type Kind =
  | {
      readonly kind: 'file'
      readonly content: string
      readonly data?: readonly (readonly [number, string])[]
      readonly size?: number
    }
  | { readonly kind: 'dir' }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'hardlink'; readonly to: string }
  | { readonly kind: 'node'; readonly type: number; readonly rdev: readonly [number, number] }

type Node = Kind & { readonly marks: Marks }

/** Paths inside a layer, parents may be left out; `.` is the layer's root. */
export type Tree = Readonly<Record<string, Node>>

export const file = (content: string, marks: Marks = {}): Node => ({ kind: 'file', content, marks })
export const dir = (marks: Marks = {}): Node => ({ kind: 'dir', marks })
export const symlink = (target: string, marks: Marks = {}): Node => ({ kind: 'symlink', target, marks })
/** Another name of the file `to`, planted before. */
export const hardlink = (to: string): Node => ({ kind: 'hardlink', to, marks: {} })
/** Of `size` bytes, with data at the given offsets and holes elsewhere. */
export const sparse = (size: number, data: readonly (readonly [number, string])[], marks: Marks = {}): Node => ({
  kind: 'file',
  content: '',
  data,
  size,
  marks,
})
export const fifo = (marks: Marks = {}): Node => ({ kind: 'node', type: S.IFIFO, rdev: [0, 0], marks })
export const device = (type: 'char' | 'block', major: number, minor: number, marks: Marks = {}): Node => ({
  kind: 'node',
  type: type === 'char' ? S.IFCHR : S.IFBLK,
  rdev: [major, minor],
  marks,
})
/** The kernel's whiteout: a character device 0:0. */
export const whiteout = (): Node => ({ kind: 'node', type: S.IFCHR, rdev: [0, 0], marks: { mode: 0 } })
/** The kernel's other whiteout, for its directory marked opaque=x. */
export const xattrWhiteout = (): Node => file('', { xattrs: { 'overlay.whiteout': '' } })
/** A directory that hides all below it. */
export const opaque = (marks: Marks = {}): Node => dir({ ...marks, xattrs: { ...marks.xattrs, 'overlay.opaque': 'y' } })

/** True where a tree means something to a union filesystem only. */
export function hasMarks(tree: Tree): boolean {
  return Object.entries(tree).some(([path, node]) => {
    const isWhiteout = node.kind === 'node' && node.type === S.IFCHR && node.rdev[0] + node.rdev[1] === 0
    const isNamed = /(^|\/)\.wh\./.test(path)
    return isWhiteout || isNamed || Object.keys(node.marks.xattrs ?? {}).some((name) => name.startsWith('overlay.'))
  })
}

interface Soil {
  /** Where xattrs called `overlay.` go: `trusted.` or `user.`. */
  readonly xattrPrefix: string
  readonly uid: number
  readonly gid: number
}

/** Makes `tree` in the empty directory `root`. */
export function plant(probe: Probe, root: string, tree: Tree, soil: Soil): void {
  probe.umask(0)
  probe.enter(root)
  const all = withParents(tree)
  for (const [path, node] of all) make(probe, path, node)
  for (const [path, node] of all.reverse()) mark(probe, path, node, soil)
  probe.enter('/')
}

function withParents(tree: Tree): [string, Node][] {
  const all = new Map<string, Node>([['.', tree['.'] ?? dir()]])
  for (const [path, node] of Object.entries(tree)) {
    const parts = path.split('/')
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/')
      if (!all.has(parent)) all.set(parent, tree[parent] ?? dir())
    }
    if (!all.has(path)) all.set(path, node)
  }
  return [...all]
}

function make(probe: Probe, path: string, node: Node): void {
  if (path === '.') return
  if (node.kind === 'dir') probe.mkdir(path, 0o755)
  else if (node.kind === 'symlink') probe.symlink(node.target, path)
  else if (node.kind === 'hardlink') probe.link(node.to, path)
  else if (node.kind === 'node') probe.mknod(path, node.type | 0o644, ...node.rdev)
  else makeFile(probe, path, node)
}

function makeFile(probe: Probe, path: string, node: Extract<Kind, { kind: 'file' }>): void {
  probe.with(path, O.RDWR | O.CREAT | O.EXCL, (fd) => {
    if (node.size !== undefined) probe.ftruncate(fd, node.size)
    for (const [offset, data] of node.data ?? [[0, node.content] as const]) probe.pwrite(fd, offset, data)
  })
}

function mark(probe: Probe, path: string, node: Node, soil: Soil): void {
  if (node.kind === 'hardlink') return
  const { marks } = node
  probe.chown(path, marks.uid ?? soil.uid, marks.gid ?? soil.gid)
  if (node.kind !== 'symlink') probe.chmod(path, marks.mode ?? (node.kind === 'dir' ? 0o755 : 0o644))
  for (const [name, value] of Object.entries(marks.xattrs ?? {}))
    probe.setxattr(path, name.startsWith('overlay.') ? soil.xattrPrefix + name : name, value)
  probe.utimes(path, marks.mtime ?? PLANTED, marks.mtime ?? PLANTED)
}
