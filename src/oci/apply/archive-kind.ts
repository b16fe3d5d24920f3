/**
 * What `docker save` and `skopeo copy … oci-archive:` write are tars, too, but of images, not of a layer. Told by the
 * names in them, which no root filesystem has.
 */
import { StratafsError } from '../../base/failure.js'
import type { TarSink } from '../tar/entry.js'

const DOCKER = /^(sha256:)?[0-9a-f]{64}(\.json|\.tar(\.gz)?|\/layer\.tar)?$/

export class ArchiveKind {
  readonly #seen = new Set<string>()

  /** `sink`, with each entry's name seen on its way. */
  watching(sink: TarSink): TarSink {
    return {
      entry: (entry) => {
        this.see(entry.name)
        sink.entry(entry)
      },
      data: (bytes, offset) => sink.data(bytes, offset),
      end: () => sink.end(),
    }
  }

  /** `name` (latin1) is an entry's. */
  see(name: string): void {
    const plain = name.replace(/^(\.?\/)+/, '')
    if (plain === 'manifest.json' || plain === 'index.json' || plain === 'oci-layout') this.#seen.add(plain)
    else if (plain.startsWith('blobs/sha256/')) this.#seen.add('blobs')
    else if (DOCKER.test(plain)) this.#seen.add('docker')
  }

  /** `docker-archive`, `oci-archive`, or null: something else. */
  get kind(): 'docker-archive' | 'oci-archive' | null {
    if (['oci-layout', 'index.json', 'blobs'].every((name) => this.#seen.has(name))) return 'oci-archive'
    return this.#seen.has('manifest.json') && this.#seen.has('docker') ? 'docker-archive' : null
  }

  /** Throws StratafsError for an archive of images. */
  refuseImages(): void {
    const { kind } = this
    if (kind === null) return
    const writer = kind === 'docker-archive' ? 'docker save' : 'skopeo'
    throw new StratafsError(
      `it is ${kind === 'docker-archive' ? 'a' : 'an'} ${kind}, images as ${writer} writes them, and no layer: ` +
        'take what is in it with `stratafs image load ARCHIVE LAYOUT`',
      'INVALID_ARGUMENT',
    )
  }
}
