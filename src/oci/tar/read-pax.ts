/**
 * PAX records, which carry what a header block has no room for: long names, sizes, nanoseconds, extended attributes. A
 * record is `LENGTH KEY=VALUE\n` with the length counted in bytes, so values may hold anything: they stay buffers here,
 * and only the fields that are text are read as such. Pure.
 */

/** Key (latin1) to value; a later record of the same key replaces an earlier one. */
export type PaxRecords = Map<string, Buffer>

const UNREAD = Buffer.alloc(0)

/**
 * The records in `body` that are about what is unpacked; null where they are malformed. `each`, where given, sees them
 * in order, repeated keys too.
 */
export function parsePax(body: Buffer, each?: (key: string, value: Buffer) => void): PaxRecords | null {
  const records: PaxRecords = new Map()
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const digits = space < 0 ? '' : body.toString('latin1', at, space)
    const end = at + Number(digits)
    if (!/^\d{1,9}$/.test(digits) || end > body.length || end <= space || body[end - 1] !== 0x0a) return null
    const equals = body.indexOf(0x3d, space + 1)
    if (equals <= space + 1 || equals >= end) return null
    const key = body.toString('latin1', space + 1, equals)
    // Copied: the block it lies in is used again. What nobody reads is not kept.
    const value = isKnownRecord(key) ? Buffer.from(body.subarray(equals + 1, end - 1)) : UNREAD
    if (value !== UNREAD) records.set(key, value)
    each?.(key, value)
    at = end
  }
  return records
}

export interface Timestamp {
  readonly seconds: number
  /** 0..999999999. */
  readonly ns: number
}

/** Seconds with an optional fraction, also negative; finer than a nanosecond is cut off. Null for anything else. */
export function parseTime(text: string): Timestamp | null {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text)
  if (match === null) return null
  const seconds = Number(match[2])
  const ns = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
  if (match[1] === '') return { seconds, ns }
  return ns === 0 ? { seconds: 0 - seconds, ns } : { seconds: -seconds - 1, ns: 1_000_000_000 - ns }
}

/** A decimal number without sign; null for anything else. */
export function parseNumber(text: string): number | null {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : null
}

const SCHILY_XATTR = 'SCHILY.xattr.'
const LIBARCHIVE_XATTR = 'LIBARCHIVE.xattr.'

const FIELDS = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'mtime', 'atime'])
const PREFIXES = [SCHILY_XATTR, LIBARCHIVE_XATTR, 'SCHILY.acl.', 'GNU.sparse.']

/** Whether a record of this key is about anything that is unpacked. */
export function isKnownRecord(key: string): boolean {
  return FIELDS.has(key) || PREFIXES.some((prefix) => key.startsWith(prefix))
}

/**
 * The extended attributes among `records`: star's spelling, which everybody writes, and libarchive's for what only it
 * wrote.
 */
export function xattrsOf(records: PaxRecords): Map<string, Buffer> | null {
  let xattrs: Map<string, Buffer> | null = null
  for (const [key, value] of records) {
    const schily = key.startsWith(SCHILY_XATTR)
    if (!schily && !key.startsWith(LIBARCHIVE_XATTR)) continue
    xattrs ??= new Map()
    if (schily) xattrs.set(unescaped(key.slice(SCHILY_XATTR.length)), value)
    else addLibarchive(xattrs, key.slice(LIBARCHIVE_XATTR.length), value)
  }
  return xattrs
}

/** GNU tar writes `=` in a name as %3D, for the first one ends the key, and so % as %25. */
function unescaped(name: string): string {
  return name.includes('%') ? name.replaceAll('%3D', '=').replaceAll('%25', '%') : name
}

function addLibarchive(xattrs: Map<string, Buffer>, name: string, value: Buffer): void {
  const plain = name.replace(/%([0-9A-Fa-f]{2})/g, (_whole, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  if (!xattrs.has(plain)) xattrs.set(plain, Buffer.from(value.toString('latin1'), 'base64'))
}
