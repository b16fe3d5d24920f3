/**
 * Headers at the limits of their fields, as our reader and others read them; and layers of contents that take several
 * pieces.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { commitArchive } from '../../src/oci/commit/commit.js'
import type { TarEntry } from '../../src/oci/tar/entry.js'
import { TarReader } from '../../src/oci/tar/reader.js'
import { BLOCK, type EntryHeader, encodeHeader, paxTime, TypeFlag } from '../../src/oci/tar/write-header.js'
import { inScratch } from './scratch.js'

const PLAIN: EntryHeader = {
  name: 'f',
  type: TypeFlag.FILE,
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 1,
  mtimeNs: 0,
  linkname: '',
  major: 0,
  minor: 0,
  xattrs: [],
}

/** The entry as it is read again. */
function readBack(header: Partial<EntryHeader>): TarEntry {
  const entries: TarEntry[] = []
  const reader = new TarReader({ entry: (entry) => void entries.push(entry), data: () => {}, end: () => {} })
  reader.push(encodeHeader({ ...PLAIN, ...header }))
  return entries[0]!
}

describe('headers', () => {
  it('are one block where ustar says everything, and three or more where it cannot', () => {
    assert.equal(encodeHeader(PLAIN).length, BLOCK)
    assert.equal(encodeHeader({ ...PLAIN, mtimeNs: 1 }).length, 3 * BLOCK)
  })
  const names = [
    'n'.repeat(100),
    'n'.repeat(101),
    `${'p'.repeat(155)}/${'n'.repeat(100)}`,
    `${'p'.repeat(156)}/${'n'.repeat(100)}`,
    `${'d/'.repeat(400)}${'n'.repeat(255)}`,
    'bytes\xff\x80',
    '\xc3\xbc',
    'a b=c\n',
  ]
  for (const name of names)
    it(`carry the name ${JSON.stringify(name).slice(0, 40)} (${name.length})`, () => {
      assert.equal(readBack({ name }).name, name)
      assert.equal(readBack({ type: TypeFlag.SYMLINK, linkname: name }).linkname, name)
    })
  const numbers: Partial<EntryHeader>[] = [
    { uid: 2_097_151, gid: 2_097_152 },
    { uid: 4_294_967_294, gid: 65_534 },
    { size: 8 * 2 ** 30 - 1 },
    { size: 8 * 2 ** 30 },
    { size: 2 ** 42 + 1 },
    { mtime: 1_234_567_890, mtimeNs: 123_456_789 },
    { mtime: 5, mtimeNs: 120_000_000 },
    { mtime: -1, mtimeNs: 999_999_999 },
    { mtime: -2, mtimeNs: 500_000_000 },
    { mtime: -77 },
    { mtime: 2 ** 34 },
    { type: TypeFlag.CHAR, major: 4095, minor: 1_048_575 },
  ]
  for (const header of numbers)
    it(`carry ${JSON.stringify(header)}`, () => {
      const read = readBack(header) as unknown as Record<string, unknown>
      for (const [key, value] of Object.entries(header)) if (key !== 'type') assert.equal(read[key], value, key)
    })
  it('write times before 1970 as the number they are', () => {
    assert.equal(paxTime({ mtime: -1, mtimeNs: 500_000_000 }), '-0.5')
    assert.equal(paxTime({ mtime: -2, mtimeNs: 250_000_000 }), '-1.75')
  })
  it('carry attributes of any bytes, and lengths that change the length of their own number', () => {
    for (const length of [0, 1, 60, 61, 62, 70, 71, 72, 73, 74, 970, 971, 972, 973, 974, 975, 976, 977, 65_536]) {
      const value = Buffer.alloc(length, '\0\xff\n=')
      const { xattrs } = readBack({ xattrs: [['user.x', value]] })
      assert.deepEqual(xattrs?.get('user.x'), value, String(length))
    }
  })
  it('carry attributes whose names hold what ends a key, and what stands for it', () => {
    for (const name of ['user.a=b', 'user.a%b', 'user.a%3Db', 'user.a%25b', 'user.%=%253D='])
      assert.deepEqual([...(readBack({ xattrs: [[name, Buffer.from('v')]] }).xattrs?.keys() ?? [])], [name])
  })
})

describe('archives', () => {
  it('of large and small files, in pieces, are what GNU tar reads', () =>
    inScratch(async (folder) => {
      const at = (name: string) => join(folder, name)
      for (const name of ['upper', 'lower', 'out']) mkdirSync(at(name))
      // Around the size of a piece, so that headers and contents are cut at every place.
      for (const size of [0, 1, 511, 512, 513, 523_264, 523_776, 524_287, 524_288, 524_289, 3_000_000])
        writeFileSync(at(`upper/f${size}`), Buffer.alloc(size, `${size};`))
      writeFileSync(at('upper/hole'), 'x')
      truncateSync(at('upper/hole'), 5_000_000)
      const source = { upper: at('upper'), lowers: [at('lower')], work: null, userxattr: null }
      const shared = { source, squash: false, live: false, timestamp: null }
      for (const compression of ['none', 'gzip', 'zstd'] as const) {
        const done = await commitArchive({ ...shared, compression }, at(`layer.${compression}`))
        assert.equal(done.size, readFileSync(at(`layer.${compression}`)).length)
        const sum = execFileSync('sha256sum', [at(`layer.${compression}`)], { encoding: 'utf8' })
        assert.equal(done.digest, `sha256:${sum.slice(0, 64)}`)
      }
      execFileSync('tar', ['-C', at('out'), '-xf', at('layer.none')])
      execFileSync('diff', ['-r', at('upper'), at('out')])
    }))
})
