/**
 * What an archive can cost: memory is bounded by the figure in docs/layers-in.md, whatever the archive. Each archive is made here, small when compressed, and unpacked by a process of its own, which is measured.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createGzip } from 'node:zlib'
import { checkoutRoot } from '../../scripts/check-imports.js'
import { archive, directory, file, gnuLong, padded, pax } from './archive.js'
import { inScratch } from './scratch.js'

/** In docs/layers-in.md, "Memory". */
const STATED = 768 * 1024 * 1024

const moduleUrl = (path: string) => JSON.stringify(pathToFileURL(join(checkoutRoot(), 'dist', path)).href)

interface Cost {
  /** The refusal; empty where it was unpacked. */
  readonly words: string
  /** Bytes that the process had in memory at most. */
  readonly memory: number
  /** Seconds of processor time. */
  readonly seconds: number
}

/** Unpacks FOLDER/archive in a process of its own. */
function costOf(folder: string): Cost {
  const code = `
    const { requestFor } = await import(${moduleUrl('test/oci/scratch.js')})
    const { unpack } = await import(${moduleUrl('src/oci/unpack.js')})
    const before = process.cpuUsage()
    let words = ''
    await unpack(requestFor('archive', ${JSON.stringify(join(folder, 'layer'))}, {})).catch((error) => { words = error.message })
    const { user, system } = process.cpuUsage(before)
    console.log(JSON.stringify({ words, memory: process.resourceUsage().maxRSS * 1024, seconds: (user + system) / 1e6 }))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) as Cost
}

const MIB = 1024 * 1024

function* repeated(count: number, part: (i: number) => Buffer): Generator<Buffer> {
  for (let i = 0; i < count; i++) yield part(i)
  yield archive()
}

/** A list of `parts` parts, as GNU tar 1.0 writes it, of a file with one byte in each. */
function sparse(parts: number): Buffer {
  const numbers = [parts]
  for (let i = 0; i < parts; i++) numbers.push(i * 2, 1)
  const map = padded(numbers.map((number) => `${number}\n`).join(''))
  const records = [
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.realsize', String(parts * 2)],
  ] as const
  return Buffer.concat([pax(records), file('sparse', Buffer.concat([map, Buffer.alloc(parts)]))])
}

const many = (length: number, key: (i: number) => string, value: string) =>
  Array.from({ length }, (_each, i) => [key(i), value] as const)

interface Case {
  readonly name: string
  readonly parts: () => Iterable<Buffer>
  /** Of the refusal; an empty one: it is unpacked. */
  readonly words: RegExp
}

const CASES: readonly Case[] = [
  {
    name: 'headers for all entries, each with an attribute of its own',
    parts: () =>
      repeated(60, (i) =>
        pax(
          many(1, () => `SCHILY.xattr.user.${i}`, 'x'.repeat(3 * MIB)),
          'g',
        ),
      ),
    words: /PAX headers for all entries hold more than 65536 bytes/,
  },
  {
    name: 'headers for all entries that nobody reads',
    parts: () =>
      repeated(60, (i) =>
        pax(
          many(1, () => `comment.${i}`, 'x'.repeat(3 * MIB)),
          'g',
        ),
      ),
    words: /^$/,
  },
  {
    name: 'directories with large attributes',
    parts: () =>
      repeated(4600, (i) => Buffer.concat([pax([['SCHILY.xattr.user.k', 'x'.repeat(60_000)]]), directory(`d${i}/`)])),
    words: /take more than 256 MiB to remember/,
  },
  {
    name: 'long names, one after the other',
    parts: () => repeated(40, () => gnuLong('L', 'n'.repeat(3 * MIB))),
    words: /ends after a header that belongs to the next entry/,
  },
  {
    name: 'attributes of ever other names that have no place here',
    parts: () =>
      repeated(200, (i) =>
        Buffer.concat([pax(many(200, (j) => `SCHILY.xattr.other.${i}.${j}.${'n'.repeat(200)}`, 'x')), file(`f${i}`)]),
      ),
    words: /^$/,
  },
  { name: 'a file of many parts', parts: () => [sparse(490_000), archive()], words: /^$/ },
]

describe('memory', () => {
  for (const { name, parts, words } of CASES)
    it(name, () =>
      inScratch(async (folder) => {
        await pipeline(Readable.from(parts()), createGzip({ level: 1 }), createWriteStream(join(folder, 'archive')))
        const cost = costOf(folder)
        assert.match(cost.words, words)
        assert.ok(cost.memory < STATED, `${Math.round(cost.memory / MIB)} MiB`)
      }),
    )
})
