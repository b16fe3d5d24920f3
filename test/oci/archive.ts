/**
 * Archives put together by hand, block by block, so that tests can hold what no tar program would write. Names are
 * latin1 strings, numbers may be any text.
 */

interface HeaderFields {
  readonly name?: string
  readonly flag?: string
  readonly size?: number | string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: number
  readonly linkname?: string
  readonly major?: number
  readonly minor?: number
  readonly magic?: string
  readonly prefix?: string
  /** Written over the finished block, before its checksum. */
  readonly patch?: (block: Buffer) => void
  readonly checksum?: number
}

const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`

/** One header block. */
export function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(512)
  const put = (text: string, at: number) => block.write(text, at, 'latin1')
  const size = fields.size ?? 0
  put((fields.name ?? '').slice(0, 100), 0)
  put(octal(fields.mode ?? 0o644, 8), 100)
  put(octal(fields.uid ?? 0, 8), 108)
  put(octal(fields.gid ?? 0, 8), 116)
  put(typeof size === 'string' ? size : octal(size, 12), 124)
  put(octal(fields.mtime ?? 1_700_000_000, 12), 136)
  put(fields.flag ?? '0', 156)
  put((fields.linkname ?? '').slice(0, 100), 157)
  put(fields.magic ?? 'ustar\x0000', 257)
  put(octal(fields.major ?? 0, 8), 329)
  put(octal(fields.minor ?? 0, 8), 337)
  put(fields.prefix ?? '', 345)
  fields.patch?.(block)
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(`${(fields.checksum ?? sum).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** `content` filled up to whole blocks. */
export function padded(content: Buffer | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** A regular file. */
export function file(name: string, content: Buffer | string = '', fields: HeaderFields = {}): Buffer {
  return Buffer.concat([header({ size: content.length, ...fields, name }), padded(content)])
}

export function directory(name: string, fields: HeaderFields = {}): Buffer {
  return header({ mode: 0o755, ...fields, name, flag: '5' })
}

export function symlink(name: string, linkname: string): Buffer {
  return header({ name, linkname, flag: '2', mode: 0o777 })
}

export function hardLink(name: string, linkname: string): Buffer {
  return header({ name, linkname, flag: '1' })
}

/** An extended header with these records, for the next entry; `flag` g: for all that follow. */
export function pax(records: readonly (readonly [key: string, value: Buffer | string])[], flag = 'x'): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => record(key, value)))
  return Buffer.concat([header({ name: 'PaxHeaders/x', flag, size: body.length }), padded(body)])
}

function record(key: string, value: Buffer | string): Buffer {
  const rest = Buffer.concat([
    Buffer.from(` ${key}=`, 'latin1'),
    typeof value === 'string' ? Buffer.from(value, 'latin1') : value,
    Buffer.from('\n'),
  ])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

/** GNU's header for a name (L) or a link's target (K) that is too long for a block. */
export function gnuLong(flag: 'L' | 'K', name: string): Buffer {
  return Buffer.concat([
    header({ name: '././@LongLink', flag, size: name.length + 1, magic: 'ustar  \0' }),
    padded(`${name}\0`),
  ])
}

/** The parts and the end mark. */
export function archive(...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}
