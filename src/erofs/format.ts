/**
 * The bytes of an EROFS image (Linux, Documentation/filesystems/erofs.rst): what this project writes of that format,
 * which is metadata. All numbers are little endian. Every inode is an extended one of 64 bytes; its number (nid) is its
 * place in the image in units of 32 bytes, for the metadata begins with the image. Pure.
 */

export const BLOCK = 4096
export const SUPER_OFFSET = 1024
export const SUPER_BYTES = 128
/** What inodes are aligned to; a nid counts them. */
export const SLOT = 32
export const INODE_BYTES = 64

const MAGIC = 0xe0f5e1e2
const COMPAT_CHECKSUM = 1
const COMPAT_MTIME = 2
const INCOMPAT_CHUNKED = 4
const EXTENDED = 1

/** How an inode's data lies. */
export const Layout = {
  /** In whole blocks. */
  PLAIN: 0,
  /** The last part right behind the inode and its attributes, whole blocks elsewhere. */
  INLINE: 2,
  /** By a list of chunks. */
  CHUNKED: 4,
} as const

/** A list of chunks entry that leads to no block: a hole. */
const NO_BLOCK = 0xffffffff
/** A chunk has `BLOCK << n` bytes; the largest `n`. */
const MAX_CHUNK_SHIFT = 31

export interface Xattr {
  /** With its prefix, latin1. */
  readonly name: string
  readonly value: Uint8Array
}

/** What an inode tells. Times in seconds and nanoseconds; `size` in bytes. */
export interface InodeFacts {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly size: number
  readonly mtime: number
  readonly mtimeNs: number
  readonly rdevMajor: number
  readonly rdevMinor: number
}

/** The 64 bytes of an inode. `union`: its first block, its device or its form of chunks, as `layout` has it. */
export function inodeBytes(facts: InodeFacts, xattrBytes: number, layout: number, union: number): Buffer {
  const at = Buffer.alloc(INODE_BYTES)
  at.writeUInt16LE(EXTENDED | (layout << 1), 0)
  at.writeUInt16LE(xattrBytes === 0 ? 0 : (xattrBytes - XATTR_HEADER) / 4 + 1, 2)
  at.writeUInt16LE(facts.mode, 4)
  at.writeBigUInt64LE(BigInt(facts.size), 8)
  at.writeUInt32LE(union, 16)
  at.writeUInt32LE(facts.uid, 24)
  at.writeUInt32LE(facts.gid, 28)
  at.writeBigInt64LE(BigInt(facts.mtime), 32)
  at.writeUInt32LE(facts.mtimeNs, 40)
  at.writeUInt32LE(facts.nlink, 44)
  return at
}

/** A device number as an inode holds it. */
export function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}

/** A file that is one hole: the form of its chunks, and their list. Null: it is too large. */
export function holeOf(size: number): { readonly form: number; readonly list: Buffer } | null {
  let shift = 0
  while (shift < MAX_CHUNK_SHIFT && BLOCK * 2 ** shift < size) shift++
  const chunks = Math.ceil(size / (BLOCK * 2 ** shift))
  return chunks > MAX_CHUNKS ? null : { form: shift, list: Buffer.alloc(chunks * 4, NO_BLOCK & 0xff) }
}

/** More would be a file of 2^53 bytes. */
const MAX_CHUNKS = 1023

const XATTR_HEADER = 12
/** Longest first where one begins with another. A name is held as the number of its prefix and the rest. */
const PREFIXES: readonly (readonly [prefix: string, number: number])[] = [
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
]
const MAX_NAME = 255
const MAX_VALUE = 65_535

