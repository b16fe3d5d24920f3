/** One of two layers that are to become one, as the plan of it reads them (merge-plan.ts). Paths are latin1. */
import { Errno } from '../base/errno.js'
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { printable } from '../base/text.js'
import type { MarkStore, Marks } from '../layers/marks.js'
import { AUFS_PREFIX } from '../layers/whiteouts.js'
import { O_DIRECTORY, O_PATH, S_IFDIR, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { OwnedFd } from '../syscalls/owned-fd.js'
import { isWhiteoutDevice, Stat } from '../syscalls/stat.js'

type Kind = 'absent' | 'whiteout' | 'directory' | 'file' | 'other'

export class LayerSide {
  /** The directory that was looked into last. */
  #path = ''
  #last: OwnedFd | null = null

  constructor(
    readonly root: number,
    readonly marks: MarkStore,
  ) {}

  /** A descriptor of the directory at `path`, valid until another is asked for. Throws StratafsError. */
  dir(path: string): number {
    if (path === '') return this.root
    if (this.#last !== null && this.#path === path) return this.#last.fd
    this.close()
    this.#last = new OwnedFd(checked(path, native.openBeneath(this.root, path, O_PATH | O_DIRECTORY, 0)))
    this.#path = path
    return this.#last.fd
  }

  names(path: string): string[] {
    const entries = native.readDirectory(this.dir(path), '')
    if (typeof entries === 'number') throw unreadable(path, entries)
    const odd = entries.names.find((name) => name.startsWith(AUFS_PREFIX))
    if (odd === undefined) return entries.names
    throw new StratafsError(`the layers cannot be merged: ${printable(joined(path, odd))} is a whiteout by its name`)
  }

  /** What stands there; `native.stat` describes it. */
  kindAt(path: string, name: string): Kind {
    const errno = native.statat(this.dir(path), name)
    if (errno === -Errno.ENOENT) return 'absent'
    checked(joined(path, name), errno)
    const { stat } = native
    const type = stat[Stat.MODE]! & S_IFMT
    if (isWhiteoutDevice(stat)) return 'whiteout'
    return type === S_IFDIR ? 'directory' : type === S_IFREG ? 'file' : 'other'
  }

  marksAt(path: string, name: string): Marks {
    const marks = this.marks.read(this.dir(path), name)
    if (typeof marks === 'number') throw unreadable(joined(path, name), marks)
    return marks
  }

  close(): void {
    this.#last?.close()
    this.#last = null
  }
}

function checked(path: string, answer: number): number {
  if (answer < 0) throw unreadable(path, answer)
  return answer
}

function unreadable(path: string, errno: number): StratafsError {
  return new StratafsError(`the layers cannot be merged: ${printable(path)}: ${errnoWords(errno)}`)
}

export function joined(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}

/** Where a directory of the layer above goes on below it. */
export interface Below {
  /** Its part in the layer that goes; null: it has none. */
  readonly lower: string | null
  /** Where its parts below that one are, as they show there; null: nowhere. */
  readonly rest: string | null
  /** No directory, but the file there that has its content. */
  readonly file?: string
}

/** What `name` is below the directory `at`, as stack/search.ts finds it. */
function belowOf(side: LayerSide, at: Below, name: string): Below {
  const rest = at.rest === null ? null : joined(at.rest, name)
  if (at.lower === null) return { lower: null, rest }
  const kind = side.kindAt(at.lower, name)
  if (kind === 'absent') return { lower: null, rest }
  if (kind !== 'directory' && kind !== 'file') return { lower: null, rest: null }
  const marks = side.marksAt(at.lower, name)
  const led = marks.redirect === null ? rest : redirected(at.rest, marks.redirect)
  const path = joined(at.lower, name)
  if (kind === 'directory') return { lower: path, rest: marks.opaque && marks.redirect === null ? null : led }
  return marks.metacopy ? { lower: null, rest: led } : { lower: null, rest: null, file: path }
}

function redirected(rest: string | null, redirect: string): string | null {
  if (redirect.startsWith('/')) return redirect.slice(1)
  return rest === null ? null : joined(rest, redirect)
}

/** Where `name` in the directory `at` leads, whose mark is `redirect`. */
export function followRedirect(side: LayerSide, at: Below, name: string, redirect: string | null): Below {
  if (!redirect?.startsWith('/')) return belowOf(side, at, redirect ?? name)
  let below: Below = { lower: '', rest: '' }
  for (const part of redirect.slice(1).split('/')) below = belowOf(side, below, part)
  return below
}
