/**
 * Unpacking as a whole: every compression, digests that fit or do not, streams that are cut, damaged or go on too long,
 * a pipe, and a process that is killed in the middle: what has the name is whole, and nothing else is left to be
 * believed.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { checkoutRoot } from '../../scripts/checkout.js'
import { LayerDir } from '../../src/layers/layer-dir.js'
import { defaultPrefix } from '../../src/layers/marks.js'
import { compressor, decompress } from '../../src/oci/encoding/compression.js'
import { KnownLayers } from '../../src/owner-index/layer-rows/known-layers.js'
import { LowerStack } from '../../src/stack/lower-stack.js'
import { archive, directory, file } from './archive.js'
import { inScratch, namesIn, snapshot, unpackBytes } from './scratch.js'

const MAIN = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')
const { compress: zstdCompress, Compressor } = createRequire(import.meta.url)('zstd-napi') as typeof import('zstd-napi')

const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 0xff))
const PLAIN = archive(directory('d/'), file('d/noise', noise), file('f', 'x'))
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size))
}

async function all(bytes: Buffer, size: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const piece of (await decompress(pieces(bytes, size))).content) parts.push(Buffer.from(piece))
  return Buffer.concat(parts)
}

describe('compression', () => {
  const packed = { none: PLAIN, gzip: gzipSync(PLAIN), zstd: zstdCompress(PLAIN) }
  for (const [kind, bytes] of Object.entries(packed)) {
    it(`${kind} is told by its bytes, undone in any pieces, and digests are of the right bytes`, () =>
      inScratch(async (folder) => {
        for (const size of [1, 1000, bytes.length]) {
          if (size > 1 || bytes.length < 10_000) assert.ok((await all(bytes, size)).equals(PLAIN))
        }
        const result = await unpackBytes(folder, bytes, { digest: digestOf(bytes), diffID: digestOf(PLAIN) })
        assert.deepEqual([result.compression, result.digest, result.diffID], [kind, digestOf(bytes), digestOf(PLAIN)])
        assert.deepEqual([result.size, result.bytes, result.entries], [bytes.length, 300_001, 3])
        assert.ok(readFileSync(join(folder, 'layer/d/noise')).equals(noise))
      }))
  }
  it('several members or frames are one stream', async () => {
    const half = PLAIN.length >> 1
    for (const pack of [gzipSync, (bytes: Buffer) => zstdCompress(bytes)]) {
      const bytes = Buffer.concat([pack(PLAIN.subarray(0, half)), pack(PLAIN.subarray(half))])
      assert.ok((await all(bytes, 777)).equals(PLAIN))
    }
  })
  it('a first byte that comes alone is waited on', async () => {
    assert.equal((await decompress(pieces(packed.gzip, 1))).compression, 'gzip')
    assert.equal((await decompress(pieces(packed.zstd, 1))).compression, 'zstd')
  })
  it('what the compressor writes is read, and is the same each time', async () => {
    for (const kind of ['gzip', 'zstd'] as const) {
      const once = await packedBy(kind)
      assert.ok((await all(once, 5000)).equals(PLAIN))
      assert.ok(once.equals(await packedBy(kind)))
    }
  })
  it('a few bytes that become gigabytes are handed out in pieces that stay small', async () => {
    const bomb = zstdCompress(Buffer.alloc(64 << 20))
    let largest = 0
    let total = 0
    for await (const piece of (await decompress(pieces(bomb, bomb.length))).content) {
      largest = Math.max(largest, piece.length)
      total += piece.length
    }
    assert.deepEqual([total, largest <= 256 * 1024], [64 << 20, true])
  })
})

async function packedBy(kind: 'gzip' | 'zstd'): Promise<Buffer> {
  const stream = compressor(kind)
  stream.end(PLAIN)
  return Buffer.concat(await stream.toArray())
}

describe('what does not fit is refused, with nothing left', () => {
  const gz = gzipSync(PLAIN)
  // With a checksum, as every program that writes layers has it; without one only the digest tells.
  const compress = new Compressor()
  compress.setParameters({ checksumFlag: true })
  const zst = compress.compress(PLAIN)
  const damaged = (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    for (let i = 0; i < 40; i++) copy[(copy.length >> 1) + i]! ^= 0xff
    return copy
  }
  const cases: readonly (readonly [name: string, bytes: Buffer, words: RegExp])[] = [
    ['gzip cut short', gz.subarray(0, gz.length - 100), /archive: the gzip stream is cut short/],
    ['gzip damaged', damaged(gz), /gzip stream is damaged|tar header|cut short/],
    ['gzip with something behind', Buffer.concat([gz, Buffer.from('rubbish')]), /incorrect header check/],
    ['gzip with zeros behind', Buffer.concat([gz, Buffer.alloc(100)]), /bytes that are not gzip follow/],
    ['zstd cut short', zst.subarray(0, zst.length - 5), /zstd stream is cut short/],
    ['zstd damaged', damaged(zst), /zstd stream is damaged|tar header|cut short/],
    ['zstd with something behind', Buffer.concat([zst, Buffer.from('rubbish')]), /zstd stream is damaged/],
    ['xz', Buffer.concat([Buffer.from('fd377a585a00', 'hex'), PLAIN]), /compressed with xz/],
    ['bzip2', Buffer.concat([Buffer.from('BZh9'), PLAIN]), /compressed with bzip2/],
    ['a tar cut in a file', PLAIN.subarray(0, 2000), /cut short: it ends in d\/noise/],
    ['a tar with something behind', Buffer.concat([PLAIN, Buffer.from('x')]), /bytes after its end mark/],
    ['nothing', Buffer.alloc(0), /not a tar archive/],
  ]
  for (const [name, bytes, words] of cases) {
    it(name, () =>
      inScratch(async (folder) => {
        await assert.rejects(unpackBytes(folder, bytes), { name: 'StratafsError', message: words })
        assert.deepEqual(namesIn(folder), ['archive'])
      }),
    )
  }
  it('another digest, another diffID, and what is no digest', () =>
    inScratch(async (folder) => {
      const wrong = digestOf(Buffer.from('x'))
      await assert.rejects(unpackBytes(folder, gz, { digest: wrong }), /digest is sha256:.* not sha256:2d7/)
      await assert.rejects(unpackBytes(folder, gz, { digest: digestOf(gz), diffID: wrong }), /diffID is sha256:/)
      await assert.rejects(unpackBytes(folder, gz, { digest: 'sha256:../../x' }), /only sha256:/)
      assert.deepEqual(namesIn(folder), ['archive'])
    }))
  it('no end mark is borne where the digest says that it is whole', () =>
    inScratch(async (folder) => {
      const bytes = PLAIN.subarray(0, PLAIN.length - 1024)
      await assert.rejects(unpackBytes(folder, bytes), /cut short: it ends after f without an end mark/)
      assert.equal((await unpackBytes(folder, bytes, { digest: digestOf(bytes) })).entries, 3)
    }))
})

/** The command, and what it said on standard error. */
function start(args: readonly string[], folder: string): { child: ChildProcess; said: () => string } {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
  let text = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  child.stdin!.on('error', () => {})
  return { child, said: () => text }
}

