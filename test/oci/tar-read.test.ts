/**
 * The tar reader against archives put together by hand: every dialect's spelling, any cut into chunks, and every way to
 * be malformed.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { TarEntry, TarSink } from '../../src/oci/tar/entry.js'
import { TarReader } from '../../src/oci/tar/reader.js'
import { archive, directory, file, gnuLong, hardLink, header, padded, pax, symlink } from './archive.js'

interface Seen extends TarEntry {
  content: Map<number, string>
}

/** Reads `bytes` cut into pieces of `size`. */
function read(bytes: Buffer, size = bytes.length, whole = false): Seen[] {
  const seen: Seen[] = []
  const sink: TarSink = {
    entry: (entry) => void seen.push({ ...entry, content: new Map() }),
    data: (piece, offset) => void seen.at(-1)!.content.set(offset, piece.toString('latin1')),
    end: () => {},
  }
  const reader = new TarReader(sink)
  for (let at = 0; at < bytes.length; at += size) reader.push(Buffer.from(bytes.subarray(at, at + size)))
  reader.finish(whole)
  return seen
}

const text = (entry: Seen) => [...entry.content.values()].join('')
const one = (...parts: Buffer[]): Seen => read(archive(...parts))[0]!

describe('what a header says', () => {
  it('ustar: prefix and name', () => {
    assert.equal(one(file('f', 'x', { prefix: 'a/b' })).name, 'a/b/f')
  })
  it('v7: no magic, a directory by its slash', () => {
    const entry = one(header({ name: 'd/', magic: '', flag: '\0' }))
    assert.deepEqual([entry.name, entry.type], ['d/', 'directory'])
  })
  it('GNU: what stands where POSIX has the prefix is no name', () => {
    assert.equal(one(file('f', '', { magic: 'ustar  \0', prefix: '14000000000' })).name, 'f')
  })
  it('names and targets of any length by GNU headers', () => {
    const long = 'd/'.repeat(200)
    const entry = one(gnuLong('K', `${long}t`), gnuLong('L', `${long}n`), symlink('short', 'short'))
    assert.deepEqual([entry.name, entry.linkname], [`${long}n`, `${long}t`])
  })
  it('base-256 numbers, negative ones too', () => {
    const patch = (block: Buffer) => {
      block.fill(0, 108, 116)
      block[108] = 0x80
      block.writeUInt32BE(3_000_000_000, 112)
      block.fill(0xff, 136, 148)
      block[147] = 0xfe
    }
    const entry = one(file('f', '', { patch }))
    assert.deepEqual([entry.uid, entry.mtime], [3_000_000_000, -2])
  })
  it('numbers ended or begun by spaces', () => {
    assert.equal(one(Buffer.concat([header({ name: 'f', size: '         12 ' }), padded('0123456789')])).size, 10)
  })
  it('a checksum of signed bytes', () => {
    const block = header({ name: 'caf\xe9' })
    const signed = block.reduce(
      (sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte > 127 ? byte - 256 : byte),
      0,
    )
    assert.equal(one(header({ name: 'caf\xe9', checksum: signed })).name, 'caf\xe9')
  })
  it('links and devices have no data, whatever size stands there', () => {
    const names = read(archive(header({ name: 'l', flag: '1', linkname: 'x', size: 700 }), file('after', 'y'))).map(
      (e) => e.name,
    )
    assert.deepEqual(names, ['l', 'after'])
  })
  it('a volume label is no entry', () => {
    assert.deepEqual(
      read(archive(header({ name: 'label', flag: 'V' }), file('f'))).map((e) => e.name),
      ['f'],
    )
  })
})

