/**
 * The work of filling the index: layer by layer from the lowest, then what hides what. It runs beside those who ask, in
 * short turns, and says how far it is; what is asked meanwhile is answered from what is there.
 */
import type { Source, SourceLayer } from '../sources/types.js'
import { hashContents } from './hashing.js'
import type { IndexFile } from './index-file.js'
import { layerFault, readArchive } from './read-archive.js'
import { readDirectory } from './read-directory.js'
import { moveRedirected } from './redirects.js'
import { resolveIndex } from './resolve.js'
import { LATE_INDEXES } from './schema.js'
import { EntryWriter } from './writer.js'

/** How often what is being read is told, in milliseconds. */
const TELL_MS = 600

/** How far a layer is. `read` counts bytes of an archive, entries of a directory. */
interface LayerState {
  state: 'waiting' | 'reading' | 'done' | 'failed'
  read: number
  /** When reading began, seconds since 1970. */
  begun: number
  fault: string | null
}

export class Filling {
  readonly layers: LayerState[]
  readonly writer: EntryWriter
  /** What hides what is known. */
  isComplete = false
  /** Contents that are alike are known. */
  isHashed = false
  /** Grows with every change of the index. */
  version = 0
  readonly #abort = new AbortController()
  readonly #reading: Promise<void>
  readonly #done: Promise<void>
  #told = performance.now()
  #hashing: Promise<void> | null = null

  constructor(
    readonly source: Source,
    readonly index: IndexFile,
    signal?: AbortSignal,
  ) {
    signal?.addEventListener('abort', () => this.#abort.abort(signal.reason), { once: true })
    this.layers = source.layers.map(() => ({ state: 'waiting', read: 0, begun: 0, fault: null }))
    this.writer = new EntryWriter(index)
    index.together(() => {
      for (const [at, layer] of source.layers.entries()) insertLayer(index, layer, at)
    })
    this.#reading = this.#fill().then(() => signal?.throwIfAborted())
    // A live mount may hold anything: there somebody has to ask for it.
    this.#done = this.#reading.then(() => (source.kind === 'image' ? this.hash() : undefined))
    this.#reading.catch(() => {})
    this.#done.catch(() => {})
  }

  /** Resolves once all is read and judged, without a search for contents that are alike. */
  get read(): Promise<void> {
    return this.#reading
  }

  /** Resolves once all is done; rejects with a fault that is no layer's own. */
  get done(): Promise<void> {
    return this.#done
  }

  /** The sentences of layers that could not be read. */
  get faults(): string[] {
    return this.layers.flatMap(({ fault }) => fault ?? [])
  }

  async #fill(): Promise<void> {
    for (const [at, layer] of this.source.layers.entries()) {
      if (this.#abort.signal.aborted) return
      await this.#read(at, layer)
    }
    await this.judge()
    if (this.#abort.signal.aborted) return
    this.index.exec(LATE_INDEXES)
    this.version++
  }

  /** Finds contents that are alike. */
  hash(): Promise<void> {
    this.#hashing ??= this.#hash()
    return this.#hashing
  }

  async #hash(): Promise<void> {
    await hashContents(this.source, this.index, this.#abort.signal)
    if (this.#abort.signal.aborted) return
    this.isHashed = true
    this.version++
  }

  /** Works out anew what hides what. */
  async judge(): Promise<void> {
    await resolveIndex(this.index, this.#abort.signal)
    if (this.#abort.signal.aborted) return
    this.isComplete = true
    this.version++
  }

  async #read(at: number, layer: SourceLayer): Promise<void> {
    const state = this.layers[at]!
    state.state = 'reading'
    state.begun = Date.now() / 1000
    this.writer.begin(at)
    try {
      await this.#readContent(at, layer, (read) => {
        state.read = read
        this.#tell()
        this.#abort.signal.throwIfAborted()
      })
      state.state = 'done'
    } catch (error) {
      if (this.#abort.signal.aborted) return
      state.state = 'failed'
      state.fault = layerFault(layer.label, error)
    }
    countLayer(this.index, at)
    this.version++
  }

  /** Now and then says that there is more. */
  #tell(): void {
    if (performance.now() - this.#told < TELL_MS) return
    this.#told = performance.now()
    this.version++
  }

  async #readContent(at: number, { content }: SourceLayer, seen: (read: number) => void): Promise<void> {
    if (content.kind === 'missing') throw new Error(content.reason)
    if (content.kind === 'blob') return readArchive(content.part, this.index, this.writer, seen)
    const redirects = await readDirectory(content.root, this.index, this.writer, seen)
    moveRedirected(this.index, at, redirects)
  }

  /** Ends the work, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the explorer ends'))
    await this.#done.catch(() => {})
    await this.#hashing?.catch(() => {})
  }
}

function insertLayer(index: IndexFile, { label, digest, command, created, stored }: SourceLayer, at: number): void {
  index
    .sql('INSERT INTO layers(layer, label, digest, command, created, stored) VALUES(?, ?, ?, ?, ?, ?)')
    .run(at, label, digest, command, created, stored)
}

/** What a layer holds, in its own row. */
function countLayer(index: IndexFile, layer: number): void {
  const counted = `UPDATE layers SET (bytes, entries) = (
    SELECT coalesce(sum(CASE WHEN type = 8 THEN coalesce(stored, size) END), 0), count(*) FROM entries
    WHERE entries.layer = layers.layer AND (flags & 48) = 0) WHERE layer = ?`
  const repeated = `UPDATE layers SET bytes = bytes + (SELECT coalesce(sum(bytes), 0) FROM repeats
    WHERE repeats.layer = layers.layer) WHERE layer = ?`
  index.together(() => {
    index.sql(counted).run(layer)
    index.sql(repeated).run(layer)
  })
}
