/**
 * A layer and the directories in it. Each directory is named as its parent and a name, so paths may be of any depth and
 * nothing resolves outside the layer's root.
 */
import { O_DIRECTORY, O_RDONLY, ST_NOSUID, TMPFS_MAGIC } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { FsStatSlot, Stat } from '../syscalls/stat.js'

export class Layer {
  readonly root: LayerDir
  /** The filesystem's uuid, or null where it tells none. */
  readonly uuid: Uint8Array | null
  /** `major:minor` of the root. */
  readonly device: string
  readonly deviceMajor: number
  readonly deviceMinor: number
  /** Whether the mount it lies on is nosuid. */
  readonly nosuid: boolean
  /** Whether it lies in memory alone, where nothing is ever synced. */
  readonly isMemory: boolean
  /** The xattr that overrides owner and mode in this layer, or null. */
  override: string | null = null
  /** Its owners come mapped already, so that uid and gid mappings are not for it. */
  idmapped = false
  /** The mount it lies on is idmapped: its owners are not those on the disk, and others on the next such mount. */
  isMapped = false
  /** It was this mount's upper once: inode numbers and protection are as its marks say. */
  isSnapshot = false
  /** Tells it from the mount's other layers, also where their positions change; the upper is -1. */
  number: number
  #handleFd = -1
  /** As the upper it was reached by this one, which others may know. */
  #formerFd = -1
  #cloneFd = -1

  constructor(
    /** The upper is -1, lowers count from 0, top first. */
    public position: number,
    public path: string,
    public rootFd: number,
    public isPrivate: boolean,
  ) {
    this.root = new LayerDir(this, null, '')
    this.number = position
    native.statat(rootFd, '')
    this.device = deviceOfStat()
    this.deviceMajor = native.stat[Stat.DEV_MAJOR]!
    this.deviceMinor = native.stat[Stat.DEV_MINOR]!
    const uuid = native.filesystemUuid(rootFd)
    this.uuid = typeof uuid === 'number' ? null : uuid
    native.statfs(rootFd)
    this.isMemory = native.fsstat[FsStatSlot.TYPE] === TMPFS_MAGIC
    this.nosuid = (native.fsstat[FsStatSlot.FLAGS]! & ST_NOSUID) !== 0
  }

  get isUpper(): boolean {
    return this.position < 0
  }

  /** A descriptor that open_by_handle_at accepts as the mount (O_PATH is not); opened on first use. */
  handleFd(): number {
    if (this.#handleFd < 0) this.#handleFd = native.openat(this.rootFd, '.', O_RDONLY | O_DIRECTORY, 0)
    return this.#handleFd
  }

  /** Keeps `fd`, the clone of the mount that it is reached by, open: a clone that is closed cannot be cloned. */
  keepClone(fd: number): void {
    this.#cloneFd = fd
  }

  /** The upper becomes the topmost lower layer, which lies at `path` now and is reached by `rootFd`. */
  freeze(path: string, rootFd: number, isPrivate: boolean): void {
    this.#formerFd = this.rootFd
    this.position = 0
    this.path = path
    this.rootFd = rootFd
    this.isPrivate = isPrivate
    this.isSnapshot = true
    this.number = snapshotNumber(path)
  }

  close(): void {
    for (const fd of [this.#handleFd, this.#formerFd, this.#cloneFd]) if (fd >= 0) native.close(fd)
    native.close(this.rootFd)
  }

  /** The layer's name for a person: `upper` or `lower N`, N from 0 at the top. */
  get label(): string {
    return this.isUpper ? 'upper' : `lower ${this.position}`
  }
}

/** Numbers of layers that are no snapshots stay below it. */
const SNAPSHOT_NUMBERS = 1_000_000

/** The `number` of the snapshot that lies at `path`, which ends in its own number. */
export function snapshotNumber(path: string): number {
  return SNAPSHOT_NUMBERS + Number(path.slice(path.lastIndexOf('/') + 1))
}

/** `major:minor` of the file that `native.stat` describes. */
export function deviceOfStat(): string {
  return `${native.stat[Stat.DEV_MAJOR]}:${native.stat[Stat.DEV_MINOR]}`
}

/** What is known of a directory's own whiteout marks; found out once, on the first look inside. */
type Spelling = 'unknown' | 'plain' | 'marked'

export class LayerDir {
  /** Descriptor, or -1; owned by the cache (the layer's root descriptor is owned by the layer). */
  fd = -1
  /** Last use, in the cache's ticks. */
  tick = 0
  /** In the cache's list, between those that were used after and before it. */
  cached = false
  newer: LayerDir | null = null
  older: LayerDir | null = null
  /** A directory that has been removed: its descriptor is all there is, and stays until `release`. */
  pinned = false
  /** Holds names that begin with `.wh.`: 'marked'. */
  aufs: Spelling = 'unknown'
  /** The directory's own marks have been read. */
  inspected = false
  /** Marked opaque=x: empty files with the xattr `whiteout` are whiteouts. */
  xattrWhiteouts = false

  constructor(
    readonly layer: Layer,
    public parent: LayerDir | null,
    public name: string,
  ) {}

  /** The path below the layer's root, '' for the root itself. */
  path(): string {
    const names: string[] = []
    for (let dir: LayerDir = this; dir.parent !== null; dir = dir.parent) names.push(dir.name)
    return names.reverse().join('/')
  }
}
