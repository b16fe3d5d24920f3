/**
 * Images as other programs write them, odd and right: what those read is read here. And files of a layout or an archive
 * that are no files: they are refused at once, and nobody waits for them.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { checkoutRoot } from '../../scripts/checkout.js'
import { type Descriptor, Layout, MediaType, type Platform } from '../../src/oci/image/layout.js'
import { archive, directory, file } from './archive.js'
import { inScratch, namesIn, unpackBytes } from './scratch.js'

const MAIN = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')
const DIGEST = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Runs a command in `folder`, for ten seconds at most. */
function run(folder: string, ...words: string[]) {
  const env = { ...process.env, STRATAFS_RUN_DIR: join(folder, 'run') }
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 10_000,
  })
  return { status, stdout, stderr }
}

/** An image of `tars` in FOLDER/img; its manifest's descriptor. */
function image(
  folder: string,
  tars: Buffer[],
  platform: Platform = { os: 'linux', architecture: 'amd64' },
): Descriptor {
  const layout = Layout.openOrCreate(join(folder, 'img'))
  const layers = tars.map((tar) => layout.putBlob(MediaType.LAYER, tar))
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) } as const
  const config = layout.putDocument(MediaType.CONFIG, { ...platform, config: {}, rootfs })
  return layout.putDocument(MediaType.MANIFEST, { schemaVersion: 2, mediaType: MediaType.MANIFEST, config, layers })
}

function index(folder: string, manifests: Descriptor[]): Descriptor {
  const layout = Layout.openOrCreate(join(folder, 'img'))
  return layout.putDocument(MediaType.INDEX, { schemaVersion: 2, mediaType: MediaType.INDEX, manifests })
}

function tag(folder: string, descriptor: Descriptor): void {
  Layout.open(join(folder, 'img')).tag('t', descriptor)
}

const one = (name: string) => [archive(directory('./'), file(name, 'x'))]

/** The file names in the one layer of img:t that `words` choose. */
function chosen(folder: string, ...words: string[]): string[] | string {
  const { status, stdout, stderr } = run(folder, 'image', 'unpack', 'img:t', 'store', '--json', ...words)
  return status === 0 ? namesIn(JSON.parse(stdout).layers[0].layer.path) : stderr
}

describe('an image for several platforms', () => {
  const amd64 = (variant?: string): Platform => ({
    os: 'linux',
    architecture: 'amd64',
    ...(variant === undefined ? {} : { variant }),
  })
  const entry = (folder: string, platform: Platform, name: string): Descriptor => ({
    ...image(folder, one(name), platform),
    platform,
  })
  it('the plain one is taken, wherever it stands; the best that fits where a variant is asked for', () =>
    inScratch((folder) => {
      const all = [amd64('v4'), amd64('v3'), amd64(), amd64('v2'), { os: 'linux', architecture: 'arm64' }]
      const names = ['v4', 'v3', 'plain', 'v2', 'arm64']
      tag(
        folder,
        index(
          folder,
          all.map((platform, i) => entry(folder, platform, names[i]!)),
        ),
      )
      assert.deepEqual(chosen(folder, '--platform', 'linux/amd64'), ['plain'])
      assert.deepEqual(chosen(folder, '--platform', 'linux/amd64/v3'), ['v3'])
      assert.deepEqual(chosen(folder, '--platform', 'linux/amd64/v1'), ['plain'])
      assert.deepEqual(chosen(folder, '--platform', 'linux/arm64'), ['arm64'])
      assert.match(chosen(folder, '--platform', 'linux/riscv64') as string, /no image for linux\/riscv64/)
      assert.match(chosen(folder, '--platform', 'linux') as string, /--platform linux: give it as/)
    }))
  it('a lower variant serves a higher one, never the other way round; without a word the lowest does', () =>
    inScratch((folder) => {
      tag(folder, index(folder, [entry(folder, amd64('v4'), 'v4'), entry(folder, amd64('v2'), 'v2')]))
      assert.deepEqual(chosen(folder, '--platform', 'linux/amd64/v3'), ['v2'])
      assert.match(chosen(folder, '--platform', 'linux/amd64/v1') as string, /no image for linux\/amd64\/v1/)
      assert.deepEqual(chosen(folder, '--platform', 'linux/amd64'), ['v2'])
    }))
  it('may be an index in an index; what the index does not say is in the config', () =>
    inScratch((folder) => {
      const inner = index(folder, [entry(folder, amd64('v3'), 'v3'), image(folder, one('plain'))])
      tag(folder, index(folder, [index(folder, [inner])]))
      assert.deepEqual(chosen(folder, '--platform', 'linux/amd64'), ['plain'])
    }))
  it('indexes that go on and on are refused', () =>
    inScratch((folder) => {
      let last = image(folder, one('f'))
      for (let i = 0; i < 12; i++) last = index(folder, [last])
      assert.throws(() => tag(folder, last), /through 8 indexes/)
    }))
  it('one image for another platform is not taken for the one that was asked for', () =>
    inScratch((folder) => {
      tag(folder, image(folder, one('f')))
      assert.match(chosen(folder, '--platform', 'linux/arm64') as string, /is for linux\/amd64, not linux\/arm64/)
    }))
})

