/**
 * Writes an EROFS image of metadata, in one walk from the root: an inode is placed when it is met, and a
 * directory is written when all of its children have been placed, since it tells where they are. What is held in memory
 * is what the caller holds of the directories on the way. The same tree in the same order gives the same bytes, and the
 * same UUID: file handles of one image lead to the same files in another one of the same content.
 */
import { createHash } from 'node:crypto'
import {
  BLOCK,
  deviceNumber,
  directoryBlock,
  directoryBlocks,
  holeOf,
  INODE_BYTES,
  type InodeFacts,
  inodeBytes,
  Layout,
  type NameFacts,
  SLOT,
  SUPER_BYTES,
  SUPER_OFFSET,
  seal,
  superBytes,
  type Xattr,
  xattrBytes,
} from './format.js'

/** Where the bytes go: `at` is an offset in the image; places that are not written are zeros. */
interface ImageSink {
  write(bytes: Uint8Array, at: number): void
}

/** Something that has no place in the format. */
export class NotInImage extends Error {}

/** A directory whose inode has its place; its data is written by `finish`. */
export interface OpenDirectory {
  readonly nid: number
  readonly facts: InodeFacts
  readonly xattrs: Buffer
  readonly firsts: readonly number[]
  /** Bytes of data. */
  readonly size: number
  /** The first of its whole blocks, and whether the last part follows the inode. */
  readonly block: number
  readonly isInline: boolean
}

export class ImageWriter {
  /** The boot area and the superblock are before everything else. */
  #place = SUPER_OFFSET + SUPER_BYTES
  /** Where the block that inodes are put into ends; nothing lies behind but whole blocks. */
  #end = BLOCK
  /** The first block that nobody has. */
  #nextBlock = 1
  #inodes = 0
  readonly #content = createHash('sha256')
  /** Block 0, of which the checksum is made. */
  readonly #first = Buffer.alloc(BLOCK)

  constructor(private readonly sink: ImageSink) {}

  /** Inodes so far. */
  get inodes(): number {
    return this.#inodes
  }

  /** Places anything but a directory; its nid. `content`: a symlink's target. A regular file's content is a hole. */
  add(facts: InodeFacts, xattrs: readonly Xattr[], content: Uint8Array = NOTHING): number {
    const attributes = encoded(xattrs)
    const hole = content.length === 0 && isRegular(facts) && facts.size > 0 ? holeOf(facts.size) : HOLLOW
    if (hole === null) throw new NotInImage('a file of 2^53 bytes or more')
    if (hole !== HOLLOW) return this.#put(facts, attributes, Layout.CHUNKED, hole.form, hole.list)
    if (content.length === 0)
      return this.#put(facts, attributes, Layout.PLAIN, deviceNumber(facts.rdevMajor, facts.rdevMinor), NOTHING)
    if (INODE_BYTES + attributes.length + content.length <= BLOCK)
      return this.#put(facts, attributes, Layout.INLINE, 0, content)
    const block = this.#blocks(Math.ceil(content.length / BLOCK))
    this.#write(content, block * BLOCK)
    return this.#put(facts, attributes, Layout.PLAIN, block, NOTHING)
  }

  /** Places a regular file with its content, which `read` puts into a buffer, from an offset on. */
  addWhole(facts: InodeFacts, xattrs: readonly Xattr[], read: (into: Uint8Array, offset: number) => void): number {
    const block = this.#blocks(Math.ceil(facts.size / BLOCK))
    const buffer = Buffer.alloc(Math.min(facts.size, STEP_BYTES))
    for (let offset = 0; offset < facts.size; offset += buffer.length) {
      const part = buffer.subarray(0, facts.size - offset)
      read(part, offset)
      this.#write(part, block * BLOCK + offset)
    }
    return this.#put(facts, encoded(xattrs), Layout.PLAIN, block, NOTHING)
  }