/** Feeds the beginning of an archive that never ends, until something of it is there. */
async function unpackingHalf(folder: string) {
  const running = start(['apply', '-', 'layer'], folder)
  running.child.stdin!.write(Buffer.concat([directory('d/'), file('d/first', 'x'.repeat(100_000)), directory('e/')]))
  for (let i = 0; i < 200; i++) {
    const work = namesIn(folder).find((name) => name.startsWith('.layer.unpacking.'))
    if (work !== undefined && existsSync(join(folder, work, 'e'))) return { ...running, work }
    await sleep(25)
  }
  throw new Error(`it did not begin: ${running.said()}`)
}

describe('the command', () => {
  it('reads a pipe, and tells what came of it as JSON', () =>
    inScratch((folder) => {
      const gz = gzipSync(PLAIN)
      const output = execFileSync(process.execPath, [MAIN, 'apply', '--json', '--volatile', '-', 'layer'], {
        cwd: folder,
        input: gz,
        encoding: 'utf8',
      })
      const { directory: path, digest, diffID, entries, compression } = JSON.parse(output)
      assert.deepEqual(
        [path, digest, diffID, entries, compression],
        [join(folder, 'layer'), digestOf(gz), digestOf(PLAIN), 3, 'gzip'],
      )
      mkdirSync(join(folder, 'other'))
      writeFileSync(join(folder, 'plain.tar'), PLAIN)
      execFileSync(process.execPath, [MAIN, 'apply', '--volatile', 'plain.tar', 'other'], {
        cwd: folder,
        stdio: 'pipe',
      })
      assert.deepEqual(
        snapshot(join(folder, 'other'), { root: false }),
        snapshot(join(folder, 'layer'), { root: false }),
      )
    }))
  it('killed in the middle it leaves nothing that has the name, and the next one sweeps and succeeds', () =>
    inScratch(async (folder) => {
      const { child, work } = await unpackingHalf(folder)
      child.kill('SIGKILL')
      await once(child, 'exit')
      assert.deepEqual(namesIn(folder), [work])
      await unpackBytes(folder, PLAIN)
      assert.deepEqual(namesIn(folder), ['archive', 'layer'])
      assert.deepEqual(namesIn(join(folder, 'layer')), ['d', 'f'])
    }))
  it('leaves alone what another one is still unpacking', () =>
    inScratch(async (folder) => {
      const { child, work } = await unpackingHalf(folder)
      await unpackBytes(folder, PLAIN)
      assert.ok(namesIn(folder).includes(work))
      child.stdin!.end(Buffer.alloc(1024))
      const [code] = await once(child, 'exit')
      assert.equal(code, 1)
      assert.deepEqual(namesIn(join(folder, 'layer')), ['d', 'f'])
      assert.deepEqual(namesIn(folder), ['archive', 'layer'])
    }))
  it('ended by a signal it cleans up, though the pipe stays open', () =>
    inScratch(async (folder) => {
      const { child, said } = await unpackingHalf(folder)
      child.kill('SIGTERM')
      const [code] = await once(child, 'exit')
      assert.deepEqual([code, namesIn(folder)], [143, []], said())
      child.stdin!.destroy()
    }))
  it('a refusal does not wait for the rest of the pipe', () =>
    inScratch(async (folder) => {
      const { child, said } = await unpackingHalf(folder)
      child.stdin!.write(file('../x', 'bad'))
      const [code] = await once(child, 'exit')
      assert.deepEqual([code, namesIn(folder)], [1, []])
      assert.match(said(), /^stratafs: standard input: \.\.\/x: its name leads out/)
      child.stdin!.destroy()
    }))
  it('says what is wrong with its arguments', () =>
    inScratch((folder) => {
      const refused = (args: string[], words: RegExp) =>
        assert.throws(() => execFileSync(process.execPath, [MAIN, 'apply', ...args], { cwd: folder, stdio: 'pipe' }), {
          message: words,
        })
      refused(['missing.tar', 'layer'], /missing\.tar does not exist: name an archive/)
      refused([MAIN, 'no/such/layer'], /no\/such does not exist: make it first/)
      refused([MAIN, 'layer', '--max-size', 'much'], /--max-size much: give a number of bytes/)
    }))
})

