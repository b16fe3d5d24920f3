/**
 * What the views answer, as JSON: the page, the terminal and `--json` show the same. Layers are numbered from the
 * lowest, 0. Names are text for a reader; `raw` is the name's bytes, percent-encoded, where it is no UTF-8.
 */

export type Kind = 'file' | 'directory' | 'symlink' | 'link' | 'char' | 'block' | 'fifo' | 'socket' | 'whiteout'

/** How a layer hides an entry of one below it. */
export type Reason = 'replaced' | 'deleted' | 'opaque' | 'parent-deleted' | 'parent-replaced'

/** What a layer did to a name: added, changed, deleted, nothing. */
export type Change = 'A' | 'C' | 'D' | 'U'

export interface LayerInfo {
  readonly layer: number
  readonly label: string
  readonly digest: string | null
  readonly diffID: string | null
  readonly created: string | null
  readonly command: string
  /** Bytes as stored (compressed); null for a directory. */
  readonly stored: number | null
  /** Bytes of its files, and its entries; of a layer that is being read, so far. */
  readonly bytes: number
  readonly entries: number
  /** Bytes of it that nobody sees any more; null until that is known. */
  readonly wasted: number | null
  readonly shared: readonly string[]
  readonly root: string | null
  readonly state: 'waiting' | 'reading' | 'done' | 'failed'
  /** 0 to 1. */
  readonly progress: number
  readonly fault: string | null
}

export interface Overview {
  readonly title: string
  readonly kind: 'image' | 'directories' | 'mount'
  /** What hides what is known, and all sums are. */
  readonly complete: boolean
  /** Another number means that answers may be other ones. */
  readonly version: number
  readonly layers: readonly LayerInfo[]
  readonly bytes: number
  readonly visible: number | null
  readonly wasted: number | null
  readonly image: { readonly tag: string | null; readonly platform: string; readonly created: string | null } | null
  /** The index as a file, for `sqlite3`. */
  readonly index: string
  /** What `stratafs explore` is given for the same. */
  readonly words: readonly string[]
  readonly sql: string
}

/** A name in the merged tree up to a layer. */
export interface Entry {
  readonly node: number
  readonly name: string
  readonly raw?: string
  readonly kind: Kind
  /** The layer it comes from; of a ghost, the one it came from. */
  readonly layer: number
  /** All layers that have it, topmost first. */
  readonly layers: readonly number[]
  /** Bytes that show, of it or in it. */
  readonly size: number
  /** Bytes of layers below that do not. */
  readonly hidden: number
  /** Bytes in the layer that was asked about. */
  readonly own: number
  readonly mode: string
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970. */
  readonly mtime: number | null
  readonly link: string | null
  readonly change: Change
  /** It does not show: which layer hides it, and how. */
  readonly ghost: { readonly by: number; readonly why: Reason } | null
  readonly xattrs: readonly string[]
}

export interface Page<T> {
  readonly total: number
  readonly offset: number
  readonly rows: readonly T[]
  readonly version: number
}

export interface Tree extends Page<Entry> {
  readonly path: string
  readonly sql: string
}

export interface Version {
  readonly layer: number
  readonly label: string
  readonly kind: Kind
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number | null
  readonly link: string | null
  readonly xattrs: Readonly<Record<string, string>>
  readonly ghost: { readonly by: number; readonly why: Reason } | null
  /** It shows: alone, or as a part of a directory of several layers. */
  readonly shows: boolean
  readonly whiteout: boolean
  readonly opaque: boolean
  /** The layer also hides what lies below. */
  readonly metacopy: boolean
  /** Digest of the content (its first 16 bytes), where it is known. */
  readonly content: string | null
}

export interface FileView {
  readonly path: string
  readonly raw?: string
  /** Topmost first. */
  readonly versions: readonly Version[]
  readonly sql: string
}

export interface MapNode {
  readonly name: string
  readonly raw?: string
  readonly directory: boolean
  /** It is a layer's part of the directory, not one in it. */
  readonly layer?: number
  readonly size: number
  /** Bytes by layer, the largest first. */
  readonly layers: readonly (readonly [layer: number, bytes: number])[]
  readonly children?: readonly MapNode[]
}

export interface MapView {
  readonly path: string
  readonly node: MapNode
  readonly sql: string
}

export interface WastedPath {
  readonly path: string
  readonly raw?: string
  readonly bytes: number
  /** Layers whose copies nobody sees, the lowest first. */
  readonly layers: readonly number[]
  readonly by: number
  readonly why: Reason
  /** The layer above has the same content: only its attributes were changed. */
  readonly sameContent: boolean
  readonly fix: string
}

export interface Instruction {
  /** The layer that hides. */
  readonly layer: number
  readonly label: string
  readonly command: string
  readonly bytes: number
  readonly files: number
  /** Whose bytes. */
  readonly of: readonly { readonly layer: number; readonly bytes: number }[]
  readonly fix: string
}

export interface Duplicate {
  readonly size: number
  readonly copies: number
  /** What all copies but one take. */
  readonly bytes: number
  readonly paths: readonly string[]
}

export interface Waste extends Page<WastedPath> {
  readonly complete: boolean
  /** Bytes of all files of all layers. */
  readonly bytes: number
  /** Bytes that are overwritten or deleted by a layer above. */
  readonly wasted: number
  /** `wasted` of `bytes`, 0 to 1. */
  readonly ratio: number
  /** Of `wasted`, by how it came about. */
  readonly overwritten: number
  readonly deleted: number
  readonly instructions: readonly Instruction[]
  /** Null: nobody has looked for them yet. */
  readonly duplicates: readonly Duplicate[] | null
  readonly duplicated: number | null
  readonly sql: string
}

export interface Found extends Entry {
  readonly path: string
}

export interface Search extends Page<Found> {
  readonly sql: string
}

export interface ImageView {
  readonly title: string
  readonly tag: string | null
  readonly manifest: string | null
  readonly platform: string
  readonly created: string | null
  readonly config: Readonly<Record<string, unknown>>
  readonly history: readonly {
    readonly layer: number | null
    readonly created: string | null
    readonly command: string
    readonly comment: string
  }[]
  readonly tags: readonly string[]
  readonly shared: readonly { readonly layer: number; readonly with: readonly string[] }[]
  readonly sql: string
}

/** What a live mount did since the last tell. */
export interface LiveNews {
  /** Seconds since 1970, with a fraction. */
  readonly at: number
  /** As of the overview. */
  readonly version: number
  readonly upper: { readonly entries: number; readonly bytes: number }
  readonly changes: readonly {
    readonly change: 'A' | 'C' | 'D'
    readonly path: string
    readonly bytes: number
    readonly grown: number
  }[]
  /** Changes beyond those that are told. */
  readonly more: number
  /** Requests by kind in the last second, and since the mount began. */
  readonly requests: readonly { readonly kind: string; readonly now: number; readonly all: number }[]
  readonly copyUps: number
  /** Snapshots of the mount, oldest first. */
  readonly snapshots: readonly {
    readonly name: string
    readonly message: string | null
    /** ISO time. */
    readonly created: string
    /** The one that it stands on; null: the lower layers. */
    readonly parent: string | null
    /** The present stands on it. */
    readonly below: boolean
  }[]
  readonly fault: string | null
}
