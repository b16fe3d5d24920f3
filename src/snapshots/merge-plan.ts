/**
 * What merging a snapshot's layer into the one above it takes, found out without changing anything. The names that the
 * layer above has not go up into it, whole directories where it has none; what it hides stays behind. Both layers are
 * only read, so this may take its time beside a mount that uses them. The plan is carried out by merge-apply.ts.
 */
import { StratafsError } from '../base/failure.js'
import { decodeOrigin, inodeOfHandle, sameBytes } from '../layers/file-handle.js'
import type { Marks } from '../layers/marks.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { type Below, followRedirect, joined, type LayerSide } from './merge-side.js'

/** A mark (an attribute's whole name) that is set, or removed where `value` is null. Values are in base64. */
interface MarkStep {
  readonly path: string
  readonly name: string
  readonly value: string | null
  readonly before: string | null
}

/** `from` is a path in the lower layer, all others are paths in the one above it; latin1, '' is a root. */
export interface MergePlan {
  readonly version: 1
  /** The snapshot that goes, and the one it goes into; null: the upper. */
  readonly id: number
  readonly into: number | null
  readonly prefix: string
  readonly marks: readonly MarkStep[]
  readonly moves: readonly (readonly [from: string, to: string])[]
  /** Metacopies in the layer above, all names of each, and where their content is. */
  readonly swaps: readonly { readonly from: string; readonly to: readonly string[] }[]
  /** Directories in which names come to stand, with their times: atime and mtime, each as seconds and nanoseconds. */
  readonly times: readonly { readonly path: string; readonly times: readonly number[] }[]
  /** Names in the lower layer that go, of files that have others. */
  readonly drops: readonly string[]
  /** What stays behind, and whose inode number is another's in the layer above: bottom up. */
  readonly kept: readonly string[]
  /** Directories that both have: lower path, upper path. */
  readonly pairs: readonly (readonly [from: string, to: string])[]
}

const UNIT = 2 ** 32

/** The number of the inode that `native.stat` describes. */
function inodeOfStat(): number {
  return native.stat[Stat.INO_HIGH]! * UNIT + native.stat[Stat.INO_LOW]!
}

interface WalkedDirectory {
  readonly path: string
  readonly at: Below
}

export class MergePlanner {
  readonly #marks: MarkStep[] = []
  readonly #moves: [string, string][] = []
  readonly #swaps = new Map<number, { from: string; to: string[]; links: number }>()
  readonly #times: { path: string; times: number[] }[] = []
  readonly #pairs: [string, string][] = []
  /** Inodes of the lower layer, and those that give something above its number. */
  readonly #lowerInodes = new Set<number>()
  readonly #numbers = new Set<number>()
  readonly #uuid: Uint8Array | null

  constructor(
    private readonly lower: LayerSide,
    private readonly upper: LayerSide,
    private readonly what: { readonly id: number; readonly into: number | null },
  ) {
    const uuid = native.filesystemUuid(lower.root)
    this.#uuid = typeof uuid === 'number' ? null : uuid
  }