describe('PAX', () => {
  it('names, targets, ids, sizes and times to the nanosecond', () => {
    const records = [
      ['path', 'n\xff'],
      ['linkpath', 'lönk'],
      ['uid', '4294967294'],
      ['mtime', '-1.25'],
      ['atime', '12.123456789999'],
    ] as const
    const entry = one(pax(records), hardLink('x', 'y'))
    const { name, linkname, uid, mtime, mtimeNs, atime, atimeNs } = entry
    assert.deepEqual(
      [name, linkname, uid, mtime, mtimeNs, atime, atimeNs],
      ['n\xff', 'lönk', 4294967294, -2, 750_000_000, 12, 123_456_789],
    )
  })
  it('attributes keep every byte', () => {
    const value = Buffer.from([0, 255, 10, 61, 128, 0])
    const entry = one(
      pax([
        ['SCHILY.xattr.user.a%3Db%25', value],
        ['SCHILY.xattr.user.empty', ''],
      ]),
      file('f'),
    )
    assert.deepEqual(
      entry.xattrs,
      new Map([
        ['user.a=b%', value],
        ['user.empty', Buffer.alloc(0)],
      ]),
    )
  })
  it('libarchive’s attributes, where it wrote no others', () => {
    const entry = one(
      pax([
        ['LIBARCHIVE.xattr.user.x%20y', 'AP8'],
        ['LIBARCHIVE.xattr.user.z', 'AA'],
        ['SCHILY.xattr.user.z', 'Z'],
      ]),
      file('f'),
    )
    assert.deepEqual(
      entry.xattrs,
      new Map([
        ['user.x y', Buffer.from([0, 255])],
        ['user.z', Buffer.from('Z')],
      ]),
    )
  })
  it('global records hold until others are given, and an empty one takes back', () => {
    const bytes = archive(
      pax(
        [
          ['uid', '7'],
          ['mtime', '5'],
        ],
        'g',
      ),
      file('a'),
      pax([
        ['uid', ''],
        ['mtime', '6'],
      ]),
      file('b', '', { uid: 3 }),
      file('c'),
    )
    assert.deepEqual(
      read(bytes).map((e) => [e.uid, e.mtime]),
      [
        [7, 5],
        [3, 6],
        [7, 5],
      ],
    )
  })
})

const SPARSE = 'AAAABBBB'
/** The old GNU list: struct by struct at `at`. */
function oldList(block: Buffer, at: number, list: readonly (readonly [number, number])[]): void {
  list.forEach(([offset, length], i) => {
    block.write(`${offset.toString(8).padStart(11, '0')}\0`, at + i * 24, 'latin1')
    block.write(`${length.toString(8).padStart(11, '0')}\0`, at + i * 24 + 12, 'latin1')
  })
}

describe('sparse files, in each of GNU tar’s ways', () => {
  const expected = (entry: Seen, size: number) => {
    assert.equal(entry.size, size)
    assert.deepEqual(
      [...entry.content],
      [
        [1000, 'AAAA'],
        [5000, 'BBBB'],
      ],
    )
  }
  const records = (...more: [string, string][]) => pax([['GNU.sparse.size', '9000'], ...more])
  it('in the header', () => {
    const patch = (block: Buffer) => {
      oldList(block, 386, [
        [1000, 4],
        [5000, 4],
        [9000, 0],
      ])
      block.write('00000021450\0', 483, 'latin1')
    }
    expected(one(file('s', SPARSE, { flag: 'S', magic: 'ustar  \0', patch })), 0o21450)
  })
  it('in blocks after it', () => {
    const patch = (block: Buffer) => {
      oldList(block, 386, [
        [0, 0],
        [1, 0],
        [2, 0],
        [3, 0],
      ])
      block[482] = 1
      block.write('00000021450\0', 483, 'latin1')
    }
    const more = Buffer.alloc(512)
    oldList(more, 0, [
      [1000, 4],
      [5000, 4],
    ])
    expected(one(header({ name: 's', flag: 'S', magic: 'ustar  \0', size: 8, patch }), more, padded(SPARSE)), 0o21450)
  })
  it('0.0: repeated records', () => {
    const list = ['1000', '4', '5000', '4'].map(
      (n, i) => [i % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes', n] as [string, string],
    )
    expected(one(records(['GNU.sparse.numblocks', '2'], ...list), file('s', SPARSE)), 9000)
  })
  it('0.1: one record', () => {
    const entry = one(
      records(['GNU.sparse.map', '1000,4,5000,4'], ['GNU.sparse.name', 'real']),
      file('GNUSparseFile/s', SPARSE),
    )
    expected(entry, 9000)
    assert.equal(entry.name, 'real')
  })
  it('1.0: at the beginning of the data', () => {
    const head = pax([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.realsize', '9000'],
      ['GNU.sparse.name', 's'],
    ])
    expected(one(head, file('x', Buffer.concat([padded('2\n1000\n4\n5000\n4\n'), Buffer.from(SPARSE)]))), 9000)
  })
  it('a hole and nothing else', () => {
    const entry = one(records(['GNU.sparse.map', '9000,0']), file('s', ''))
    assert.deepEqual([entry.size, entry.content.size], [9000, 0])
  })
})

it('any cut into chunks gives the same entries', () => {
  const parts = [
    directory('d/'),
    pax([
      ['SCHILY.xattr.user.k', 'v'],
      ['mtime', '3.5'],
    ]),
    file('d/f', 'x'.repeat(1300)),
    gnuLong('L', 'n'.repeat(600)),
    file('short', 'y'.repeat(512)),
    pax([
      ['GNU.sparse.size', '9000'],
      ['GNU.sparse.map', '1000,4,5000,4'],
    ]),
    file('s', SPARSE),
    hardLink('h', 'd/f'),
  ]
  const bytes = archive(...parts)
  const plain = (entries: Seen[]) => entries.map(({ content: _, ...entry }) => entry)
  const expected = read(bytes)
  assert.equal(expected.length, 5)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1500 }), (size) => {
      const found = read(bytes, size)
      assert.deepEqual(plain(found), plain(expected))
      assert.deepEqual(found.map(text), expected.map(text))
    }),
    { numRuns: 60 },
  )
})

