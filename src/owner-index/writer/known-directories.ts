/**
 * Which directories a walk over the whole tree need not read: those that have rows, read for the very layers that it
 * has come to, and whose parts are still as they were stamped. A look at each part takes a tenth of a reading.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { bytesOf, latin1 } from '../../layers/marks.js'
import { unpackLayers } from '../../stack/layer-list.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { joinedPart } from '../../stack/parts.js'
import { S_IFDIR } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { KnownDirectory } from '../build/tree-walk.js'
import { EntryFlag } from '../database/entry-flags.js'
import type { Place } from '../database/place.js'
import type { ChildDirectory } from '../database/rows.js'
import { DirFlag, Sql } from '../database/schema.js'
import { isStamped } from '../database/stamps.js'
import type { IndexStore } from '../database/store.js'

type KnownRow = [id: number, layers: Buffer, stamps: Buffer, racy: number, readAt: number, flags: number, count: number]
type ChildRow = [
  name: Buffer,
  layer: number,
  layers: Buffer | null,
  flags: number,
  ino: number,
  ctime: number,
  ctimeNs: number,
]

export class KnownDirectories {
  constructor(
    private readonly stack: LowerStack,
    private readonly store: IndexStore,
    /** When this mount began, ms; null: the layers never change, so that they are not looked at. */
    private readonly since: number | null,
  ) {}

  /** The directory at `place`, in the one of the id `parent`, as its rows have it; null where it is to be read. */
  at({ name, parts }: Place, parent: number): KnownDirectory | null {
    const row = this.store.statement(Sql.knownDir).raw().get(parent, bytesOf(name)) as KnownRow | undefined
    if (row === undefined || !this.#holds(row, parts)) return null
    const directories: ChildDirectory[] = []
    for (const child of this.store.statement(Sql.childDirectories).raw().all(row[0]) as ChildRow[]) {
      const found = this.#child(parts, child)
      if (found === null) return null
      if (found !== 'asked') directories.push(found)
    }
    return { id: row[0], entries: row[6], directories }
  }

  #holds([, packed, stamps, racy, readAt, flags]: KnownRow, parts: readonly LayerDir[]): boolean {
    if ((flags & (DirFlag.REDIRECTED | DirFlag.UNUSABLE)) !== 0) return false
    const layers = unpackLayers(packed)
    if (layers.length !== parts.length || layers.some((layer, i) => layer !== parts[i]!.layer.position)) return false
    if (this.since === null) return true
    if (racy !== 0 && readAt < this.since) return false
    this.stack.cache.beginOperation()
    return parts.every((part, i) => {
      const fd = this.stack.cache.fd(part)
      return fd >= 0 && native.statat(fd, '') >= 0 && isStamped(stamps, i)
    })
  }

  /**
   * The parts of one directory in it; null where its row is wrong, `asked` where the layers show no directory for it.
   */
  #child(parts: readonly LayerDir[], row: ChildRow): ChildDirectory | 'asked' | null {
    const [bytes, layer, joined, flags, ino, ctime, ctimeNs] = row
    const name = latin1(bytes)
    const owner = parts.find((part) => part.layer.position === layer)
    if (owner === undefined) return null
    const seen = this.since === null ? null : { ino, ctime, ctimeNs }
    if (joined === null && (flags & ~EntryFlag.PARTIAL) === 0)
      return { name, parts: [joinedPart(owner, name, this.stack.lowers.length)], seen }
    this.stack.cache.beginOperation()
    const found = this.stack.search(parts, name)
    if (found.error === 0 && found.type === S_IFDIR) return { name, parts: found.lowers, seen }
    return (flags & EntryFlag.ASK) !== 0 ? 'asked' : null
  }
}
