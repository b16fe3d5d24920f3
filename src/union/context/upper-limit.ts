/**
 * The count of what an upper takes up, as the rest of the engine sees it: asked before something comes, told after it
 * has. union/limit does the counting. Mounts without a limit have none of it, unless somebody asked for the count.
 */
import type { LayerDir } from '../../layers/layer-dir.js'
import type { Node } from '../nodes/node.js'

/** What `stratafs limit` tells. Bytes are those that are allocated (st_blocks), each inode counted once. */
export interface LimitReport {
  /** null: no limit. */
  readonly size: number | null
  readonly inodes: number | null
  /** null: nobody knows yet. */
  readonly usedBytes: number | null
  readonly usedInodes: number | null
  /** What is there is being counted: entries seen so far; null: it has been. */
  readonly counting: number | null
}

export interface UpperLimit {
  /** False: nothing is refused, and what is there is counted all the same. */
  readonly isBounded: boolean
  /** The connection has begun. */
  begin(): void
  /**
   * 0: so many bytes and inodes more do not exceed the limit, and are promised. -ENOSPC; or PENDING while nobody knows.
   */
  admit(bytes: number, inodes: number): number
  /** Whether `node` may be copied up, with `size` bytes of content (-1: all; null: none). As `admit`. */
  admitCopy(node: Node, stat: Float64Array, size: number | null): number
  /** Whether the file `fd`, built where nobody sees it, fits as it is. As `admit`. */
  admitBuilt(fd: number): number
  /** `node` has come to the upper, or its content has. */
  copied(node: Node): void
  /** A new inode of the upper, by its stat record. */
  came(stat: Float64Array): void
  /** A mark of (fd, name) is another one: attributes may take a block. */
  marked(fd: number, name: string): void
  /** Entries of `dir` have come or gone. */
  changed(dir: LayerDir): void
  /** The kernel writes to the upper file `node` by itself from now on. */
  passed(node: Node): void
  /** `node`'s descriptor for writing was closed; the filesystem may take back what it had set aside. */
  closed(node: Node): void
  /** `node` is about to be forgotten. */
  leaves(node: Node): void
  /** An inode without a name, which another process has kept by `fd`. */
  parked(fd: number): void
  /** The descriptor that kept an inode without a name is about to be closed. */
  freed(fd: number): void
  /** The upper is about to be frozen: all is counted that is there, and what that takes is not refused. */
  freezing(): void
  /** It has been, or could not be; `dirs`: directories of the new upper. */
  frozen(dirs: Iterable<LayerDir>): void
  /** Something that was waited for may be there. */
  tend(): void
  report(): LimitReport
  /** The union `u` ends, and the count with it, where it is not another one's by now. */
  end(u: unknown): void
}