/** Attributes as they follow an inode, a multiple of 4 bytes; or the name of the first that has no place in EROFS. */
export function xattrBytes(xattrs: readonly Xattr[]): Buffer | string {
  if (xattrs.length === 0) return Buffer.alloc(0)
  const parts: Buffer[] = [Buffer.alloc(XATTR_HEADER)]
  for (const { name, value } of [...xattrs].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const prefix = PREFIXES.find(([begin]) => name.startsWith(begin))
    const rest = Buffer.from(name.slice(prefix?.[0].length ?? 0), 'latin1')
    if (prefix === undefined || rest.length > MAX_NAME || value.length > MAX_VALUE) return name
    const head = Buffer.from([rest.length, prefix[1], value.length & 0xff, value.length >> 8])
    parts.push(head, rest, Buffer.from(value), Buffer.alloc(-(rest.length + value.length) & 3))
  }
  return Buffer.concat(parts)
}

const DIRENT = 12
/** By the four highest bits of a mode. */
const TYPES = [0, 5, 3, 0, 2, 0, 4, 0, 1, 0, 7, 0, 6]

/**
 * Which of `names`, in the order of their bytes, share a block of a directory: the index of the first of each block,
 * and the bytes of data in all.
 */
export function directoryBlocks(names: readonly string[]): {
  readonly firsts: readonly number[]
  readonly size: number
} {
  const firsts: number[] = []
  let used = BLOCK
  for (const [at, { length }] of names.entries()) {
    if (used + DIRENT + length > BLOCK) {
      firsts.push(at)
      used = 0
    }
    used += DIRENT + length
  }
  return { firsts, size: (firsts.length - 1) * BLOCK + used }
}

/** What a directory tells of a name. */
export interface NameFacts {
  readonly name: string
  readonly nid: number
  readonly mode: number
}

/** A block of a directory, of its whole length but for the last one. */
export function directoryBlock(entries: readonly NameFacts[], isLast: boolean): Buffer {
  const names = Buffer.from(entries.map(({ name }) => name).join(''), 'latin1')
  const used = entries.length * DIRENT + names.length
  const block = Buffer.alloc(isLast ? used : BLOCK)
  let place = entries.length * DIRENT
  names.copy(block, place)
  for (const [i, { name, nid, mode }] of entries.entries()) {
    const at = i * DIRENT
    block.writeBigUInt64LE(BigInt(nid), at)
    block.writeUInt16LE(place, at + 8)
    block.writeUInt8(TYPES[mode >> 12] ?? 0, at + 10)
    place += name.length
  }
  return block
}

/** The superblock, but for its checksum. */
interface SuperFacts {
  readonly rootNid: number
  readonly inodes: number
  readonly blocks: number
  readonly uuid: Uint8Array
}

export function superBytes({ rootNid, inodes, blocks, uuid }: SuperFacts): Buffer {
  const at = Buffer.alloc(SUPER_BYTES)
  at.writeUInt32LE(MAGIC, 0)
  at.writeUInt32LE(COMPAT_CHECKSUM | COMPAT_MTIME, 8)
  at.writeUInt8(Math.log2(BLOCK), 12)
  at.writeUInt16LE(rootNid, 14)
  at.writeBigUInt64LE(BigInt(inodes), 16)
  at.writeUInt32LE(blocks, 36)
  at.set(uuid.subarray(0, 16), 48)
  at.writeUInt32LE(INCOMPAT_CHUNKED, 80)
  return at
}

/** Sets the checksum of the first block of an image, which is that of all behind the boot area. */
export function seal(first: Buffer): void {
  first.writeUInt32LE(0, SUPER_OFFSET + 4)
  first.writeUInt32LE(crc32c(first.subarray(SUPER_OFFSET, BLOCK)), SUPER_OFFSET + 4)
}

/** Whether the first block is an EROFS image's, and whole. */
export function isSealed(first: Buffer): boolean {
  if (first.length !== BLOCK || first.readUInt32LE(SUPER_OFFSET) !== MAGIC) return false
  const copy = Buffer.from(first)
  seal(copy)
  return copy.equals(first)
}

const POLYNOMIAL = 0x82f63b78

/** CRC-32C without its last inversion, as the kernel counts it. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
  }
  return crc >>> 0
}