describe('what is refused, and how it is said', () => {
  const refused = (name: string, bytes: Buffer, words: RegExp) =>
    it(name, () => assert.throws(() => read(bytes), { name: 'StratafsError', message: words }))
  const good = file('ok', 'x')
  refused('text', Buffer.from('hello world '.repeat(100)), /not a tar archive/)
  refused('nothing', Buffer.alloc(0), /not a tar archive/)
  refused('a block that is cut', archive(good).subarray(0, 300), /not a tar archive|cut short/)
  refused('data that is cut', file('cut', 'x'.repeat(600)).subarray(0, 700), /cut short.*in cut/)
  refused('no end mark', Buffer.concat([good]), /cut short: it ends after ok/)
  refused('an end after a header for the next', archive(good, pax([['path', 'x']])), /belongs to the next entry/)
  refused('bytes after the end', Buffer.concat([archive(good), Buffer.from('x')]), /after its end mark.*ok/)
  refused('a wrong checksum', archive(good, header({ name: 'bad', checksum: 5 })), /ok: .*checksum/)
  refused('a size that is no number', archive(good, header({ name: 'bad', size: '12x45678901' })), /size is no number/)
  refused('a negative size', archive(header({ name: 'f', size: '\xff'.repeat(12) })), /f: its size/)
  refused('a size beyond all numbers', archive(pax([['size', '99999999999999999999']]), file('big')), /big: its size/)
  refused('an unknown type', archive(header({ name: 'odd', flag: 'Z' })), /odd: an entry of type "Z"/)
  refused('a part of another volume', archive(header({ name: 'm', flag: 'M' })), /m: .*another volume/)
  refused('a header of gigabytes', archive(header({ name: 'x', flag: 'x', size: 2 ** 31 })), /2147483648 bytes/)
  refused(
    'a malformed record',
    archive(header({ name: 'x', flag: 'x', size: 9 }), padded('99 path=x'), good),
    /malformed/,
  )
  refused('a time that is none', archive(pax([['mtime', 'soon']]), file('f')), /f: its mtime/)
  refused('an id that is none', archive(pax([['uid', '4294967295']]), file('f')), /f: its uid/)
  const sparse = (map: string, size = '9000') =>
    archive(
      pax([
        ['GNU.sparse.size', size],
        ['GNU.sparse.map', map],
      ]),
      file('s', SPARSE),
    )
  refused('parts that overlap', sparse('1000,4,1002,4'), /s: .*overlaps/)
  refused('parts beyond the end', sparse('1000,4,8998,4'), /s: .*beyond its end/)
  refused('parts that need more data', sparse('1000,4'), /s: .*not as long/)
  refused('parts of no numbers', sparse('1000,x'), /s: .*make no sense/)
  refused(
    'a list of parts without end',
    archive(
      pax([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.realsize', '9'],
        ['GNU.sparse.name', 's'],
      ]),
      file('x', '9'.repeat(2000)),
    ),
    /s: .*makes no sense/,
  )
  it('a missing end mark is borne where the digest is known', () => assert.equal(read(good, 100, true).length, 1))
  it('a name cannot move the cursor', () => {
    assert.throws(() => read(archive(header({ name: '\x1b[2Jx', flag: 'Z' }))), { message: /^\\u001b\[2Jx: / })
  })
})
