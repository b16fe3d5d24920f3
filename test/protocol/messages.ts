/**
 * The kernel's side of the conversation for tests: builds requests byte by byte, with its own idea of every offset, so
 * that a mistake in a decoder is not repeated by its test.
 */

/** A field of a message: a number of 1, 2, 4 or 8 bytes, or bytes as they are. */
export type Field = readonly ['u16' | 'u32' | 'u64' | 's64', number | bigint] | string | Uint8Array

/** Packs fields one behind the other, little-endian; a string is latin1 without a NUL. */
export function pack(...fields: Field[]): Uint8Array {
  return Buffer.concat(fields.map(packField))
}

function packField(field: Field): Uint8Array {
  if (typeof field === 'string') return Buffer.from(field, 'latin1')
  if (field instanceof Uint8Array) return field
  const [type, value] = field
  const bytes = Buffer.alloc(type === 'u16' ? 2 : type === 'u32' ? 4 : 8)
  if (type === 'u16') bytes.writeUInt16LE(Number(value))
  else if (type === 'u32') bytes.writeUInt32LE(Number(value))
  else if (type === 'u64') bytes.writeBigUInt64LE(BigInt(value))
  else bytes.writeBigInt64LE(BigInt(value))
  return bytes
}

export const u16 = (value: number): Field => ['u16', value]
export const u32 = (value: number): Field => ['u32', value]
export const u64 = (value: number | bigint): Field => ['u64', value]
export const s64 = (value: number | bigint): Field => ['s64', value]

/** What a header says beside the length. */
export interface Header {
  readonly opcode: number
  readonly unique?: number | bigint
  readonly nodeid?: number | bigint
  readonly uid?: number
  readonly gid?: number
  readonly pid?: number
  /** Bytes of extensions at the message's end, a multiple of 8. */
  readonly extension?: Uint8Array
}

/** A whole request: header, the fields, the extension. */
export function request(header: Header, ...fields: Field[]): Uint8Array {
  const body = pack(...fields)
  const extension = header.extension ?? new Uint8Array(0)
  return pack(
    u32(40 + body.length + extension.length),
    u32(header.opcode),
    u64(header.unique ?? 7),
    u64(header.nodeid ?? 1),
    u32(header.uid ?? 1000),
    u32(header.gid ?? 1001),
    u32(header.pid ?? 4242),
    u16(extension.length / 8),
    u16(0),
    body,
    extension,
  )
}

/** A reply taken apart. */
export interface Reply {
  readonly length: number
  readonly error: number
  readonly unique: bigint
  readonly body: Buffer
}

/** Takes a reply of `length` bytes apart; throws where it is not well formed. */
export function parseReply(buffer: ArrayBuffer, length: number): Reply {
  const bytes = Buffer.from(buffer.slice(0, length))
  if (length < 16 || bytes.readUInt32LE(0) !== length)
    throw new Error(`reply of ${length} bytes, header ${bytes.toString('hex')}`)
  const error = bytes.readInt32LE(4)
  if (error > 0 || error <= -512) throw new Error(`error ${error} is out of range`)
  if (error !== 0 && length !== 16) throw new Error('an error with a body')
  return { length, error, unique: bytes.readBigUInt64LE(8), body: bytes.subarray(16) }
}
