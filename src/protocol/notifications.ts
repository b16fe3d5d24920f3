/**
 * Notifications to the kernel, as bytes for the device. fuse_out_header: u32 len @0 · i32 error, the code @4 · u64
 * unique 0 @8. fuse_notify_inval_entry_out: u64 parent @16 · u32 namelen @24 · u32 flags @28, then the name and NUL.
 * fuse_notify_inval_inode_out: u64 ino @16 · i64 off @24 · i64 len @32. Pure.
 */
import { FUSE_ROOT_ID } from './opcodes.js'

const INVAL_INODE = 2
const INVAL_ENTRY = 3
const INC_EPOCH = 8
const HEADER = 16

/** The protocol's minor version from which on `newEpoch` is understood (Linux 6.16). */
export const EPOCH_MINOR = 44

/**
 * All names that the kernel knows are looked up anew when somebody uses them next, however many there are; the root's
 * attributes and list are asked for again.
 */
export function newEpoch(): Uint8Array[] {
  const bytes = Buffer.alloc(HEADER)
  begin(bytes, INC_EPOCH)
  return [bytes, forgetInode(FUSE_ROOT_ID)]
}

/**
 * The whole tree is another one: all that is known below `names` of the root, and the root's own attributes and names.
 */
export function forgetTree(names: readonly string[]): Uint8Array[] {
  return [...names.map((name) => forgetEntry(FUSE_ROOT_ID, name)), forgetInode(FUSE_ROOT_ID)]
}

function forgetEntry(parent: number, name: string): Uint8Array {
  const bytes = Buffer.alloc(HEADER + 16 + name.length + 1)
  begin(bytes, INVAL_ENTRY)
  bytes.writeBigUInt64LE(BigInt(parent), HEADER)
  bytes.writeUInt32LE(name.length, HEADER + 8)
  bytes.write(name, HEADER + 16, 'latin1')
  return bytes
}

/** Attributes, content and names of one inode. */
export function forgetInode(nodeid: number): Uint8Array {
  const bytes = Buffer.alloc(HEADER + 24)
  begin(bytes, INVAL_INODE)
  bytes.writeBigUInt64LE(BigInt(nodeid), HEADER)
  return bytes
}

function begin(bytes: Buffer, code: number): void {
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeInt32LE(code, 4)
}
