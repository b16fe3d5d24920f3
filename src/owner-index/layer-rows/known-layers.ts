/**
 * What is known of a stack's layers, each for itself, before any of their directories is read: whoever fills an index
 * asks here first. A row is believed where its directory's stamp is the same now (one look, where reading takes a look
 * at each name), or without a look where the layers are said never to change. A file that is damaged, or is about
 * something else, is put out of the way; that layer is read as if it never had been.
 */
import { shown } from '../../base/text.js'
import type { Layer, LayerDir } from '../../layers/layer-dir.js'
import { isTrap } from '../../layers/traps.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { descriptorsToKeep } from '../../syscalls/room.js'
import { Stat } from '../../syscalls/stat.js'
import { codeOf } from '../database/database.js'
import { noteUse } from '../database/shared-stacks.js'
import { isStamped, stampedInode } from '../database/stamps.js'
import { emptyRecord } from '../database/stat-rows.js'
import { LayerDirFlag, type LayerDirRow, LayerFile, layerRowsPath, setLayerRowsAside } from './layer-file.js'
import type { Listing } from './listing.js'

/** Files that are open at a time; layers beyond that are read. */
const MOST_FILES = 256
/** A small part of the descriptors that a process may have. */
const FILES_PART = 8

/** A directory of a layer as its rows have it. */
export interface KnownListing {
  readonly stamp: Buffer
  readonly listing: Listing
}

/** What is known of a directory. `holds`: its row can be believed. */
interface Known {
  /** Of its row, -1: none. */
  readonly id: number
  readonly row: LayerDirRow | null
  readonly holds: boolean
}

const ABSENT: Known = { id: -1, row: null, holds: false }
/** In which the layers' roots are. */
const ROOTS: Known = { id: 0, row: null, holds: false }

export class KnownLayers {
  /** Of each layer that was asked about; null: there are no rows of it. */
  readonly #files = new Map<Layer, LayerFile | null>()
  #known = new WeakMap<LayerDir, Known>()
  readonly #most: number
  readonly #record = emptyRecord()
  readonly #unchanging = new Set<Layer>()
  #open = 0

  /** `trusting`: the layers never change. `say` hears what was put out of the way. */
  constructor(
    private readonly stack: LowerStack,
    readonly trusting: boolean,
    private readonly say: (message: string) => void,
  ) {
    this.#most = descriptorsToKeep(MOST_FILES, FILES_PART)
  }

  /** What is in `dir`; null where it is to be read. */
  listing(dir: LayerDir): KnownListing | null {
    const known = this.#row(dir)
    const file = this.#files.get(dir.layer)
    if (known === null || file === null || file === undefined) return null
    try {
      const listing = file.listing(known)
      if (listing === 'damaged') this.#drop(dir.layer, 'damaged')
      else if (listing !== null) return { stamp: known[1], listing }
    } catch (error) {
      this.#drop(dir.layer, codeOf(error))
    }
    return null
  }

  /** Whether there is a row of `dir` that can be believed. */
  holds(dir: LayerDir): boolean {
    return this.#row(dir) !== null
  }

  /** Whether `dir` is a directory that carries no marks and holds none, so that it joins what lies below. */
  isPlain(dir: LayerDir): boolean {
    const known = this.#row(dir)
    return known !== null && (known[2] & LayerDirFlag.MARKED) === 0 && !this.#isTrap(dir.layer, known)
  }

  #isTrap(layer: Layer, [, stamp]: LayerDirRow): boolean {
    const inode = stampedInode(stamp)
    this.#record[Stat.INO_LOW] = inode % 2 ** 32
    this.#record[Stat.INO_HIGH] = Math.floor(inode / 2 ** 32)
    this.#record[Stat.DEV_MAJOR] = layer.deviceMajor
    this.#record[Stat.DEV_MINOR] = layer.deviceMinor
    // Where its number is rounded, nothing can be said.
    return !Number.isSafeInteger(inode) || isTrap(this.stack.traps, this.#record)
  }

  /** The layers may not be what they were: every stamp is looked at anew. */
  forget(): void {
    this.#known = new WeakMap()
  }

  /** Closes the files; they are opened again when somebody asks. */
  close(): void {
    for (const file of this.#files.values()) file?.close()
    this.#files.clear()
    this.#open = 0
  }

  #row(dir: LayerDir): LayerDirRow | null {
    if (this.#file(dir.layer) === null) return null
    // A loop, because a tree may be of any depth.
    const way: LayerDir[] = []
    let at: LayerDir | null = dir
    for (; at !== null && this.#known.get(at) === undefined; at = at.parent) way.push(at)
    let known: Known = at === null ? ROOTS : this.#known.get(at)!
    for (const each of way.reverse()) {
      known = this.#look(each, known)
      this.#known.set(each, known)
    }
    return known.holds ? known.row : null
  }

  /** A directory that has changed may hold others that have not. */
  #look(dir: LayerDir, { id }: Known): Known {
    if (id < 0) return ABSENT
    try {
      const row = this.#file(dir.layer)?.directory(id, dir.name) ?? null
      return row === null ? ABSENT : { id: row[0], row, holds: this.#holds(dir, row) }
    } catch (error) {
      this.#drop(dir.layer, codeOf(error))
      return ABSENT
    }
  }

  #holds(dir: LayerDir, [, stamp, flags]: LayerDirRow): boolean {
    if (this.#unchanging.has(dir.layer)) return true
    if ((flags & LayerDirFlag.RACY) !== 0) return false
    const isOpen = dir.parent === null || dir.fd >= 0
    const fd = this.stack.cache.fd(isOpen ? dir : dir.parent!)
    if (fd < 0 || native.statat(fd, isOpen ? '' : dir.name) < 0) return false
    const { stat } = native
    const { deviceMajor, deviceMinor } = dir.layer
    const isOnLayer = stat[Stat.DEV_MAJOR] === deviceMajor && stat[Stat.DEV_MINOR] === deviceMinor
    return isOnLayer && (stat[Stat.MODE]! & S_IFMT) === S_IFDIR && isStamped(stamp, 0)
  }

  #file(layer: Layer): LayerFile | null {
    const known = this.#files.get(layer)
    if (known !== undefined) return known
    const file = this.#open < this.#most && !layer.isMapped ? this.#opened(layer) : null
    this.#files.set(layer, file)
    if (file !== null) this.#open++
    return file
  }

  #opened(layer: Layer): LayerFile | null {
    const path = layerRowsPath(layer, this.stack.marks.prefix)
    try {
      const file = LayerFile.open(path, layer)
      if (file === null) return null
      if (file instanceof LayerFile) {
        noteUse(path)
        if (this.trusting && this.#isSameRoot(layer, file)) this.#unchanging.add(layer)
        return file
      }
      this.#aside(layer, file.fault)
    } catch (error) {
      this.#aside(layer, codeOf(error))
    }
    return null
  }

  /** A layer that never changes may have been put in the place of another: one look tells. */
  #isSameRoot({ rootFd }: Layer, file: LayerFile): boolean {
    const root = file.directory(0, '')
    return root !== null && native.statat(rootFd, '') >= 0 && isStamped(root[1], 0)
  }

  #drop(layer: Layer, fault: string): void {
    this.#files.get(layer)?.close()
    this.#files.set(layer, null)
    this.#aside(layer, fault)
  }

  #aside(layer: Layer, fault: string): void {
    const path = layerRowsPath(layer, this.stack.marks.prefix)
    setLayerRowsAside(path)
    this.say(`the rows of layer ${shown(layer.path)} (${shown(path)}) are ${fault}: set aside, the layer is read`)
  }
}