  /** Places a directory that will have `names`, which are in the order of their bytes, with `.` and `..`. */
  begin(facts: InodeFacts, xattrs: readonly Xattr[], names: readonly string[]): OpenDirectory {
    const attributes = encoded(xattrs)
    const { firsts, size } = directoryBlocks(names)
    const tail = size % BLOCK
    const head = INODE_BYTES + attributes.length
    const isInline = tail > 0 && head + tail <= BLOCK
    const whole = isInline ? Math.floor(size / BLOCK) : Math.ceil(size / BLOCK)
    const nid = this.#allocate(head + (isInline ? tail : 0))
    const block = this.#blocks(whole)
    this.#inodes++
    return { nid, facts, xattrs: attributes, firsts, size, block, isInline }
  }

  /** Writes a directory; `entries` are those of the names it was begun with. */
  finish(directory: OpenDirectory, entries: readonly NameFacts[]): void {
    const { nid, facts, xattrs, firsts, size, block, isInline } = directory
    const layout = isInline ? Layout.INLINE : Layout.PLAIN
    const parts = [inodeBytes({ ...facts, size }, xattrs.length, layout, block), xattrs]
    for (const [i, first] of firsts.entries()) {
      const isLast = i === firsts.length - 1
      const data = directoryBlock(entries.slice(first, firsts[i + 1]), isLast)
      if (isLast && isInline) parts.push(data)
      else this.#write(data, (block + i) * BLOCK)
    }
    this.#write(Buffer.concat(parts), nid * SLOT)
  }

  /** Ends the image with its superblock. `boot`: at most 1 KiB before that. Bytes in all, and the image's UUID. */
  end(root: OpenDirectory, boot: (uuid: Buffer, bytes: number) => Uint8Array): { bytes: number; uuid: Buffer } {
    const uuid = this.#content.digest().subarray(0, 16)
    const bytes = this.#nextBlock * BLOCK
    const facts = { rootNid: root.nid, inodes: this.#inodes, blocks: this.#nextBlock, uuid }
    this.#first.set(superBytes(facts), SUPER_OFFSET)
    this.#first.set(boot(uuid, bytes), 0)
    seal(this.#first)
    this.sink.write(this.#first, 0)
    return { bytes, uuid }
  }

  #put(facts: InodeFacts, xattrs: Buffer, layout: number, union: number, tail: Uint8Array): number {
    const record = Buffer.concat([inodeBytes(facts, xattrs.length, layout, union), xattrs, tail])
    const nid = this.#allocate(record.length)
    this.#inodes++
    this.#write(record, nid * SLOT)
    return nid
  }

  /** A nid for an inode with all that follows it, which lies in one block where it fits into one. */
  #allocate(length: number): number {
    const aligned = Math.ceil(this.#place / SLOT) * SLOT
    const fits = aligned + length <= this.#end
    const at = fits ? aligned : this.#blocks(Math.ceil(length / BLOCK)) * BLOCK
    if (!fits) this.#end = this.#nextBlock * BLOCK
    this.#place = at + length
    return at / SLOT
  }

  #blocks(count: number): number {
    const first = this.#nextBlock
    this.#nextBlock += count
    return count === 0 ? 0 : first
  }

  #write(bytes: Uint8Array, at: number): void {
    this.#content.update(`${at} ${bytes.length}\n`).update(bytes)
    if (at >= BLOCK) return this.sink.write(bytes, at)
    this.#first.set(bytes, at)
  }
}

const NOTHING = Buffer.alloc(0)
/** Content is copied in such pieces. */
const STEP_BYTES = 1 << 20
/** Of what is no hole. */
const HOLLOW = { form: 0, list: NOTHING }

function isRegular({ mode }: InodeFacts): boolean {
  return (mode & 0o170000) === 0o100000
}

function encoded(xattrs: readonly Xattr[]): Buffer {
  const bytes = xattrBytes(xattrs)
  if (typeof bytes === 'string') throw new NotInImage(`the extended attribute ${bytes}`)
  return bytes
}
