/**
 * Directories that others keep images in: podman's and containerd's, made by hand as those write them. They are read
 * and never written, also where they are damaged.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { Explorer } from '../../src/explore/explorer.js'
import type { ImageView, Overview, Tree } from '../../src/explore/views/types.js'
import { makeLayout } from './images.js'

let folder = ''
let layout = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-stores-'))
  layout = makeLayout(join(folder, 'layout'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

async function looking<T>(name: string, look: (explorer: Explorer) => T): Promise<T> {
  const explorer = await Explorer.open({ name })
  try {
    await explorer.filling.read
    return look(explorer)
  } finally {
    await explorer.close()
  }
}

/** A bucket as bbolt writes a small one: a leaf page in its parent's value. */
type Bucket = { readonly [key: string]: Bucket | string }

function leaf(items: Bucket): Buffer {
  const entries = Object.entries(items).sort(([a], [b]) => (a < b ? -1 : 1))
  const head = Buffer.alloc(16 + 16 * entries.length)
  head.writeUInt16LE(2, 8)
  head.writeUInt16LE(entries.length, 10)
  const data: Buffer[] = []
  let at = head.length
  for (const [i, [key, value]] of entries.entries()) {
    const isBucket = typeof value !== 'string'
    const bytes = isBucket ? Buffer.concat([Buffer.alloc(16), leaf(value)]) : Buffer.from(value, 'latin1')
    const place = 16 + i * 16
    head.writeUInt32LE(isBucket ? 1 : 0, place)
    head.writeUInt32LE(at - place, place + 4)
    head.writeUInt32LE(key.length, place + 8)
    head.writeUInt32LE(bytes.length, place + 12)
    data.push(Buffer.from(key), bytes)
    at += key.length + bytes.length
  }
  return Buffer.concat([head, ...data])
}

function database(items: Bucket): Buffer {
  const pageSize = 4096
  const page = (fill: (page: Buffer) => void) => {
    const bytes = Buffer.alloc(pageSize)
    fill(bytes)
    return bytes
  }
  const meta = (transaction: number, root: number) =>
    page((bytes) => {
      bytes.writeUInt16LE(4, 8)
      bytes.writeUInt32LE(0xed0cdaed, 16)
      bytes.writeUInt32LE(2, 20)
      bytes.writeUInt32LE(pageSize, 24)
      bytes.writeBigUInt64LE(BigInt(root), 32)
      bytes.writeBigUInt64LE(BigInt(transaction), 64)
    })
  // The older head leads to a page that is no leaf.
  return Buffer.concat([meta(4, 2), meta(5, 3), page(() => {}), page((bytes) => leaf(items).copy(bytes))])
}

function makeContainerd(root: string, names: readonly string[]): void {
  const content = join(root, 'io.containerd.content.v1.content/blobs')
  mkdirSync(dirname(content), { recursive: true })
  cpSync(join(layout, 'blobs'), content, { recursive: true })
  const [{ digest, mediaType }] = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests
  const target = { target: { digest, mediatype: mediaType, size: '\x04' } }
  const images = Object.fromEntries(names.map((name) => [name, target]))
  mkdirSync(join(root, 'io.containerd.metadata.v1.bolt'))
  const path = join(root, 'io.containerd.metadata.v1.bolt/meta.db')
  writeFileSync(path, database({ v1: { version: '\x01', default: { images }, other: {} } }))
}

test('containerd: images by the names in its database', async () => {
  const root = join(folder, 'containerd')
  makeContainerd(root, ['docker.io/library/app:1', 'docker.io/library/app:2'])
  const overview = await looking(`${root}:app:2`, (explorer) => explorer.view('overview') as Overview)
  assert.equal(overview.title, `${root}:docker.io/library/app:2`)
  assert.deepEqual(overview.layers[1]!.shared, ['docker.io/library/app:1'])
  await assert.rejects(
    looking(root, () => {}),
    /holds 2 images: name one as .*docker\.io\/library\/app:1/,
  )
})

