/**
 * An OCI image layout: a directory with `oci-layout`, `index.json`, and every document and layer as a blob named by its
 * digest (image-layout.md). Blobs are written under another name, synced and renamed, so one that has its name is
 * whole; the index is replaced by one rename, under a lock, so two programs that tag at once both succeed. What is read
 * is verified: a document whose bytes are not those its digest says is refused by name.
 */

import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { makeDirectories, makeNewDirectory } from '../../base/make-directories.js'
import { pathBytes, shown } from '../../base/text.js'
import { LOCK_EX } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { digestOf, hexOf, isDigest } from '../encoding/digest.js'
import { LARGEST_DOCUMENT } from '../encoding/json-file.js'
import { readRegular } from '../encoding/regular-file.js'
import { asConfig, asImageDocument, asIndex, layoutVersion, parsed } from './documents.js'
import { isOccupied, readNamed, syncDirectory, writeNamed, writeSynced } from './files.js'
import { manifestsIn, platformInConfig } from './manifests.js'
import { reach, writeNote } from './needs.js'
import { fitOf, ownPlatform, platformText } from './platform.js'
import {
  asOciType,
  type Descriptor,
  type Image,
  type ImageConfig,
  type ImageIndex,
  type Manifest,
  MediaType,
  type Platform,
  REF_NAME,
} from './types.js'

export * from './types.js'

const VERSION = { imageLayoutVersion: '1.0.0' }

export class Layout {
  private constructor(
    /** Absolute, latin1. */
    readonly directory: string,
  ) {}

  /** Paths of notes of blobs that have no image yet. */
  readonly #notes: string[] = []

  /** Opens a layout. Throws StratafsError where there is none, or one of another version. */
  static open(directory: string): Layout {
    const layout = new Layout(directory)
    const version = layoutVersion(readNamed(directory, 'oci-layout'))
    if (version?.startsWith('1.')) return layout
    throw new StratafsError(`${shown(directory)}: image layout version ${version ?? 'none'} is not known`, 'DAMAGED')
  }

  /** Opens a layout, or makes an empty one where nothing stands, or what is left of a making that was killed. */
  static openOrCreate(directory: string): Layout {
    if (existsSync(pathBytes(`${directory}/oci-layout`))) return Layout.open(directory)
    const layout = new Layout(directory)
    makeNewDirectory(directory)
    layout.#locked(() => layout.#create())
    return Layout.open(directory)
  }

