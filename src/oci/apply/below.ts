/**
 * What shows of the layers beneath the one that is unpacked: a directory that a layer in between has deleted, or
 * covered by one that starts anew (opaque), is not there any more, whatever lies further down. The layers are ours, so
 * whiteouts are devices or `.wh.NAME`.
 */
import type { MarkStore } from '../../layers/marks.js'
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { isWhiteoutDevice, Stat } from '../../syscalls/stat.js'
import { joined, parentOf } from './paths.js'

/** Directories whose layers are known without looking again: more than are above one another in any tree. */
const KEPT = 4096

export class Below {
  readonly #known = new Map<string, readonly number[]>()

  /** `lowers`: roots of the layers, top first; they stay the caller's. */
  constructor(
    private readonly lowers: readonly number[],
    private readonly marks: MarkStore,
  ) {}

  /** A descriptor (O_PATH) of the topmost directory that shows as `path`; null where none does. */
  open(path: string): number | null {
    const [top] = this.#layersOf(path)
    if (top === undefined) return null
    const fd = native.openBeneath(top, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
    return fd < 0 ? null : fd
  }

  /** Whether anything shows as `path`. */
  shows(path: string): boolean {
    for (const lower of this.#layersOf(parentOf(path))) {
      if (native.statat(lower, path) >= 0) return !isWhiteoutDevice(native.stat)
      if (hasAufsWhiteout(lower, path)) return false
    }
    return false
  }

  /** The layers whose directories together show as the directory `path`, the topmost first. */
  #layersOf(path: string): readonly number[] {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const found = path === '' ? this.#upToOpaque(this.lowers, '') : this.#look(path)
    if (this.#known.size >= KEPT) this.#known.delete(this.#known.keys().next().value as string)
    this.#known.set(path, found)
    return found
  }

  #look(path: string): number[] {
    const found: number[] = []
    for (const lower of this.#layersOf(parentOf(path))) {
      const isThere = native.statat(lower, path) >= 0
      if (isThere && (native.stat[Stat.MODE]! & S_IFMT) !== S_IFDIR) break
      if (isThere) found.push(lower)
      // Beside an entry of its name it hides what lies below.
      if (hasAufsWhiteout(lower, path)) break
    }
    return this.#upToOpaque(found, path)
  }

  #upToOpaque(layers: readonly number[], path: string): number[] {
    const end = layers.findIndex((lower) => this.#isOpaque(lower, path))
    return end < 0 ? [...layers] : layers.slice(0, end + 1)
  }

  #isOpaque(lower: number, path: string): boolean {
    if (native.statat(lower, joined(path, AUFS_OPAQUE)) >= 0) return true
    const value = this.marks.get(lower, path, 'opaque')
    return typeof value !== 'number' && value.length === 1 && value[0] === 0x79
  }
}

function hasAufsWhiteout(lower: number, path: string): boolean {
  const parent = parentOf(path)
  const name = parent === '' ? path : path.slice(parent.length + 1)
  return native.statat(lower, joined(parent, AUFS_PREFIX + name)) >= 0
}
