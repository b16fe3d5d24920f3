/**
 * st_ino of the merged tree: unique in the mount, and the same after copy-up, rename, eviction and remount. As with
 * kernel overlayfs's xino, the high bits hold the filesystem's place in the stack, the others the real inode number. A
 * copied-up file keeps the number of the lower inode that its origin mark names. Numbers stay below 2^53, so that 48
 * bits are left for the real number. The rare larger one (some network filesystems) gets a number of its own for the
 * life of the mount.
 */
import { Errno } from '../../base/errno.js'
import { decodeOrigin, inodeOfHandle, type Origin, sameBytes } from '../../layers/file-handle.js'
import type { Layer } from '../../layers/layer-dir.js'
import { O_PATH, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'

const FILESYSTEM_UNIT = 2 ** 48
const HIGH_LIMIT = 2 ** 16
const LOW_UNIT = 2 ** 32
/** The filesystem number under which numbers of our own are handed out. */
const OWN = 31

/** The key of the real inode that a stat record describes. */
export function inodeKey(stat: Float64Array): string {
  return `${stat[Stat.DEV_MAJOR]}:${stat[Stat.DEV_MINOR]}:${stat[Stat.INO_HIGH]}:${stat[Stat.INO_LOW]}`
}

export class InodeNumbers {
  readonly #filesystems = new Map<string, number>()
  readonly #own = new Map<string, number>()
  /** The device that was met last, as a key: mostly the next one, too. */
  #lastDevice = ''
  #lastMajor = -1
  #lastMinor = -1

  constructor(
    private layers: readonly Layer[],
    /** Whether handles may be opened (CAP_DAC_READ_SEARCH). */
    private readonly mayOpenHandles: boolean,
  ) {
    for (const layer of layers) this.#filesystem(layer.device)
  }

  /** The layers are these from now on. */
  useLayers(layers: readonly Layer[]): void {
    this.layers = layers
  }

  /** The merged number of the inode that `stat` describes. */
  ofStat(stat: Float64Array): number {
    const major = stat[Stat.DEV_MAJOR]!
    const minor = stat[Stat.DEV_MINOR]!
    if (major !== this.#lastMajor || minor !== this.#lastMinor) {
      this.#lastDevice = `${major}:${minor}`
      this.#lastMajor = major
      this.#lastMinor = minor
    }
    return this.#number(this.#lastDevice, stat[Stat.INO_LOW]!, stat[Stat.INO_HIGH]!)
  }

  /**
   * A number for the inode that `stat` describes, where an upper file has taken its own; the same as long as the mount
   * lasts.
   */
  besides(stat: Float64Array): number {
    return this.#ownNumber(inodeKey(stat))
  }

  /**
   * The merged number of the lower inode that an origin mark names; null when it is unknown, stale or of another type.
   */
  ofOrigin(mark: Uint8Array, type: number): number | null {
    const origin = decodeOrigin(mark)
    const layer = origin === null ? null : this.#layerOf(origin)
    return layer === null ? null : this.#originOn(layer, origin!, type)
  }

  /**
   * The link count of the lower inode that an origin mark names; fills `native.stat`. 0: its filesystem has it no
   * more. null: nobody can tell.
   */
  originLinks(mark: Uint8Array): number | null {
    const origin = decodeOrigin(mark)
    const layer = origin === null || !this.mayOpenHandles ? null : this.#layerOf(origin)
    if (layer === null) return null
    const fd = native.openByHandle(layer.handleFd(), origin!.type, origin!.handle, O_PATH)
    if (fd < 0) return fd === -Errno.ESTALE ? 0 : null
    const known = native.statat(fd, '') >= 0
    native.close(fd)
    return known ? native.stat[Stat.NLINK]! : null
  }

  /**
   * The key (`MAJOR:MINOR:HIGH:LOW`) of the lower inode of an origin mark, where it has one link only or nobody can
   * tell; else null.
   */
  singleOf(mark: Uint8Array): string | null {
    if (this.mayOpenHandles) return this.originLinks(mark) === 1 ? inodeKey(native.stat) : null
    const origin = decodeOrigin(mark)
    const layer = origin === null ? null : this.#layerOf(origin)
    const halves = layer === null ? null : inodeOfHandle(origin!.type, origin!.handle)
    return halves === null ? null : `${layer!.device}:${halves[1]}:${halves[0]}`
  }

  /** The first lower layer on the filesystem that the mark names. */
  #layerOf(origin: Origin): Layer | null {
    const isThere = (layer: Layer) => !layer.isUpper && layer.uuid !== null && sameBytes(layer.uuid, origin.uuid)
    return this.layers.find(isThere) ?? null
  }

  #originOn(layer: Layer, origin: Origin, type: number): number | null {
    if (!this.mayOpenHandles) {
      const halves = inodeOfHandle(origin.type, origin.handle)
      return halves === null ? null : this.#number(layer.device, halves[0], halves[1])
    }
    const fd = native.openByHandle(layer.handleFd(), origin.type, origin.handle, O_PATH)
    if (fd < 0) return null
    const known = native.statat(fd, '') >= 0 && (native.stat[Stat.MODE]! & S_IFMT) === type
    native.close(fd)
    return known ? this.ofStat(native.stat) : null
  }

  #number(device: string, low: number, high: number): number {
    if (high >= HIGH_LIMIT) return this.#ownNumber(`${device}:${high}:${low}`)
    const filesystem = this.#filesystem(device)
    if (filesystem >= OWN) return this.#ownNumber(`${device}:${high}:${low}`)
    return filesystem * FILESYSTEM_UNIT + high * LOW_UNIT + low
  }

  #filesystem(device: string): number {
    let number = this.#filesystems.get(device)
    if (number === undefined) {
      number = this.#filesystems.size
      this.#filesystems.set(device, number)
    }
    return number
  }

  #ownNumber(key: string): number {
    let number = this.#own.get(key)
    if (number === undefined) {
      number = OWN * FILESYSTEM_UNIT + this.#own.size + 1
      this.#own.set(key, number)
    }
    return number
  }
}
