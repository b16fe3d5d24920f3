/**
 * One entry of a tar as the rules about layers see it, whichever dialect it came in, and who takes entries. Names are
 * latin1 strings: one character per byte.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { Extent } from './read-sparse.js'

export type EntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo'

export interface TarEntry {
  /** As in the archive: nothing has been judged or taken off. */
  readonly name: string
  readonly type: EntryType
  /** Target of a symbolic link; name of the entry that a hard link is another name of. */
  readonly linkname: string
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of a file, holes included; else 0. */
  readonly size: number
  readonly mtime: number
  readonly mtimeNs: number
  /** As mtime where the archive says none. */
  readonly atime: number
  readonly atimeNs: number
  readonly major: number
  readonly minor: number
  /** Null where there are none. */
  readonly xattrs: ReadonlyMap<string, Buffer> | null
  /** POSIX ACLs as text (SCHILY.acl.access, SCHILY.acl.default). */
  readonly acls: { readonly access: string | null; readonly default: string | null } | null
  /** The parts that hold data; null: all of it. */
  readonly extents: readonly Extent[] | null
}

/**
 * Who takes what a reader finds: `entry`, then for a file `data` in order, and `end`. Each may throw a StratafsError.
 */
export interface TarSink {
  entry(entry: TarEntry): void
  /** `bytes` of the current file at `offset`; valid during the call only. */
  data(bytes: Buffer, offset: number): void
  /** The current entry is complete. */
  end(): void
}

/** A name for a message: as UTF-8, with what could move a terminal's cursor spelled out, and never endless. */
export function printable(name: string): string {
  const text = shown(name).replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
  return text.length > 300 ? `${text.slice(0, 200)}…${text.slice(-80)}` : text
}

/** A refusal that names the entry; `name` is latin1, empty before the first one. */
export function entryFault(name: string, words: string): StratafsError {
  return new StratafsError(
    name === '' ? `at the archive's beginning: ${words}` : `${printable(name)}: ${words}`,
    'DAMAGED',
  )
}
