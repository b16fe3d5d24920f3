/**
 * From a header block and the extended headers before it to one entry: PAX records before GNU's long names before the
 * block, each field checked. What contradicts itself is refused with the entry's name. Pure.
 */
import { type EntryType, entryFault, printable, type TarEntry } from './entry.js'
import type { RawHeader } from './read-header.js'
import { type PaxRecords, parseNumber, parseTime, type Timestamp, xattrsOf } from './read-pax.js'
import { type PaxSparse, paxSparse, type SparseRecords } from './read-sparse.js'

/** The highest uid or gid; the one above means "leave it" to chown(2). */
const HIGHEST_ID = 0xffff_fffe

const TYPES: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

/** What GNU's headers of type L and K said; null where there were none. */
interface LongNames {
  readonly name: string | null
  readonly linkname: string | null
}

export interface Described {
  readonly entry: TarEntry
  /** Bytes of data that follow in the archive. */
  readonly stored: number
  readonly sparse: PaxSparse | undefined
}

/** The entry that these headers describe. Throws StratafsError where they make no sense. */
export function describeEntry(
  header: RawHeader,
  records: PaxRecords,
  repeated: SparseRecords,
  long: LongNames,
): Described {
  const sparse = records.size === 0 ? undefined : paxSparse(records, repeated)
  const name = sparse?.name ?? text(records, 'path') ?? long.name ?? header.name
  const linkname = text(records, 'linkpath') ?? long.linkname ?? header.linkname
  if (sparse === null) throw entryFault(name, 'its PAX records about holes make no sense')
  const type = typeOf(header, name)
  const size = storedSize(name, header, records)
  const entry: TarEntry = {
    name,
    linkname,
    type,
    mode: header.mode & 0o7777,
    uid: idOf(name, records, 'uid', header.uid),
    gid: idOf(name, records, 'gid', header.gid),
    size: type === 'file' ? (sparse?.size ?? size) : 0,
    ...timesOf(name, header, records),
    major: header.major,
    minor: header.minor,
    xattrs: records.size === 0 ? null : xattrsOf(records),
    acls: aclsOf(records),
    extents: null,
  }
  // Links and devices have no data, whatever size old programs wrote there.
  return { entry, stored: type === 'file' || header.flag === 'D' ? size : 0, sparse }
}

function typeOf({ flag }: RawHeader, name: string): EntryType {
  // Old programs say that it is a directory by a slash; `D` is GNU's directory with a list of names as its data.
  if (flag === 'D' || (flag === '0' && name.endsWith('/'))) return 'directory'
  const type = TYPES[flag]
  if (type !== undefined) return type
  const reason = flag === 'M' ? 'the rest of a file from another volume' : 'not known here'
  throw entryFault(name, `an entry of type ${JSON.stringify(flag)}, which is ${reason}`)
}

function storedSize(name: string, header: RawHeader, records: PaxRecords): number {
  const stated = text(records, 'size')
  const size = stated === null ? header.size : parseNumber(stated)
  if (size === null || size < 0)
    throw entryFault(name, `its size is no size: ${printable(stated ?? String(header.size))}`)
  return size
}

function timesOf(name: string, header: RawHeader, records: PaxRecords) {
  const mtime = timeOf(name, records, 'mtime') ?? { seconds: header.mtime, ns: 0 }
  const atime = timeOf(name, records, 'atime') ?? mtime
  return { mtime: mtime.seconds, mtimeNs: mtime.ns, atime: atime.seconds, atimeNs: atime.ns }
}

function timeOf(name: string, records: PaxRecords, key: string): Timestamp | null {
  const stated = text(records, key)
  if (stated === null) return null
  const time = parseTime(stated)
  if (time === null) throw entryFault(name, `its ${key} is no time: ${printable(stated)}`)
  return time
}

function idOf(name: string, records: PaxRecords, key: string, inHeader: number): number {
  const stated = text(records, key)
  const id = stated === null ? inHeader : parseNumber(stated)
  if (id !== null && id >= 0 && id <= HIGHEST_ID) return id
  throw entryFault(name, `its ${key} is none: ${printable(stated ?? String(inHeader))}`)
}

/** A text field of PAX records; an empty value takes the field back. */
function text(records: PaxRecords, key: string): string | null {
  const value = records.get(key)
  return value === undefined || value.length === 0 ? null : value.toString('latin1')
}

function aclsOf(records: PaxRecords): TarEntry['acls'] {
  const access = text(records, 'SCHILY.acl.access')
  const byDefault = text(records, 'SCHILY.acl.default')
  return access === null && byDefault === null ? null : { access, default: byDefault }
}
