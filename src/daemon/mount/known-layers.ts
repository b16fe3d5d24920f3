/**
 * Lower layers that were looked at before. A host makes mounts over the same ones again and again, and most of what
 * there is to find out of a directory stays as it is while it is the same directory: one look says that.
 */
import { AT_FDCWD } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { identityOfStat, type ResolvedDir } from './directories.js'

/** More are not remembered. */
const MOST = 4096

export class KnownLayers {
  readonly #known = new Map<string, ResolvedDir>()

  /** The layer at `path`, which was resolved, where it is still the same; null: it has to be looked at. */
  again(path: string): ResolvedDir | null {
    const known = this.#known.get(path)
    if (known === undefined) return null
    const isSame =
      native.statat(AT_FDCWD, path) >= 0 &&
      identityOfStat() === known.identity &&
      native.stat[Stat.MOUNT_ID] === known.mountId
    if (isSame) return known
    this.#known.delete(path)
    return null
  }

  /** Remembers what was found to be a layer. */
  note(layer: ResolvedDir): void {
    if (this.#known.size >= MOST) this.#known.clear()
    this.#known.set(layer.path, layer)
  }
}