test('containerd: a database that is damaged is an error, however it is', async () => {
  const root = join(folder, 'damaged')
  makeContainerd(root, ['app'])
  const path = join(root, 'io.containerd.metadata.v1.bolt/meta.db')
  const whole = readFileSync(path)
  for (const cut of [0, 20, 100, 4096, 8192, 12_288 + 8]) {
    writeFileSync(path, whole.subarray(0, cut))
    await assert.rejects(
      looking(`${root}:app`, () => {}),
      /meta\.db (is|cannot)|damaged|no database/,
      `${cut}`,
    )
  }
  for (let at = 12_288; at < 12_288 + 200; at += 3) {
    const bytes = Buffer.from(whole)
    bytes[at] = 0xff
    writeFileSync(path, bytes)
    await looking(`${root}:app`, () => {}).catch((error: Error) =>
      assert.equal(error.name, 'StratafsError', error.stack),
    )
  }
})

test('containers-storage: an image, and a container with what it wrote', async () => {
  const root = join(folder, 'storage')
  const put = (path: string, content: string | object) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  const id = 'ab'.repeat(32)
  put('overlay-images/images.json', [{ id, names: ['localhost/app:latest'], layer: 'b1' }])
  put(`overlay-images/${id}/=${Buffer.from(`sha256:${id}`).toString('base64')}`, {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: ['sha256:1', 'sha256:2'] },
    history: [{ created_by: 'ADD base' }, { created_by: 'ENV A=1', empty_layer: true }, { created_by: 'RUN second' }],
  })
  put('overlay-layers/layers.json', [{ id: 'a1' }, { id: 'b1', parent: 'a1' }, { id: 'c1', parent: 'b1' }])
  put('overlay-containers/containers.json', [{ id: 'cd'.repeat(32), names: ['box'], image: id, layer: 'c1' }])
  put('overlay/a1/diff/etc/conf', 'one\n')
  put('overlay/b1/diff/etc/conf', 'two\n')
  put('overlay/c1/diff/etc/new', 'written\n')
  const image = await looking(`${root}:app`, (explorer) => explorer.view('overview') as Overview)
  assert.deepEqual(
    image.layers.map(({ label, command }) => [label, command]),
    [
      ['layer 1/2', 'ADD base'],
      ['layer 2/2', 'RUN second'],
    ],
  )
  await looking(`${root}:box`, (explorer) => {
    const { rows } = explorer.view('tree?path=/etc') as Tree
    assert.deepEqual(
      rows.map(({ name, layer }) => [name, layer]),
      [
        ['conf', 1],
        ['new', 2],
      ],
    )
    assert.deepEqual((explorer.view('image') as ImageView).history[1]!.layer, null)
  })
  await assert.rejects(
    looking(`${root}:none`, () => {}),
    /name an image or container as STORE:NAME; there are/,
  )
  put('overlay-layers/layers.json', [{ id: 'b1', parent: 'a1' }])
  await assert.rejects(
    looking(`${root}:app`, () => {}),
    /layer a1 is missing/,
  )
  put('overlay-layers/layers.json', 'no JSON')
  await assert.rejects(
    looking(`${root}:app`, () => {}),
    /layers\.json is not JSON/,
  )
})

test('what is none of these is said, with what there is to name', async () => {
  const plain = join(folder, 'plain')
  mkdirSync(plain)
  await assert.rejects(
    looking(plain, () => {}),
    /is no mount, image, or archive: name a mounted directory/,
  )
  writeFileSync(join(plain, 'text'), 'no tar\n'.repeat(200))
  await assert.rejects(
    looking(join(plain, 'text'), () => {}),
    /not a tar archive/,
  )
  assert.equal(spawnSync('mkfifo', [join(plain, 'fifo')]).status, 0)
  await assert.rejects(
    looking(join(plain, 'fifo'), () => {}),
    /is no mount, image, or archive/,
  )
})
