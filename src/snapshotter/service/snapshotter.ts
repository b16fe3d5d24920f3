/**
 * The snapshots themselves: what is remembered of them, their directories and their mounts, kept together. The order of
 * steps is such that a kill at any moment leaves either nothing, or what recovery.ts takes away: a directory is there
 * before its row, and its row is gone before it.
 */
import type { Log } from '../../base/log.js'
import { settleImplied } from '../layers/implied.js'
import { settleLinks } from '../layers/settle-links.js'
import { measureTree, readLayer } from '../layers/usage.js'
import { bindOf, formOf, type MountsMode } from '../mounts/forms.js'
import type { Places } from '../mounts/places.js'
import { Serial } from '../mounts/serial.js'
import type { Spares } from '../mounts/spares.js'
import type { Trash } from '../mounts/trash.js'
import type { Unions } from '../mounts/unions.js'
import { parseFilters } from '../records/filters.js'
import { maxSizeOf, mountOptionsOf } from '../records/labels.js'
import type { Records } from '../records/records.js'
import { fieldOf, Kind, type Snapshot, type Usage } from '../records/snapshot.js'
import type { CommitRequest, MountMessage, PrepareRequest, UpdateRequest } from '../wire/messages.js'
import { invalid, unfit } from '../wire/refusal.js'

export interface Parts {
  readonly places: Places
  readonly records: Records
  readonly unions: Unions
  readonly spares: Spares
  readonly trash: Trash
  readonly log: Log
  readonly mode: MountsMode
}

/** So many inodes are not walked through with every call. */
const MANY = 1_000

export class Snapshotter {
  readonly serial = new Serial()
  /** Of layers that were unpacked here and not touched since. */
  readonly #unpacked = new Map<number, Usage>()

  /** Those that have been read for a commit: there are rows of them. */
  readonly #read = new Set<number>()

  constructor(readonly parts: Parts) {}

  /** A new snapshot above `parent`: what to mount for it. The host mounts while the row comes to the disk. */
  async prepare(kind: typeof Kind.VIEW | typeof Kind.ACTIVE, request: PrepareRequest): Promise<MountMessage[]> {
    const { records, places, spares } = this.parts
    let begun: Snapshot | null = null
    let mounts: Promise<MountMessage[]> = Promise.resolve([])
    try {
      const { id } = records.create(kind, request.key, request.parent, request.labels, (made) => {
        begun = made
        places.make(made.id, made.parent?.id ?? null, spares)
        mounts = this.#mountsOf(made)
        mounts.catch(() => {})
      })
      return await this.serial.run(id, () => mounts)
    } catch (error) {
      if (begun !== null) await this.#takeBack(begun, mounts)
      throw error
    }
  }

