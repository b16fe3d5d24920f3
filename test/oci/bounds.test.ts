/**
 * What an archive can cost: memory is bounded by the figure in docs/layers-in.md, whatever the archive, and time grows
 * with its length. Each archive is made here, small when compressed, and unpacked by a process of its own, which is
 * measured. Where time is compared, calls of the kernel are counted, and the names it lists: a busy machine changes
 * neither.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createGzip } from 'node:zlib'
import { checkoutRoot } from '../../scripts/checkout.js'
import { removeUnpacked } from '../../src/oci/apply/remove.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { archive, directory, file, gnuLong, padded, pax, symlink } from './archive.js'
import { inScratch } from './scratch.js'

// In memory where that is possible: a disk's journal would be most of the time, and nothing of what is measured.
if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm'

/** In docs/layers-in.md, "Memory". */
const STATED = 768 * 1024 * 1024

const moduleUrl = (path: string) => JSON.stringify(pathToFileURL(join(checkoutRoot(), 'dist', path)).href)

interface Cost {
  /** The refusal; empty where it was unpacked. */
  readonly words: string
  /** Bytes that the process had in memory at most. */
  readonly memory: number
  /** Calls of the kernel, and names that it listed. */
  readonly calls: number
  /** Seconds of processor time outside the kernel. */
  readonly seconds: number
}

/** Unpacks FOLDER/archive over the layers `lowers` in a process of its own. */
function costOf(folder: string, lowers?: readonly string[]): Cost {
  const code = `
    const { requestFor } = await import(${moduleUrl('test/oci/scratch.js')})
    const { unpack } = await import(${moduleUrl('src/oci/apply/unpack.js')})
    const { native } = await import(${moduleUrl('src/syscalls/native.js')})
    let calls = 0
    for (const [name, call] of Object.entries(native)) if (typeof call === 'function' && !/^[A-Z]/.test(name))
      native[name] = (...given) => {
        const answer = call(...given)
        calls += 1 + (answer?.names?.length ?? 0)
        return answer
      }
    const before = process.cpuUsage()
    let words = ''
    const request = requestFor('archive', ${JSON.stringify(join(folder, 'layer'))}, ${JSON.stringify({ lowers })})
    await unpack(request).catch((error) => { words = error.message })
    const seconds = process.cpuUsage(before).user / 1e6
    console.log(JSON.stringify({ words, memory: process.resourceUsage().maxRSS * 1024, calls, seconds }))`
  const { stdout, stderr, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  assert.equal(signal, null, 'it did not end')
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
  {
    name: 'a file of too many parts',
    parts: () => [sparse(600_000), archive()],
    words: /sparse: it has more than 500000 parts/,
  },
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

/** An empty file whose name may be long. */
const longNamed = (name: string) => Buffer.concat([gnuLong('L', name), file('x')])

/** As unpacking does it: Node's own way recurses once for each level, and runs out of stack. */
function removeTree(path: string): void {
  const parentFd = native.openat(AT_FDCWD, dirname(path), O_RDONLY | O_DIRECTORY, 0)
  const errno = removeUnpacked(parentFd, basename(path))
  native.close(parentFd)
  assert.equal(errno, 0)
}

async function costOfParts(parts: Iterable<Buffer>, hasLowers: boolean): Promise<Cost> {
  return inScratch(async (folder) => {
    await pipeline(Readable.from(parts), createWriteStream(join(folder, 'archive')))
    mkdirSync(join(folder, 'lower'))
    const cost = costOf(folder, hasLowers ? [join(folder, 'lower')] : undefined)
    removeTree(join(folder, 'layer'))
    assert.equal(cost.words, '')
    return cost
  })
}

describe('time grows with the number of entries', () => {
  const kinds: readonly (readonly [name: string, part: (i: number, count: number) => Buffer])[] = [
    ['whiteouts, then files, in one directory', (i, count) => file(i < count / 2 ? `d/.wh.w${i}` : `d/f${i}`)],
    ['each whiteout gives way to its file', (i) => file(i % 2 === 0 ? `d/.wh.f${i}` : `d/f${i - 1}`)],
    ['each file has a whiteout after it', (i) => file(i % 2 === 0 ? `d/f${i}` : `d/.wh.f${i - 1}`)],
    ['directories of whiteouts that give way to files', (i) => file(i % 2 === 0 ? `d${i}/.wh.x` : `d${i - 1}`)],
    ['directories that give way to files', (i) => file(i % 2 === 0 ? `d${i}/x` : `d${i - 1}`)],
    ['one file again and again', () => file('f', 'x')],
  ]
  for (const [name, part] of kinds)
    it(name, async () => {
      const costFor = (count: number) =>
        costOfParts(
          repeated(count, (i) => part(i, count)),
          true,
        )
      const small = await costFor(500)
      const large = await costFor(2000)
      // Four times where it is linear, sixteen times where it grows with the square.
      assert.ok(large.calls < small.calls * 5, `${small.calls} calls for 500, ${large.calls} for 2,000`)
      assert.ok(large.seconds < small.seconds * 8 + 0.5, `${small.seconds} s for 500, ${large.seconds} s for 2,000`)
    })
})

describe('an entry costs no more for lying deep', () => {
  const DEEP = 'd/'.repeat(1900)
  const ENTRIES = 100
  const kinds: readonly (readonly [name: string, part: (i: number) => Buffer, most: number])[] = [
    ['files', (i) => longNamed(`${DEEP}f${i}`), 15],
    ['whiteouts', (i) => longNamed(`${DEEP}.wh.f${i}`), 15],
    ['new directories', (i) => longNamed(`${DEEP}e${i}/f`), 40],
    ['files through a link', (i) => (i === 0 ? symlink('l', '.') : longNamed(`l/${DEEP}f${i}`)), 15],
    [
      'files between others, so that no directory on the way is open any more',
      (i) =>
        Buffer.concat([longNamed(`${DEEP}f${i}`), ...Array.from({ length: 64 }, (_each, j) => file(`o${j}/${i}`))]),
      1000,
    ],
  ]
  for (const [name, part, most] of kinds)
    it(name, async () => {
      const one = await costOfParts([longNamed(`${DEEP}f`), archive()], true)
      const all = await costOfParts(repeated(ENTRIES, part), true)
      const each = (all.calls - one.calls) / ENTRIES
      assert.ok(each < most, `${each} calls an entry`)
      assert.ok(all.seconds < one.seconds + 3, `${all.seconds} s, ${one.seconds} s for one`)
    })
})
