/**
 * The store of unpacked layers: each layer is a lower directory once, however many images have it. A layer is named
 * after the diffID of its content, so it is the same one under every image and compression. Only a layer that leans on
 * those beneath is named after its chainID: its directories that it does not describe are as they have them, and its
 * whiteouts are those that hide something of them.
 *
 *     STORE/store.json                how its layers are marked and owned (Nature)
 *     STORE/layers/sha256-HEX/        a layer by diffID; it is there in full or not at all
 *     STORE/layers/chain-sha256-HEX/  one that depends on what is beneath it, by chainID
 *     STORE/images/HEX.json           which image, by the hash of its reference, has which layers (ImageRecord)
 *     STORE/uppers/NAME/              upper and work directory of a mount that was given none
 *     STORE/locks/                    one file per layer being unpacked; `store`: shared by users, alone for removing
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { makeDirectories } from '../../base/make-directories.js'
import { pathBytes, shown } from '../../base/text.js'
import { isMachineRoot } from '../../syscalls/privilege.js'
import type { ApplyPolicy } from '../apply/policy.js'
import type { Progress } from '../apply/source.js'
import { unpack } from '../apply/unpack.js'
import { parseObject, readDocument, writeDocument } from '../encoding/json-file.js'
import { blobFault, referenceText, type StoredImage, type StoredLayer } from './images.js'
import { lockedNow, underLock, type Waiting } from './lock.js'
import { sweepStore } from './sweep.js'

/** What STORE/images/HEX.json holds. Paths are latin1 strings. */
interface ImageRecord {
  readonly layout: string
  readonly tag: string | null
  readonly manifest: string
  /** Names in STORE/layers, the lowest first. */
  readonly layers: readonly string[]
  /** ISO time. */
  readonly unpacked: string
}

/** One layer of an image that is there now. */
export interface PresentLayer {
  readonly digest: string
  readonly diffID: string
  readonly chainID: string
  /** Absolute, latin1. */
  readonly path: string
  /** It was there before: another image has it, or this one had been unpacked. */
  readonly shared: boolean
  readonly notes: readonly string[]
}

interface EnsureOptions extends Waiting {
  readonly policy: ApplyPolicy
  /** Called for each layer that has to be unpacked, before it is. */
  readonly begins?: ((layer: StoredLayer, position: number) => Progress) | undefined
}

export class LayerStore {
  private constructor(
    /** Absolute, latin1. */
    readonly path: string,
  ) {}

  /**
   * Opens or makes the store at `path`. All layers in it are marked and owned in one way, since they are mounted
   * together: `policy` has to be that of whoever made it. Throws StratafsError.
   */
  static open(path: string, policy?: ApplyPolicy): LayerStore {
    try {
      for (const folder of ['', '/layers', '/images', '/uppers', '/locks']) {
        // Closed to others: images hold setuid programs that nobody should find beside a mount.
        makeDirectories(pathBytes(path + folder), 0o700)
      }
    } catch (error) {
      throw new StratafsError(`store ${shown(path)} cannot be made: ${errorWords(error)}`)
    }
    if (policy !== undefined) lockedNow(path, () => agree(path, policy))
    return new LayerStore(path)
  }

  /** Where the layers named `name` is, or would be. */
  layerPath(name: string): string {
    return `${this.path}/layers/${name}`
  }

  /** Runs `work` while nothing can be removed from the store. */
  using<T>(waiting: Waiting, work: () => Promise<T>): Promise<T> {
    const first = () => sweepStore(this.path)
    return underLock(`${this.path}/locks/store`, 'shared', { ...waiting, first }, work)
  }

  /** Runs `work` while nobody else uses the store. */
  alone<T>(waiting: Waiting, work: () => Promise<T> | T): Promise<T> {
    return underLock(`${this.path}/locks/store`, 'alone', waiting, work)
  }

  /** Every layer of `image`, unpacked where it was missing, the lowest first; and the record of it. Inside `using`. */
  async ensure(image: StoredImage, options: EnsureOptions): Promise<PresentLayer[]> {
    const present: PresentLayer[] = []
    for (const [position, layer] of image.layers.entries()) {
      const beneath = present.map(({ path }) => path).reverse()
      present.push(await this.#ensureLayer(layer, position, image.layers.length, beneath, options))
    }
    this.#record(image, present)
    return present
  }

  async #ensureLayer(
    layer: StoredLayer,
    position: number,
    count: number,
    lowers: readonly string[],
    options: EnsureOptions,
  ): Promise<PresentLayer> {
    const found = this.#find(layer)
    if (found !== null) return found
    const lock = `${this.path}/locks/${nameByDiffID(layer)}`
    try {
      // Another process may have made it while this one waited for the lock.
      return await underLock(
        lock,
        'alone',
        options,
        async () => this.#find(layer) ?? (await this.#unpack(layer, position, lowers, options)),
      )
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
      throw error.of(`layer ${position + 1} of ${count} (${layer.digest})`)
    }
  }