  /** Yields after each entry that was looked at. Throws StratafsError where the two cannot be merged. */
  *plan(): Generator<void, MergePlan> {
    yield* this.#walkLower()
    yield* this.#walkUpper()
    const { drops, kept } = yield* this.#leftovers()
    const swaps = [...this.#swaps.values()]
    if (swaps.some(({ to, links }) => to.length !== links)) throw unfit('a metacopy has names outside its layer')
    return {
      version: 1,
      ...this.what,
      prefix: this.upper.marks.prefix,
      marks: this.#marks,
      moves: this.#moves,
      swaps: swaps.map(({ from, to }) => ({ from, to })),
      times: this.#times,
      drops,
      kept,
      pairs: this.#pairs,
    }
  }

  *#walkLower(): Generator<void> {
    const waiting = ['']
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      for (const name of this.lower.names(path)) {
        yield
        const kind = this.lower.kindAt(path, name)
        this.#lowerInodes.add(inodeOfStat())
        if (kind !== 'directory') continue
        checkDirectory(this.lower.marksAt(path, name))
        waiting.push(joined(path, name))
      }
    }
    native.statat(this.lower.root, '')
    this.#lowerInodes.add(inodeOfStat())
  }

  *#walkUpper(): Generator<void> {
    this.#noteNumber('', this.upper.marksAt('', ''))
    const waiting: WalkedDirectory[] = [{ path: '', at: { lower: '', rest: '' } }]
    for (let dir = waiting.pop(); dir !== undefined; dir = waiting.pop()) {
      const names = this.upper.names(dir.path)
      if (dir.at.lower !== null) this.#pair(dir.path, dir.at.lower, names)
      for (const name of names) {
        yield
        const kind = this.upper.kindAt(dir.path, name)
        if (kind === 'whiteout') continue
        const stat = native.stat.slice()
        const marks = this.upper.marksAt(dir.path, name)
        this.#noteNumber(joined(dir.path, name), marks)
        if (kind === 'directory') waiting.push(this.#directory(dir, name, marks))
        else if (marks.metacopy && kind === 'file') this.#metacopy(dir, name, marks, stat)
      }
    }
  }

  /** What the directory above lacks goes up. */
  #pair(path: string, lower: string, names: readonly string[]): void {
    this.#pairs.push([lower, path])
    const has = new Set(names)
    const missing = this.lower.names(lower).filter((name) => !has.has(name))
    for (const name of missing) this.#moves.push([joined(lower, name), joined(path, name)])
    if (missing.length === 0) return
    this.#touch(path)
    // In an upper only the children of such a directory are asked for their origin.
    if (this.what.into === null && !this.upper.marksAt(path, '').impure) this.#mark(path, 'impure', 'y')
  }

  /** Its times are to be what they were. */
  #touch(path: string): void {
    if (this.#times.at(-1)?.path === path) return
    native.statat(this.upper.dir(path), '')
    const { stat } = native
    const times = [Stat.ATIME, Stat.ATIME_NS, Stat.MTIME, Stat.MTIME_NS].map((slot) => stat[slot]!)
    this.#times.push({ path, times })
  }

  /** Where its lower parts are once the layer between is gone, as a mark where the name alone does not say it. */
  #directory(dir: WalkedDirectory, name: string, marks: Marks): WalkedDirectory {
    checkDirectory(marks)
    const path = joined(dir.path, name)
    if (marks.opaque && marks.redirect === null) return { path, at: { lower: null, rest: null } }
    const at = followRedirect(this.lower, dir.at, name, marks.redirect)
    const told = restOf(dir.at.rest, name, marks.redirect)
    if (at.rest === told) return { path, at }
    if (marks.redirect !== null) this.#mark(path, 'redirect', null)
    if (at.rest === null) this.#mark(path, 'opaque', 'y')
    else this.#mark(path, 'redirect', `/${at.rest}`)
    return { path, at }
  }

  #metacopy(dir: WalkedDirectory, name: string, marks: Marks, stat: Float64Array): void {
    if (marks.digest) throw unfit('a metacopy carries a digest')
    const path = joined(dir.path, name)
    const at = followRedirect(this.lower, dir.at, name, marks.redirect)
    if (at.file !== undefined) {
      const inode = stat[Stat.INO_HIGH]! * UNIT + stat[Stat.INO_LOW]!
      const known = this.#swaps.get(inode)
      if (known === undefined) this.#swaps.set(inode, { from: at.file, to: [path], links: stat[Stat.NLINK]! })
      else known.to.push(path)
      this.#touch(dir.path)
    } else if (at.rest !== null && at.rest !== restOf(dir.at.rest, name, marks.redirect))
      this.#mark(path, 'redirect', `/${at.rest}`)
  }

  #mark(path: string, mark: string, value: string | null): void {
    const name = `${this.upper.marks.prefix}${mark}`
    const slash = path.lastIndexOf('/')
    const before = native.getxattr(this.upper.dir(path.slice(0, Math.max(0, slash))), path.slice(slash + 1), name)
    this.#pushMark(path, name, value, before)
  }

  #pushMark(path: string, name: string, value: string | null, before: Uint8Array | number): void {
    const coded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
    this.#marks.push({
      path,
      name,
      value: value === null ? null : coded(Buffer.from(value, 'latin1')),
      before: typeof before === 'number' ? null : coded(before),
    })
  }

  /** An inode number that something has from the lower layer is written down, and never given to another. */
  #noteNumber(path: string, { inode, origin }: Marks): void {
    if (inode !== null) this.#numbers.add(inode)
    if (inode !== null || origin === null) return
    const number = this.#originOf(origin)
    if (number === null || !this.#lowerInodes.has(number)) return
    this.#numbers.add(number)
    this.#pushMark(path, `${this.upper.marks.prefix}stratafs.ino`, String(number), -1)
  }

  #originOf(mark: Uint8Array): number | null {
    const origin = decodeOrigin(mark)
    if (origin === null || this.#uuid === null || !sameBytes(origin.uuid, this.#uuid)) return null
    const halves = inodeOfHandle(origin.type, origin.handle)
    return halves === null ? null : halves[1] * UNIT + halves[0]
  }

  /** What of the lower layer stays behind. */
  *#leftovers(): Generator<void, { drops: string[]; kept: string[] }> {
    const gone = new Set([...this.#moves.map(([from]) => from), ...[...this.#swaps.values()].map(({ from }) => from)])
    const kept: string[] = []
    const linked = new Map<number, { paths: string[]; links: number }>()
    native.statat(this.lower.root, '')
    if (this.#numbers.has(inodeOfStat())) kept.push('')
    const waiting = ['']
    for (let dir = waiting.pop(); dir !== undefined; dir = waiting.pop()) {
      for (const name of this.lower.names(dir)) {
        yield
        const path = joined(dir, name)
        if (gone.has(path)) continue
        const kind = this.lower.kindAt(dir, name)
        const inode = inodeOfStat()
        const links = native.stat[Stat.NLINK]!
        if (kind === 'whiteout') continue
        if (kind === 'directory') waiting.push(path)
        if (kind !== 'directory' && links > 1) noteLink(linked, inode, path, links)
        else if (this.#numbers.has(inode)) kept.push(path)
      }
    }
    const drops: string[] = []
    for (const [inode, { paths, links }] of linked) {
      if (paths.length === links && this.#numbers.has(inode)) kept.push(paths.pop()!)
      drops.push(...paths)
    }
    return { drops, kept: kept.reverse() }
  }
}

function noteLink(
  linked: Map<number, { paths: string[]; links: number }>,
  inode: number,
  path: string,
  links: number,
): void {
  const known = linked.get(inode)
  if (known === undefined) linked.set(inode, { paths: [path], links })
  else known.paths.push(path)
}

/** Where the mark, or the name alone, says that the lower parts are; `rest`: where those of the parent are. */
function restOf(rest: string | null, name: string, redirect: string | null): string | null {
  if (redirect?.startsWith('/')) return redirect.slice(1)
  return rest === null ? null : joined(rest, redirect ?? name)
}

function checkDirectory(marks: Marks): void {
  if (marks.xattrWhiteouts) throw unfit('whiteouts are attributes')
}

/** Why two layers stay two. */
function unfit(why: string): StratafsError {
  return new StratafsError(`the layers cannot be merged: ${why}`, 'FAILED')
}
