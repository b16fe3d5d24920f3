/**
 * A file that is written to while it is copied up, for the process after this one. The half-built file has a name in
 * the workdir, `fill-NUMBER`. Beside it `fill-NUMBER.map` says which blocks are there (native-bindings/src/fill.h), and
 * here, from byte 4096 on, as text behind its length, whose file it is and where the rest comes from.
 */
import { FILLED } from '../../layers/workdir.js'
import { O_CLOEXEC, O_NOFOLLOW, O_RDWR } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { Union } from '../context/union.js'
import { keepContentFd } from '../data/content-fd.js'
import type { Filling } from '../nodes/filling.js'
import type { Node } from '../nodes/node.js'

const NOTE_AT = 4096
const NOTE_BYTES = 12_288

/** Whose file it is, and its source: `size` bytes of `path` (latin1) in the layer of that number. */
export interface FillNote {
  readonly node: number
  readonly size: number
  readonly layer: number
  readonly path: string
}

/** What the file for `node` is called; no other file of this mount ever has the name. */
export function fillName(node: Node): string {
  return `${FILLED}${node.id}`
}

export function mapName(name: string): string {
  return `${name}.map`
}

/** Whether a path of this length can be noted. */
export function fitsNote(length: number): boolean {
  return 2 * length + 100 < NOTE_BYTES
}

/** Writes the note into the map `fd`. Only with it another process goes on. */
export function writeFillNote(fd: number, note: FillNote): void {
  const text = Buffer.from(JSON.stringify(note))
  const bytes = Buffer.alloc(4 + text.length)
  bytes.writeUInt32LE(text.length, 0)
  text.copy(bytes, 4)
  native.pwrite(fd, bytes, 0, bytes.length, NOTE_AT)
}

/** The note in the map `fd`; null where there is none. */
export function readFillNote(fd: number): FillNote | null {
  const bytes = Buffer.alloc(NOTE_BYTES)
  const got = native.pread(fd, bytes, 0, bytes.length, NOTE_AT)
  const length = got < 4 ? 0 : bytes.readUInt32LE(0)
  if (length === 0 || length > got - 4) return null
  return JSON.parse(bytes.toString('utf8', 4, 4 + length)) as FillNote
}

/** Opens the map called `name` in the workdir; or -errno. */
export function openFillMap(work: number, name: string): number {
  return native.openat(work, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0)
}

/** The copier begins, or goes on; 0 or -errno. `keep`: the map, -1: none. */
export function startFill(
  u: Union,
  source: { readonly fd: number; readonly length: number },
  target: number,
  keep: number,
  resumed: boolean,
): number {
  return native.startFill(source.fd, target, source.length, u.syncs, u.binding.wakeFd, keep, resumed)
}

/** `node` is what `filling` says from now on; `pin` leads to the file. */
export function takeOn(u: Union, node: Node, filling: Filling, pin: number): void {
  node.filling = filling
  u.filling.add(node)
  u.nodes.ledger?.fills(node, true)
  node.unlinkedFd = pin
  node.withoutCapabilities = false
  keepContentFd(u, node, filling.target, true)
  // It must not be closed to make room.
  u.files.nodes.delete(node)
}