  /** Nobody was told of it. */
  async #takeBack(made: Snapshot, mounts: Promise<unknown>): Promise<void> {
    const { records } = this.parts
    await mounts.catch(() => {})
    if (records.find(made.key)?.id === made.id) records.remove(made.key)
    this.#discard(made)
  }

  async mounts(key: string): Promise<MountMessage[]> {
    const { id } = this.parts.records.get(key)
    return this.serial.run(id, () => this.#mountsOf(this.parts.records.get(key)))
  }

  async #mountsOf(snapshot: Snapshot): Promise<MountMessage[]> {
    const { key, kind, id } = snapshot
    if (kind === Kind.COMMITTED) throw unfit(`snapshot ${key} is neither active nor a view`)
    const chain = this.parts.records.chain(id)
    const form = formOf(snapshot, chain, this.parts.places, this.parts.mode)
    if (form.kind === 'words') return [form.mount]
    this.#unpacked.delete(id)
    if (form.kind === 'directory') return [bindOf(form.path, form.readOnly)]
    return [bindOf(await this.#union(snapshot, chain), form.readOnly)]
  }

  /** The mount of a snapshot above `chain`, made where it is not there. */
  #union({ id, kind, labels }: Snapshot, chain: readonly number[]): Promise<string> {
    const readOnly = kind === Kind.VIEW
    return this.parts.unions.ensure({ id, chain, readOnly, options: mountOptionsOf(labels, readOnly) })
  }

  /** What was active is a layer from now on, above `parent` where it had none and that is named. */
  async commit({ key, name, parent, labels }: CommitRequest): Promise<void> {
    const { records, unions, places, log } = this.parts
    const { id } = records.get(key)
    await this.serial.run(id, async () => {
      records.committable(key, name, parent)
      const lowers = records.chain(id).map((below) => places.fs(below))
      settleLinks({ upper: places.fs(id), work: places.work(id), lowers })
      if (parent !== '') settleImplied(places.of(id), this.#layersFrom(parent))
      this.#read.add(id)
      const usage = this.#unpacked.get(id) ?? (await readLayer(places.fs(id)))
      const { id: committed } = records.commit(key, name, parent, labels, usage)
      this.#unpacked.delete(id)
      this.#read.delete(id)
      void unions.drop(committed)
      log('debug', 'committed', { key: name, ...usage })
    })
  }

  /** Directories of the layer `key` and of those below it, top first. */
  #layersFrom(key: string): string[] {
    const { records, places } = this.parts
    const { id } = records.get(key)
    return [id, ...records.chain(id)].map((each) => places.fs(each))
  }

  async remove(key: string): Promise<void> {
    const { records } = this.parts
    const { id } = records.get(key)
    await this.serial.run(id, () => this.#discard(records.remove(key)))
  }

  #discard({ id, kind }: Snapshot): void {
    const { unions, trash } = this.parts
    this.#unpacked.delete(id)
    trash.add(id, unions.drop(id), kind === Kind.COMMITTED || this.#read.delete(id))
  }

  stat(key: string): Snapshot {
    return this.parts.records.get(key)
  }

  /** A mount that is there keeps its owners; its limit changes with the label. */
  async update({ info, updateMask }: UpdateRequest): Promise<Snapshot> {
    if (info === null) throw invalid('update: there is no snapshot to update')
    const { records, unions } = this.parts
    const before = maxSizeOf(records.get(info.name).labels)
    const updated = records.update(info.name, info.labels, updateMask?.paths ?? [])
    const size = maxSizeOf(updated.labels)
    if (size !== before && updated.kind === Kind.ACTIVE && unions.has(updated.id))
      await unions.limit(updated.id, size).catch((error) => this.parts.log('warn', String(error), { key: updated.key }))
    return updated
  }

  list(filters: readonly string[]): Snapshot[] {
    const matches = parseFilters(filters)
    return this.parts.records.all().filter((snapshot) => matches((path) => fieldOf(snapshot, path)))
  }

  /** Of a layer as it was counted when it was committed; of what can be written to, of now. */
  async usage(key: string): Promise<Usage> {
    const { records, places, unions } = this.parts
    const { id, kind, usage } = records.get(key)
    if (usage !== null) return usage
    if (kind === Kind.VIEW) return { inodes: 0, size: 0 }
    const known = this.#unpacked.get(id) ?? (await unions.counted(id))
    if (known !== null) return known
    const measured = await measureTree(places.fs(id))
    // With its engine the mount keeps count, and nobody has to walk again.
    if (measured.inodes > MANY && unions.has(id)) void unions.awaken(id).catch(() => {})
    return measured
  }

  /** Notes what an unpacked layer takes, while nobody else writes to it. */
  noteUnpacked(id: number, usage: Usage): void {
    this.#unpacked.set(id, usage)
  }

  /** Waits until whatever was removed has gone from the disk. */
  cleanup(): Promise<void> {
    return this.parts.trash.empty()
  }

  /** The snapshot whose place `path` (text) is; null: it is none of ours. */
  at(path: string): { readonly snapshot: Snapshot; readonly place: string } | null {
    const { places, records } = this.parts
    const found = places.parse(Buffer.from(path).toString('latin1'))
    const snapshot = found === null ? null : records.withId(found.id)
    return found === null || snapshot === null ? null : { snapshot, place: found.place }
  }
}