  #find(layer: StoredLayer): PresentLayer | null {
    const path = findUnpacked(this.path, layer)
    return path === null ? null : presentLayer(layer, path, true, [])
  }

  async #unpack(
    layer: StoredLayer,
    position: number,
    lowers: readonly string[],
    options: EnsureOptions,
  ): Promise<PresentLayer> {
    const fault = blobFault(layer)
    if (fault !== null) throw new StratafsError(fault, 'DAMAGED')
    const nameFor = ({ leansOnBelow }: { leansOnBelow: boolean }) =>
      leansOnBelow ? nameByChainID(layer) : nameByDiffID(layer)
    const { policy, signal } = options
    const { digest, diffID, blob: archive } = layer
    const directory = this.layerPath(nameByDiffID(layer))
    const progress = options.begins?.(layer, position)
    const unpacked = await unpack({
      archive,
      directory,
      policy,
      digest,
      diffID,
      lowers,
      sync: true,
      nameFor,
      progress,
      signal,
    })
    return presentLayer(layer, this.layerPath(nameFor(unpacked)), false, unpacked.notes)
  }

  #record({ reference, manifestDigest }: StoredImage, present: readonly PresentLayer[]): void {
    const record: ImageRecord = {
      ...reference,
      manifest: manifestDigest,
      layers: present.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)),
      unpacked: new Date().toISOString(),
    }
    writeDocument(this.recordPath(referenceText(reference)), `${JSON.stringify(record, null, 2)}\n`)
  }

  /** Where the record of the image with this reference lies. */
  recordPath(reference: string): string {
    return `${this.path}/images/${createHash('sha256').update(reference).digest('hex')}.json`
  }

  /** Every record. One that cannot be read stops whoever asks: what it names must not be taken for free. */
  records(): { readonly path: string; readonly record: ImageRecord }[] {
    const folder = `${this.path}/images`
    return readdirSync(pathBytes(folder), 'latin1')
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => {
        const path = `${folder}/${name}`
        const bytes = readDocument(path)
        return bytes === null ? [] : [{ path, record: recordIn(parseObject(bytes, shown(path)), path) }]
      })
  }

  /** Names of the layers that are there. */
  layerNames(): string[] {
    return readdirSync(pathBytes(`${this.path}/layers`), 'latin1').filter((name) =>
      /^(chain-)?sha256-[0-9a-f]{64}$/.test(name),
    )
  }
}

/** What STORE/store.json holds. */
interface Nature {
  readonly version: 1
  readonly marks: string
  readonly owners: ApplyPolicy['owners']
}

function agree(path: string, { markPrefix: marks, owners }: ApplyPolicy): void {
  const file = `${path}/store.json`
  const bytes = readDocument(file)
  const wanted: Nature = { version: 1, marks, owners }
  if (bytes === null) return writeDocument(file, `${JSON.stringify(wanted)}\n`)
  const found = parseObject(bytes, shown(file)) as unknown as Nature
  if (found.version !== 1 || typeof found.marks !== 'string' || typeof found.owners !== 'string')
    throw new StratafsError(`store ${shown(path)} is of a version that is not known here`)
  if (found.marks === marks && found.owners === owners) return
  throw new StratafsError(
    `store ${shown(path)} holds layers with marks as ${found.marks}* and owners "${found.owners}", ` +
      `not ${marks}* and "${owners}"`,
    'INVALID_ARGUMENT',
    'name another store',
  )
}

function recordIn(value: Record<string, unknown>, path: string): ImageRecord {
  const sound =
    typeof value.layout === 'string' &&
    (value.tag === null || typeof value.tag === 'string') &&
    Array.isArray(value.layers) &&
    value.layers.every((each) => typeof each === 'string')
  if (sound) return value as unknown as ImageRecord
  throw new StratafsError(
    `${shown(path)} is no record of an image`,
    'FAILED',
    'remove it if no mount needs what it stood for',
  )
}

function presentLayer(layer: StoredLayer, path: string, shared: boolean, notes: readonly string[]): PresentLayer {
  const { digest, diffID, chainID } = layer
  return { digest, diffID, chainID, path, shared, notes }
}

/** Where `layer` lies unpacked in the store at `store` (latin1), which need not exist; null where it does not. */
export function findUnpacked(store: string, layer: Pick<StoredLayer, 'diffID' | 'chainID'>): string | null {
  const paths = [nameByDiffID(layer), nameByChainID(layer)].map((name) => `${store}/layers/${name}`)
  return paths.find((path) => existsSync(pathBytes(path))) ?? null
}

function nameByDiffID({ diffID }: Pick<StoredLayer, 'diffID'>): string {
  return diffID.replace(':', '-')
}

function nameByChainID({ chainID }: Pick<StoredLayer, 'chainID'>): string {
  return `chain-${chainID.replace(':', '-')}`
}

/** The store that is meant where none is named: `STRATAFS_STORE`, else one per user. */
export function defaultStore(): string {
  const { STRATAFS_STORE: chosen, XDG_DATA_HOME: data, HOME: home } = process.env
  const path = chosen || (isMachineRoot() ? '/var/lib/stratafs' : `${data || `${home ?? ''}/.local/share`}/stratafs`)
  return Buffer.from(path, 'utf8').toString('latin1')
}