describe('odd layers of real images', () => {
  it('a layer that is there twice is in lowerdir once, the upper one', () =>
    inScratch((folder) => {
      const [first, second] = [...one('a'), ...one('b')] as [Buffer, Buffer]
      tag(folder, image(folder, [first, second, first]))
      const { lowerdir, layers } = JSON.parse(run(folder, 'image', 'unpack', 'img:t', 'store', '--json').stdout)
      const [top, middle, bottom] = layers.map(({ layer }: { layer: object }) => layer)
      assert.equal(lowerdir, `${top.path}:${middle.path}`)
      assert.deepEqual(bottom, top)
    }))
  it('a layer of no bytes, compressed or not, is empty', () =>
    inScratch(async (folder) => {
      const nothing = Buffer.alloc(0)
      const packed = gzipSync(nothing)
      assert.equal((await unpackBytes(folder, nothing, { diffID: DIGEST(nothing) })).entries, 0)
      rmSync(join(folder, 'layer'), { recursive: true })
      assert.equal((await unpackBytes(folder, packed, { diffID: DIGEST(nothing) })).entries, 0)
      rmSync(join(folder, 'layer'), { recursive: true })
      await assert.rejects(unpackBytes(folder, nothing), /not a tar archive/)
    }))
  it('without padding and end mark, where its digest says that it is whole', () =>
    inScratch(async (folder) => {
      const bytes = file('f', 'hello').subarray(0, 512 + 5)
      await assert.rejects(unpackBytes(folder, bytes), /cut short: .* after f without an end mark.*--digest/)
      assert.equal((await unpackBytes(folder, bytes, { digest: DIGEST(bytes) })).entries, 1)
      rmSync(join(folder, 'layer'), { recursive: true })
      const short = bytes.subarray(0, 512 + 4)
      await assert.rejects(unpackBytes(folder, short, { digest: DIGEST(short) }), /cut short: it ends in f/)
    }))
})

describe('what is no regular file', () => {
  const fifo = (path: string) => execFileSync('mkfifo', [path])
  const places = ['index.json', 'oci-layout', 'manifest', 'config', 'layer'] as const
  const kinds: [string, (path: string) => void, RegExp][] = [
    ['a FIFO', fifo, /is a pipe or a device|bytes long, not/],
    ['an endless device', (path) => symlinkSync('/dev/zero', path), /is a pipe or a device|bytes long, not/],
    ['a directory', (path) => mkdirSync(path), /is a directory|bytes long, not/],
    ['an endless file', (path) => symlinkSync('/proc/self/mem', path), /cannot be|longer|gives more|bytes long, not/],
  ]
  for (const [kind, make, words] of kinds)
    for (const place of places)
      it(`${kind} as ${place}`, () =>
        inScratch((folder) => {
          const manifest = image(folder, one('f'))
          tag(folder, manifest)
          const blob = (digest: string) => join(folder, 'img/blobs/sha256', digest.slice(7))
          const document = JSON.parse(readFileSync(blob(manifest.digest), 'utf8'))
          const path = {
            'index.json': join(folder, 'img/index.json'),
            'oci-layout': join(folder, 'img/oci-layout'),
            manifest: blob(manifest.digest),
            config: blob(document.config.digest),
            layer: blob(document.layers[0].digest),
          }[place]
          rmSync(path)
          make(path)
          const { status, stderr } = run(folder, 'image', 'unpack', 'img:t', 'store')
          assert.equal(status, 1, `${status}: ${stderr}`)
          assert.match(stderr, words)
        }))
  it('is no archive either; a pipe goes to standard input', () =>
    inScratch((folder) => {
      fifo(join(folder, 'fifo'))
      for (const given of ['fifo', '/dev/zero']) {
        for (const words of [
          ['apply', given, 'layer'],
          ['image', 'import', given, 'img:t'],
        ]) {
          const { status, stderr } = run(folder, ...words)
          assert.equal(status, 1, stderr)
          assert.match(stderr, /is a pipe or a device: only a regular file can be an archive .*standard input/)
        }
      }
    }))
  it('documents of more than 4 MiB are not read', () =>
    inScratch((folder) => {
      tag(folder, image(folder, one('f')))
      writeFileSync(join(folder, 'img/index.json'), Buffer.alloc(5_000_000, ' '))
      assert.match(run(folder, 'image', 'list', 'img').stderr, /index\.json is 5000000 bytes long, too long/)
    }))
})