describe('rows for the index of every mount over a layer', () => {
  async function knownOf(folder: string, bytes: Buffer): Promise<{ known: KnownLayers; stack: LowerStack }> {
    process.env.STRATAFS_STACKS = join(folder, 'stacks')
    await unpackBytes(folder, bytes)
    const stack = LowerStack.open({ lowers: [join(folder, 'layer')], prefix: defaultPrefix(null), redirectDir: 'on' })
    assert.ok(stack instanceof LowerStack)
    return { stack, known: new KnownLayers(stack, false, (words) => assert.fail(words)) }
  }
  const stacks = process.env.STRATAFS_STACKS
  afterEach(() => {
    if (stacks === undefined) delete process.env.STRATAFS_STACKS
    else process.env.STRATAFS_STACKS = stacks
  })
  const inside = (dir: LayerDir, name: string) => new LayerDir(dir.layer, dir, name)

  it('are there when it has its name, and believed at once', () =>
    inScratch(async (folder) => {
      const { known, stack } = await knownOf(folder, archive(directory('a/b/'), file('a/b/f', 'x'), file('a/g', '')))
      const a = inside(stack.lowers[0]!.root, 'a')
      const listed = [a, inside(a, 'b')].map((dir) => known.listing(dir)?.listing.names)
      assert.deepEqual(
        listed.map((names) => [...(names ?? [])].sort()),
        [['b', 'g'], ['f']],
      )
      assert.ok(known.isPlain(a))
      known.close()
      stack.close()
    }))
  it('are not, where something was changed since, however soon', () =>
    inScratch(async (folder) => {
      const { known, stack } = await knownOf(folder, archive(file('a/g', ''), file('b/g', '')))
      writeFileSync(join(folder, 'layer/a/new'), '')
      const { root } = stack.lowers[0]!
      assert.deepEqual([known.listing(inside(root, 'a')), known.holds(inside(root, 'b'))], [null, true])
      known.close()
      stack.close()
    }))
  it('may be impossible to make: the layer is unpacked all the same', () =>
    inScratch(async (folder) => {
      process.env.STRATAFS_STACKS = '/proc/none'
      assert.equal((await unpackBytes(folder, PLAIN)).entries, 3)
    }))
})
