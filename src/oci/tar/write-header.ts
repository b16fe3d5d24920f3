/**
 * One entry's header as bytes: ustar, with a PAX header before it for what ustar cannot say (long names, names that are
 * no ASCII, ids and sizes beyond its digits, nanoseconds, extended attributes). Written here and not by a library,
 * because names are bytes and those at hand make text of them. Pure. POSIX.1-2017, pax: Interchange Format.
 *
 *     name[100] @0 · mode[8] @100 · uid[8] @108 · gid[8] @116 · size[12] @124 · mtime[12] @136 · chksum[8] @148 ·
 *     typeflag @156 · linkname[100] @157 · magic "ustar\0" @257 · version "00" @263 · uname[32] @265 · gname[32] @297 ·
 *     devmajor[8] @329 · devminor[8] @337 · prefix[155] @345
 */
import type { Xattr } from '../changes/xattrs.js'

export const BLOCK = 512

/** typeflag of each kind. */
export const TypeFlag = {
  FILE: '0',
  LINK: '1',
  SYMLINK: '2',
  CHAR: '3',
  BLOCK: '4',
  DIRECTORY: '5',
  FIFO: '6',
  PAX: 'x',
} as const

export interface EntryHeader {
  /** Latin1; of a directory with a slash at its end. */
  readonly name: string
  readonly type: (typeof TypeFlag)[keyof typeof TypeFlag]
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of the content that follows. */
  readonly size: number
  readonly mtime: number
  readonly mtimeNs: number
  readonly linkname: string
  readonly major: number
  readonly minor: number
  readonly xattrs: readonly Xattr[]
}

const LARGEST_ID = 0o7777777
const LARGEST_SIZE = 0o77777777777
const XATTR = 'SCHILY.xattr.'

/** The bytes before an entry's content: a multiple of 512. */
export function encodeHeader(entry: EntryHeader): Buffer {
  const split = splitName(entry.name)
  const records = paxRecords(entry, split === null)
  const shortName = split ?? { prefix: '', name: entry.name.slice(0, 100) }
  if (records.length === 0) {
    const block = Buffer.alloc(BLOCK)
    writeUstar(block, entry, shortName)
    return block
  }
  const size = records.reduce((sum, record) => sum + record.length, 0)
  const bytes = Buffer.alloc(2 * BLOCK + padded(size))
  writeUstar(bytes, { ...entry, ...PAX_HEADER, size }, { prefix: '', name: paxName(entry.name) })
  let at = BLOCK
  for (const record of records) at += record.copy(bytes, at)
  writeUstar(bytes.subarray(BLOCK + padded(size)), entry, shortName)
  return bytes
}

const PAX_HEADER = { type: TypeFlag.PAX, mode: 0o644, uid: 0, gid: 0, linkname: '', major: 0, minor: 0 } as const

/** `size` with what fills its last block. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

/** As GNU tar and Go call it: beside the entry. */
function paxName(name: string): string {
  const plain = name.replace(/\/$/, '')
  const slash = plain.lastIndexOf('/')
  const last = plain.slice(slash + 1).slice(0, 60)
  return `PaxHeaders.0/${last}`
}

/** The two fields of a name; null where it does not fit. */
function splitName(name: string): { prefix: string; name: string } | null {
  if (name.length <= 100) return { prefix: '', name }
  // The prefix may have 155 bytes; the slash between the two is in neither.
  const slash = name.lastIndexOf('/', 155)
  const from = slash <= 0 || name.length - slash - 1 > 100 ? -1 : slash
  const rest = name.slice(from + 1)
  return from < 0 || rest === '' ? null : { prefix: name.slice(0, from), name: rest }
}

function paxRecords(entry: EntryHeader, longName: boolean): Buffer[] {
  const records: Buffer[] = []
  const add = (key: string, value: string | Uint8Array): void => {
    records.push(paxRecord(key, typeof value === 'string' ? Buffer.from(value, 'latin1') : value))
  }
  // No hdrcharset for names that are no UTF-8: tars carry them as they are, and GNU tar warns of the word.
  const strangeName = !isAscii(entry.name)
  const strangeLink = !isAscii(entry.linkname)
  if (longName || strangeName) add('path', entry.name)
  if (entry.linkname.length > 100 || strangeLink) add('linkpath', entry.linkname)
  if (entry.size > LARGEST_SIZE) add('size', String(entry.size))
  if (entry.uid > LARGEST_ID) add('uid', String(entry.uid))
  if (entry.gid > LARGEST_ID) add('gid', String(entry.gid))
  if (entry.mtimeNs !== 0 || entry.mtime < 0 || entry.mtime > LARGEST_SIZE) add('mtime', paxTime(entry))
  for (const [name, value] of entry.xattrs) add(XATTR + keyOf(name), value)
  return records
}

/**
 * An `=` would end the key, so GNU tar writes it as %3D, and then % as %25; nothing else may be read as one of the two.
 */
function keyOf(name: string): string {
  return /=|%3D|%25/.test(name) ? name.replaceAll('%', '%25').replaceAll('=', '%3D') : name
}

/** Seconds with their fraction. Before 1970 the fraction counts on from the second before, and the text counts back. */
export function paxTime({ mtime, mtimeNs }: Pick<EntryHeader, 'mtime' | 'mtimeNs'>): string {
  if (mtimeNs === 0) return String(mtime)
  const negative = mtime < 0
  const seconds = negative ? -(mtime + 1) : mtime
  const fraction = String(negative ? 1e9 - mtimeNs : mtimeNs).padStart(9, '0')
  return `${negative ? '-' : ''}${seconds}.${fraction.replace(/0+$/, '')}`
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = key.length + value.length + 3
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  const bytes = Buffer.alloc(length)
  const at = bytes.write(`${length} ${key}=`, 'latin1')
  bytes.set(value, at)
  bytes[length - 1] = 0x0a
  return bytes
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every byte below 128 is one
  return /^[\x00-\x7f]*$/.test(text)
}

function writeUstar(block: Buffer, entry: EntryHeader, name: { prefix: string; name: string }): void {
  block.write(name.name, 0, 100, 'latin1')
  octal(block, 100, 8, entry.mode)
  octal(block, 108, 8, entry.uid > LARGEST_ID ? 0 : entry.uid)
  octal(block, 116, 8, entry.gid > LARGEST_ID ? 0 : entry.gid)
  octal(block, 124, 12, entry.size > LARGEST_SIZE ? 0 : entry.size)
  octal(block, 136, 12, entry.mtime < 0 || entry.mtime > LARGEST_SIZE ? 0 : entry.mtime)
  block.write(`        ${entry.type}`, 148, 'latin1')
  block.write(entry.linkname, 157, 100, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  octal(block, 329, 8, entry.major)
  octal(block, 337, 8, entry.minor)
  block.write(name.prefix, 345, 155, 'latin1')
  let sum = 0
  for (let i = 0; i < BLOCK; i++) sum += block[i]!
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

function octal(block: Buffer, at: number, width: number, value: number): void {
  block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
}
