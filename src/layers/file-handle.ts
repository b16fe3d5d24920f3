/**
 * The origin mark's value: which lower inode an upper one was copied from, as kernel overlayfs writes it (struct ovl_fb
 * in fs/overlayfs/overlayfs.h): u8 version 0 @0 · u8 magic 0xfb @1 · u8 len @2 (of the whole) · u8 flags @3 (1 big
 * endian, 2 any endian, 4 upper) · u8 type @4 · u8 uuid[16] @5 · handle bytes @21. Pure: bytes in, facts out.
 *
 * The inode number inside is what keeps st_ino the same over copy-up and remount. A privileged mount opens the handle.
 * An ordinary user may not, so the number is read from the handle itself for the filesystems whose handles are known.
 */

const HEADER = 21
const MAGIC = 0xfb
const FLAG_UPPER = 4

export interface Origin {
  readonly type: number
  readonly uuid: Uint8Array
  readonly handle: Uint8Array
}

/** The mark's bytes for a handle on the filesystem with `uuid`; null where the handle does not fit the format. */
export function encodeOrigin(origin: Origin, ofUpper = false): Uint8Array | null {
  const length = HEADER + origin.handle.length
  if (length > 255 || origin.type > 254) return null
  const bytes = new Uint8Array(length)
  bytes[1] = MAGIC
  bytes[2] = length
  bytes[3] = ofUpper ? FLAG_UPPER : 0
  bytes[4] = origin.type
  bytes.set(origin.uuid, 5)
  bytes.set(origin.handle, HEADER)
  return bytes
}

/** Reads the mark; null for an empty one ("unknown"), one of an upper inode, or bytes in no known form. */
export function decodeOrigin(bytes: Uint8Array): Origin | null {
  if (bytes.length <= HEADER || bytes[0] !== 0 || bytes[1] !== MAGIC || bytes[2] !== bytes.length) return null
  if ((bytes[3]! & FLAG_UPPER) !== 0) return null
  return { type: bytes[4]!, uuid: bytes.subarray(5, HEADER), handle: bytes.subarray(HEADER) }
}

/** The name under which kernel overlayfs's index directory holds a copied-up hard link: the mark in lower-case hex. */
export function indexName(mark: Uint8Array): string {
  let name = ''
  for (const byte of mark) name += byte.toString(16).padStart(2, '0')
  return name
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/**
 * The inode number inside a handle, as [low, high] halves; null for filesystems whose form is not known. By type and
 * length: 1 of 8 bytes ext2/3/4 and others (ino32, gen: FILEID_INO32_GEN), 1 of 12 bytes tmpfs (gen, ino low, ino high:
 * shmem_encode_fh), 0x81 XFS (ino64, gen), 0x4d btrfs (objectid u64, root u64, gen).
 */
export function inodeOfHandle(type: number, handle: Uint8Array): readonly [number, number] | null {
  const view = new DataView(handle.buffer, handle.byteOffset, handle.byteLength)
  if (type === 1 && handle.length === 8) return [view.getUint32(0, true), 0]
  if (type === 1 && handle.length === 12) return [view.getUint32(4, true), view.getUint32(8, true)]
  if (type === 0x81 && handle.length >= 12) return [view.getUint32(0, true), view.getUint32(4, true)]
  if (type === 0x4d && handle.length >= 20) return [view.getUint32(0, true), view.getUint32(4, true)]
  return null
}
