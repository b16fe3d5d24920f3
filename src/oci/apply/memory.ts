/**
 * What is remembered of a layer until it is complete: its directories, with what the archive says of them, and its
 * whiteouts. Files are not: they are done when their data ends. So that no archive can fill the memory, what is
 * remembered is counted, and a layer that needs more than REMEMBERED is refused (docs/layers-in.md, "Memory").
 */
import { entryFault, type TarEntry } from '../tar/entry.js'

/** Most bytes that are remembered of one layer: some 500,000 directories with names of usual length. */
const REMEMBERED = 256 * 1024 * 1024
/** What one record costs beside its text, at most. */
export const COST = 200
const XATTR_COST = 300

export class Memory {
  #used = 0

  /** Counts `bytes` more. Throws StratafsError that names the entry. */
  take(bytes: number, name: string): void {
    this.#used += bytes
    if (this.#used > REMEMBERED)
      throw entryFault(name, `the layer's directories and whiteouts take more than ${REMEMBERED >> 20} MiB to remember`)
  }

  giveBack(bytes: number): void {
    this.#used -= bytes
  }
}

/** What `entry` costs for as long as it is remembered. */
export function costOf(entry: TarEntry): number {
  let bytes = COST + entry.name.length + (entry.acls?.access?.length ?? 0) + (entry.acls?.default?.length ?? 0)
  for (const [name, value] of entry.xattrs ?? []) bytes += XATTR_COST + name.length + value.length
  return bytes
}

/** What is kept of a directory's entry: all that is set at the end, and nothing that holds on to what was read. */
export function remembered(entry: TarEntry): TarEntry {
  const xattrs = entry.xattrs === null ? null : new Map<string, Buffer>()
  for (const [name, value] of entry.xattrs ?? []) {
    // A small buffer is part of a large one, which it would keep.
    const copy = Buffer.allocUnsafeSlow(value.length)
    value.copy(copy)
    xattrs!.set(name, copy)
  }
  return { ...entry, linkname: '', extents: null, xattrs }
}
