/**
 * The file handle of an inode of a FUSE filesystem, and the origin mark that a kernel overlay makes of it: what
 * engine=hybrid leaves in an upper and its index. FILEID_INO64_GEN as fuse_encode_fh() in fs/fuse/inode.c writes it:
 * u32 nodeid, high half @0 · u32 low half @4 · u32 generation @8; the filesystem has no uuid. Pure.
 */
import { decodeOrigin, encodeOrigin, indexName, sameBytes } from './file-handle.js'

const FILEID_INO64_GEN = 0x81
const LENGTH = 12
const NO_UUID = new Uint8Array(16)
const HALF = 2 ** 32

interface FuseHandle {
  readonly nodeid: number
  readonly generation: number
}

/** The mark of an inode. */
export function fuseMark({ nodeid, generation }: FuseHandle): Uint8Array {
  const handle = new Uint8Array(LENGTH)
  const view = new DataView(handle.buffer)
  view.setUint32(0, Math.floor(nodeid / HALF), true)
  view.setUint32(4, nodeid % HALF, true)
  view.setUint32(8, generation, true)
  return encodeOrigin({ type: FILEID_INO64_GEN, uuid: NO_UUID, handle })!
}

/** What a mark says, where it is one of a FUSE inode; else null. */
export function readFuseMark(mark: Uint8Array): FuseHandle | null {
  const origin = decodeOrigin(mark)
  if (origin?.type !== FILEID_INO64_GEN || origin.handle.length !== LENGTH) return null
  if (!sameBytes(origin.uuid, NO_UUID)) return null
  const view = new DataView(origin.handle.buffer, origin.handle.byteOffset, LENGTH)
  return { nodeid: view.getUint32(0, true) * HALF + view.getUint32(4, true), generation: view.getUint32(8, true) }
}

/** Whether an entry of a hard-link index is that of a FUSE inode. */
export function isFuseIndexName(name: string): boolean {
  return readFuseMark(Buffer.from(name, 'hex')) !== null
}

/** The entry's name. */
export function fuseIndexName(handle: FuseHandle): string {
  return indexName(fuseMark(handle))
}