  /** Alone: somebody else may have made it meanwhile. */
  #create(): void {
    const { directory } = this
    if (existsSync(this.#path('oci-layout'))) return
    if (isOccupied(directory))
      throw new StratafsError(
        `${shown(directory)} is not empty and no OCI image layout`,
        'EXISTS',
        'name a new directory',
      )
    makeDirectories(pathBytes(`${directory}/blobs/sha256`))
    if (!existsSync(this.#path('index.json')))
      writeNamed(this.directory, 'index.json', { schemaVersion: 2, manifests: [] })
    writeNamed(this.directory, 'oci-layout', VERSION)
  }

  /** The path of a blob, latin1, whether it is there or not. */
  blobPath(digest: string): string {
    return `${this.directory}/blobs/sha256/${hexOf(digest)}`
  }

  hasBlob(digest: string): boolean {
    return existsSync(pathBytes(this.blobPath(digest)))
  }

  /** A new path beside the blobs, to build one at: then `adoptBlob`. What is abandoned begins with a dot. */
  temporaryBlob(): string {
    const directory = `${this.directory}/blobs/sha256`
    makeDirectories(pathBytes(directory))
    return `${directory}/.new-${process.pid}-${randomBytes(6).toString('hex')}`
  }

  /**
   * Gives what was built at `path` (synced by its writer) the name of its digest. One that is there already stays. A
   * new one is noted until an image has it (`tag`), so that it is found again when this process is killed.
   */
  adoptBlob(path: string, digest: string): void {
    const target = this.blobPath(digest)
    if (!this.hasBlob(digest)) this.#notes.push(writeNote(this.directory, [digest]))
    try {
      linkSync(pathBytes(path), pathBytes(target))
      rmSync(pathBytes(path))
    } catch {
      // There already, with the same bytes; or no hard links here.
      renameSync(pathBytes(path), pathBytes(target))
    }
    syncDirectory(`${this.directory}/blobs/sha256`)
  }

  /** Stores `bytes` as a blob. */
  putBlob(mediaType: string, bytes: Uint8Array): Descriptor {
    const digest = digestOf(bytes)
    const there = statSync(pathBytes(this.blobPath(digest)), { throwIfNoEntry: false })
    if (there?.size !== bytes.length) {
      const path = this.temporaryBlob()
      writeSynced(path, bytes)
      this.adoptBlob(path, digest)
    }
    return { mediaType, digest, size: bytes.length }
  }

  putDocument(mediaType: string, document: unknown): Descriptor {
    return this.putBlob(mediaType, Buffer.from(JSON.stringify(document)))
  }

  /** A blob's bytes, verified. Only for documents. */
  readBlob(descriptor: Pick<Descriptor, 'digest'>): Buffer {
    const path = this.blobPath(descriptor.digest)
    const what = `${shown(this.directory)}: blob ${descriptor.digest}`
    if (!this.hasBlob(descriptor.digest)) throw new StratafsError(`${what} is missing`, 'DAMAGED')
    const bytes = readRegular(path, 'a document', LARGEST_DOCUMENT)
    if (!Buffer.isBuffer(bytes)) throw new StratafsError(`${what} ${bytes.words}`, 'DAMAGED')
    if (digestOf(bytes) !== descriptor.digest)
      throw new StratafsError(`${what} is damaged: its bytes have another digest`, 'DAMAGED')
    return bytes
  }

  readDocument(descriptor: Pick<Descriptor, 'digest'>): unknown {
    return parsed(this.readBlob(descriptor).toString('utf8'), `${shown(this.directory)}: blob ${descriptor.digest}`)
  }

  index(): ImageIndex {
    const document = readNamed(this.directory, 'index.json')
    if ('manifests' in document && Array.isArray(document.manifests))
      return asIndex(document, `${shown(this.directory)}/index.json`)
    throw new StratafsError(`${shown(this.directory)}/index.json lists no manifests`, 'DAMAGED')
  }

  /** The tags, in the index's order. */
  tags(): string[] {
    return this.index().manifests.flatMap((entry) => entry.annotations?.[REF_NAME] ?? [])
  }

  /** The entry of `tag`; null: the only entry there is. Null where it is not there. */
  find(tag: string | null): Descriptor | null {
    const { manifests } = this.index()
    if (tag === null) return manifests.length === 1 ? manifests[0]! : null
    return (
      manifests.findLast((entry) => entry.annotations?.[REF_NAME] === tag) ??
      manifests.find((entry) => entry.digest === tag) ??
      null
    )
  }

  /** The image called `tag` (null: the only one). Throws StratafsError naming the tags there are. */
  image(tag: string | null): Image {
    const found = this.find(tag)
    if (found !== null) return this.imageOf(found)
    const tags = this.tags()
    const there = tags.length === 0 ? 'it holds no tags' : `there are ${tags.join(', ')}`
    const words = tag === null ? 'say which image, as DIR:TAG' : `no image is called ${tag}`
    throw new StratafsError(`${shown(this.directory)}: ${words}; ${there}`, 'NOT_FOUND')
  }

  /**
   * The documents behind an entry of the index; of an image for several platforms the one for `platform`, or for this
   * machine. Indexes may lead to indexes. Throws StratafsError.
   */
  imageOf(entry: Descriptor, platform: Platform | null = null): Image {
    const document = asImageDocument(this.readDocument(entry), `${shown(this.directory)}: blob ${entry.digest}`)
    const type = asOciType(document.mediaType ?? entry.mediaType ?? '')
    if (type === MediaType.INDEX) return this.#chosen(entry, platform)
    const manifest = document as Manifest
    if (type !== MediaType.MANIFEST || !Array.isArray(manifest.layers) || !isDigest(manifest.config?.digest))
      throw new StratafsError(`${shown(this.directory)}: ${entry.digest} is no image manifest (${type})`, 'DAMAGED')
    const config = asConfig(
      this.readDocument(manifest.config),
      `${shown(this.directory)}: blob ${manifest.config.digest}`,
    )
    if (platform !== null && fitOf(config, platform) === null)
      throw new StratafsError(
        `${shown(this.directory)}: ${entry.digest} is for ${config.os}/${config.architecture}, ` +
          `not ${platformText(platform)}`,
        'NOT_FOUND',
      )
    if (config.rootfs?.diff_ids?.length === manifest.layers.length) return { descriptor: entry, manifest, config }
    throw new StratafsError(
      `${shown(this.directory)}: ${entry.digest} has a config that does not fit its layers`,
      'DAMAGED',
    )
  }

  #chosen(entry: Descriptor, platform: Platform | null): Image {
    const wanted = platform ?? ownPlatform()
    let best: { readonly image: Descriptor; readonly fit: number } | null = null
    for (const image of manifestsIn(this, entry)) {
      const fit = fitOf(image.platform ?? platformInConfig(this, image), wanted)
      if (fit !== null && (best === null || fit > best.fit)) best = { image, fit }
    }
    if (best !== null) return this.imageOf(best.image)
    throw new StratafsError(
      `${shown(this.directory)}: ${entry.digest} has no image for ${platformText(wanted)}`,
      'NOT_FOUND',
    )
  }

  /** Stores an image's documents and gives it `tag`, in place of what had it. The layers must be there. */
  putImage(tag: string, manifest: Omit<Manifest, 'config'>, config: ImageConfig): Descriptor {
    const stored = this.putDocument(MediaType.CONFIG, config)
    const whole: Manifest = { ...manifest, mediaType: MediaType.MANIFEST, config: stored }
    const descriptor = this.putDocument(MediaType.MANIFEST, whole)
    this.tag(tag, descriptor)
    return descriptor
  }

  /** Makes `tag` mean `descriptor`. Throws StratafsError where a blob of it is not there. */
  tag(tag: string, descriptor: Descriptor): void {
    const entry = { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: tag } }
    this.changeIndex((manifests) => {
      this.#checkWhole(descriptor)
      const named = manifests.filter((old) => old.annotations?.[REF_NAME] === tag)
      const replaced = reach(this, named, false)
      // Stays: what the new image does not need goes when nobody uses the layout.
      if (replaced.size > 0) writeNote(this.directory, [...replaced])
      return [...manifests.filter((old) => old.annotations?.[REF_NAME] !== tag), entry]
    })
    for (const path of this.#notes.splice(0)) rmSync(pathBytes(path), { force: true })
  }

  /** Blobs may have been removed since they were looked at; those that lie elsewhere (`urls`) need not be here. */
  #checkWhole(descriptor: Descriptor): void {
    const document = asImageDocument(
      this.readDocument(descriptor),
      `${shown(this.directory)}: blob ${descriptor.digest}`,
    )
    const type = asOciType(document.mediaType ?? descriptor.mediaType ?? '')
    if (type === MediaType.INDEX) {
      // Of the other platforms of an image a layout need not hold anything.
      for (const each of manifestsIn(this, descriptor))
        if (existsSync(pathBytes(this.blobPath(each.digest)))) this.#checkWhole(each)
      return
    }
    const { config, layers } = document as Manifest
    for (const { digest, size, urls } of [config, ...layers] as (Descriptor & { urls?: unknown })[]) {
      const stat = statSync(pathBytes(this.blobPath(digest)), { throwIfNoEntry: false })
      if (stat?.size === size || (stat === undefined && urls !== undefined)) continue
      const fault = stat === undefined ? 'is missing' : `is ${stat.size} bytes long, not ${size}`
      throw new StratafsError(
        `${shown(this.directory)}: blob ${digest} ${fault}: the image would not be whole`,
        'DAMAGED',
      )
    }
  }

  /** Replaces the entries of index.json by what `change` makes of them; one program at a time. */
  changeIndex(change: (manifests: readonly Descriptor[]) => readonly Descriptor[]): void {
    this.#locked(() => {
      const index = this.index()
      const manifests = change(index.manifests)
      if (manifests !== index.manifests) writeNamed(this.directory, 'index.json', { ...index, manifests })
    })
  }

  #locked(work: () => void): void {
    const fd = openSync(this.#path('.'), 'r')
    try {
      const errno = native.flock(fd, LOCK_EX)
      if (errno < 0) throw new StratafsError(`${shown(this.directory)} cannot be locked: ${errnoWords(errno)}`)
      work()
    } finally {
      closeSync(fd)
    }
  }

  #path(name: string): Buffer {
    return pathBytes(`${this.directory}/${name}`)
  }
}
