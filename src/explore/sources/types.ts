/**
 * What the explorer looks at, whatever it was named by: a stack of layers, the lowest first, each a blob or a
 * directory. Paths are latin1 strings; all other text is ordinary text.
 */
import type { Descriptor, HistoryEntry } from '../../oci/image/types.js'

/** Where the bytes of a blob lie: a file of its own, or a part of an archive. */
export interface BlobPart {
  readonly file: string
  readonly offset: number
  readonly length: number
  /** Of a document that lies nowhere as it is told: its bytes. */
  readonly bytes?: Buffer
}

type LayerContent =
  | { readonly kind: 'blob'; readonly part: BlobPart }
  | { readonly kind: 'directory'; readonly root: string; readonly upper: boolean }
  /** It is named, and not here; `reason` is a sentence's end. */
  | { readonly kind: 'missing'; readonly reason: string }

export interface SourceLayer {
  /** What it is called in lists: `layer 3/8`, `upper`, the end of a path. */
  readonly label: string
  /** Of the blob as stored. */
  readonly digest: string | null
  readonly diffID: string | null
  /** ISO time. */
  readonly created: string | null
  /** The instruction that made it; empty where nobody knows. */
  readonly command: string
  /** Bytes as stored; null for a directory. */
  readonly stored: number | null
  /** Other images of the same place that have it. */
  readonly shared: readonly string[]
  readonly content: LayerContent
}

export interface ImageFacts {
  readonly tag: string | null
  readonly manifest: string | null
  readonly platform: string
  readonly created: string | null
  /** What a container of it runs. */
  readonly config: Readonly<Record<string, unknown>>
  /** The oldest step first; `layer` is its position, null for a step that made none. */
  readonly history: readonly (HistoryEntry & { readonly layer: number | null })[]
  /** Images of the same place. */
  readonly tags: readonly string[]
}

export interface Source {
  readonly kind: 'image' | 'directories' | 'mount'
  /** As a person would name it. */
  readonly title: string
  /** What names it to the command, where that is not its title. */
  readonly words?: readonly string[]
  readonly layers: readonly SourceLayer[]
  readonly image: ImageFacts | null
  /** The mountpoint, of a mount. */
  readonly merged: string | null
  /** Gives up what was made to read it. */
  close(): void
}

/** An image by its name, where it is listed. */
export interface NamedImage {
  /** Null: it has none. */
  readonly name: string | null
  readonly entry: Descriptor
}

/** A place that holds images as blobs. */
export interface BlobPlace {
  /** For messages. */
  readonly where: string
  readonly images: readonly NamedImage[]
  /** Where a blob lies; null where it is not there. */
  part(digest: string): BlobPart | null
  close(): void
}
