/**
 * What an image shows and carries, read from its layers without unpacking: compared with a mount of the same image
 * through the kernel's eyes, with figures that were counted by hand, and with dive's formula where the two differ.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { diffImages, type ImageChange, imageTree } from '../../src/library/image-contents.js'
import { countImages, filterImages, inspectImage, listImages } from '../../src/library/image-documents.js'
import { imageWaste } from '../../src/library/image-waste.js'
import { Layout, MediaType } from '../../src/oci/image/layout.js'
import { needsRoot, workspace } from '../daemon/harness.js'
import { archive, directory, file, hardLink, header, padded, pax, symlink } from './archive.js'
import { inScratch } from './scratch.js'

/** Puts an image of these layers into FOLDER/img; each step says what it did. */
function makeImage(folder: string, tag: string, layers: readonly Buffer[], created = '2026-01-01T00:00:00Z'): void {
  const layout = Layout.openOrCreate(join(folder, 'img'))
  const descriptors = layers.map((bytes) => layout.putBlob(`${MediaType.LAYER}+gzip`, gzipSync(bytes)))
  const diff_ids = layers.map((bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
  const history = layers.flatMap((_, i) => [
    { created_by: `/bin/sh -c #(nop)  ENV A=${i}`, empty_layer: true },
    { created_by: `/bin/sh -c step ${i + 1}` },
  ])
  const rest = {
    history,
    config: { Labels: { layers: `${layers.length}` } },
    rootfs: { type: 'layers', diff_ids } as const,
  }
  layout.putImage(
    tag,
    { schemaVersion: 2, layers: descriptors },
    { created, architecture: 'amd64', os: 'linux', ...rest },
  )
}

const told = (changes: readonly ImageChange[]) =>
  changes.map(({ change, path, what = [] }) => `${change} ${path}${what.length === 0 ? '' : ` (${what.join('; ')})`}`)

const opaque = (path: string) => file(`${path}.wh..wh..opq`)
const whiteout = (parent: string, name: string) => file(`${parent}.wh.${name}`)

/** Layers with everything that makes it hard to say what is there in the end. */
const BASE = archive(
  directory('./', { mode: 0o711 }),
  directory('etc/'),
  file('etc/a', 'base a'),
  file('etc/b', 'base b'),
  directory('lib/', { uid: 7 }),
  file('lib/one', 'x'.repeat(1000)),
  hardLink('lib/two', 'lib/one'),
  directory('gone/'),
  directory('gone/deep/'),
  file('gone/deep/file', 'y'.repeat(300)),
  directory('opaque/'),
  file('opaque/below', 'hidden'),
  directory('becomes-file/'),
  file('becomes-file/inner', 'i'),
  file('becomes-directory', 'f'),
  symlink('link', 'etc'),
  header({ name: 'null', flag: '3', major: 1, minor: 3 }),
  header({ name: 'pipe', flag: '6' }),
  pax([['SCHILY.xattr.user.note', 'kept']]),
  file('noted', 'n'),
)
const MIDDLE = archive(
  file('loose/in/implied', 'implied'),
  whiteout('', 'gone'),
  directory('opaque/'),
  file('opaque/above', 'shown'),
  opaque('opaque/'),
  file('becomes-file', 'now a file'),
  directory('becomes-directory/'),
  file('becomes-directory/new', 'now in a directory'),
  whiteout('lib/', 'one'),
  file('twice', 'first'),
  file('twice', 'second'),
)
const TOP = archive(
  directory('real/'),
  symlink('way', 'real'),
  file('way/through', 'through a link of the layer'),
  file('etc/a', 'top a', { mode: 0o600 }),
  file('gone', 'back as a file'),
  whiteout('etc/', 'b'),
  whiteout('', 'never-there'),
)

test('what the layers show is what a mount of them shows', needsRoot, async (t) => {
  const w = workspace(t)
  makeImage(w.root, 'app', [BASE, MIDDLE, TOP])
  makeImage(w.root, 'base', [BASE])
  const mounted = w.run('image', 'mount', '--store', 'store', 'img:app', 'merged')
  assert.equal(mounted.status, 0, mounted.stderr)
  const app = join(w.root, 'img:app')
  assert.deepEqual(told(await diffImages(app, w.merged)), [])

  writeFileSync(join(w.merged, 'etc/a'), 'other')
  rmSync(join(w.merged, 'lib'), { recursive: true })
  writeFileSync(join(w.merged, 'noted'), 'N')
  spawnSync('setfattr', ['-n', 'user.note', '-v', 'changed', join(w.merged, 'loose/in/implied')])
  assert.deepEqual(told(await diffImages(app, w.merged)), [
    'C /etc',
    'C /etc/a (content)',
    'D /lib',
    'C /loose',
    'C /loose/in',
    'C /loose/in/implied (attributes)',
    'C /noted (content)',
  ])
  const printed = w.run('image', 'diff', 'img:app', 'merged')
  assert.match(printed.stdout, /^C {2}directory {7}0 B {2}\/etc\nC {2}file {12}5 B {2}\/etc\/a {2}\(content\)\nD /)
  assert.match(printed.stdout, /\nD {2}directory {6}1 kB {2}\/lib {2}\(1 file\)\n/)
  assert.match(printed.stdout, /\n3 changed, 1 deleted; files are 1 kB less\n$/)
  assert.equal(w.run('image', 'diff', 'img:app', 'merged', '--exit-code').status, 1)
  assert.equal(w.run('image', 'diff', 'img:app', 'img:app', '--exit-code').stdout, 'no difference\n')
  // Where they lie is told as docker does.
  const { GraphDriver } = await inspectImage(app, { store: join(w.root, 'store') })
  assert.ok(existsSync(GraphDriver.Data!.UpperDir))
  assert.equal(GraphDriver.Data!.LowerDir.split(':').length, 2)
  const format = '{{.GraphDriver.Data.UpperDir}} {{.RepoTags}} {{len .RootFS.Layers}} {{slice .Id 0 7}}'
  assert.equal(
    w.run('image', 'inspect', 'img:app', '--store', 'store', '--format', format).stdout,
    `${GraphDriver.Data!.UpperDir} [img:app] 3 sha256:\n`,
  )
})

test('two images, a layer, and a layer’s archive', () =>
  inScratch(async (folder) => {
    makeImage(folder, 'base', [BASE])
    makeImage(folder, 'app', [BASE, MIDDLE])
    const expected = [
      'C /becomes-directory (was a file)',
      'A /becomes-directory/new',
      'C /becomes-file (was a directory)',
      'D /gone',
      'C /lib',
      'D /lib/one',
      'A /loose',
      'A /loose/in',
      'A /loose/in/implied',
      'C /opaque',
      'A /opaque/above',
      'D /opaque/below',
      'A /twice',
    ]
    const [base, app] = [join(folder, 'img:base'), join(folder, 'img:app')]
    const withoutRoot = (changes: readonly ImageChange[]) => told(changes).filter((line) => !/^C \/ /.test(line))
    const changes = await diffImages(base, app)
    assert.deepEqual(withoutRoot(changes), expected)
    assert.deepEqual(
      changes.find(({ path }) => path === '/gone'),
      { change: 'D', path: '/gone', kind: 'directory', size: 300, files: 1 },
    )
    assert.deepEqual(withoutRoot(await diffImages(app, { layer: 2 })), expected)
    writeFileSync(join(folder, 'layer.tar.gz'), gzipSync(MIDDLE))
    assert.deepEqual(withoutRoot(await diffImages(base, join(folder, 'layer.tar.gz'))), expected)
    const back = told(await diffImages(app, base))
    assert.ok(
      back.includes('A /gone/deep/file') && back.includes('D /twice') && back.includes('C /becomes-file (was a file)'),
    )
    await assert.rejects(diffImages(app, { layer: 3 }), /there is no layer 3: give a number from 1 to 2/)
    await assert.rejects(diffImages(app, join(folder, 'nothing')), { code: 'NOT_FOUND' })
    // A file of zeros that was stored with a hole is the same file.
    const zeros = Buffer.alloc(4096)
    const sparse = pax([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'z'],
      ['GNU.sparse.realsize', '4096'],
    ])
    const map = padded('1\n4096\n0\n')
    makeImage(folder, 'plain', [archive(file('z', zeros))])
    makeImage(folder, 'holes', [archive(sparse, header({ name: 'z', size: map.length }), map)])
    assert.deepEqual(told(await diffImages(join(folder, 'img:plain'), join(folder, 'img:holes'))), [])
  }))

/** dive's score (filetree/efficiency.go), for layers that are lists of path and size; null is a deleted file. */
function diveScore(layers: readonly (readonly [path: string, size: number | null][])[]): number {
  const paths = new Map<string, number[]>()
  for (const layer of layers) for (const [path, size] of layer) paths.set(path, [...(paths.get(path) ?? []), size ?? 0])
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, each) => total + each, 0)
  return sum([...paths.values()].map((sizes) => Math.min(...sizes))) / sum([...paths.values()].map(sum))
}

test('waste: deleted, overwritten, repeated, only attributes; hard links while one name is left', () =>
  inScratch(async (folder) => {
    const kilo = (letter: string, count: number) => letter.repeat(count * 1000)
    const one = archive(
      directory('cache/'),
      file('cache/a', kilo('a', 300)),
      file('cache/b', kilo('b', 100)),
      file('grows', kilo('g', 10)),
      file('same', kilo('s', 50)),
      file('owned', kilo('o', 20)),
      file('linked', kilo('l', 40)),
      hardLink('other-name', 'linked'),
    )
    const two = archive(
      whiteout('', 'cache'),
      file('grows', kilo('G', 90)),
      file('same', kilo('s', 50)),
      file('owned', kilo('o', 20), { uid: 1000 }),
      whiteout('', 'linked'),
    )
    const three = archive(whiteout('', 'other-name'), file('late', 'l'), file('late', 'L'))
    makeImage(folder, 'app', [one, two])
    makeImage(folder, 'more', [one, two, three])
    const { efficiency, bytes, wasted, layers, paths, fixes } = await imageWaste(join(folder, 'img:app'))
    assert.deepEqual([bytes, wasted], [680_000, 480_000])
    assert.equal(efficiency, 200 / 680)
    assert.deepEqual(
      paths.map(({ path, how, bytes: each, files, layer, by }) => [path, how, each, files, layer, by]),
      [
        ['/cache', 'deleted', 400_000, 2, 1, 2],
        ['/same', 'repeated', 50_000, 1, 1, 2],
        ['/owned', 'attributes', 20_000, 1, 1, 2],
        ['/grows', 'overwritten', 10_000, 1, 1, 2],
      ],
    )
    assert.deepEqual(
      layers.map(({ createdBy, files, hidden, hides }) => [createdBy, files, hidden, hides]),
      [
        ['RUN step 1', 6, 480_000, 0],
        ['RUN step 2', 3, 0, 480_000],
      ],
    )
    assert.match(fixes[0]!.advice, /^delete in the step of layer 1 what layer 2 deletes/)
    assert.match(fixes[2]!.advice, /COPY --chown, --chmod/)
    assert.ok(fixes.every(({ compressed }) => compressed > 0 && compressed < 5000))

    // dive: a deleted directory costs nothing, a file that grows costs what it became, one file of two names is whole.
    const asDive = diveScore([
      [
        ['cache/a', 300],
        ['cache/b', 100],
        ['grows', 10],
        ['same', 50],
        ['owned', 20],
        ['linked', 40],
        ['other-name', 0],
      ],
      [
        ['cache', 400],
        ['grows', 90],
        ['same', 50],
        ['owned', 20],
        ['linked', null],
      ],
    ])
    assert.ok(Math.abs(asDive - 880 / 1080) < 1e-9)

    const more = await imageWaste(join(folder, 'img:more'))
    assert.equal(more.wasted, 480_000 + 40_000 + 1)
    assert.deepEqual(
      more.paths.filter(({ by }) => by === 3).map(({ path, how, layer }) => [path, how, layer]),
      [
        ['/other-name', 'deleted', 1],
        ['/late', 'overwritten', 3],
      ],
    )
  }))

test('sizes unpacked are counted once, and kept in the layout', () =>
  inScratch(async (folder) => {
    makeImage(folder, 'app', [BASE, MIDDLE], '2026-01-02T00:00:00Z')
    makeImage(folder, 'localhost/lib:1', [BASE], '2026-01-03T00:00:00Z')
    const images = join(folder, 'img')
    const sizes = async () => (await listImages(images)).map(({ uncompressed }) => uncompressed)
    assert.deepEqual(await sizes(), [null, null])
    let read = 0
    const progress = () => read++
    assert.equal(await countImages(images, { progress }), true)
    // "base a", "base b", 1000, 300, "hidden", i, f, n; the second layer's on top.
    const base = 6 + 6 + 1000 + 300 + 6 + 3
    const middle = 7 + 5 + 10 + 18 + 5 + 6
    assert.deepEqual(await sizes(), [base + middle, base])
    const before = read
    assert.ok(before > 0)
    await countImages(images, { progress })
    assert.equal(read, before, 'nothing was read again')
    const kept = JSON.parse(readFileSync(join(images, '.stratafs-sizes.json'), 'utf8')) as Record<string, number>
    assert.deepEqual(Object.values(kept).sort(), [base, middle].sort())
    // What somebody else wrote there is not believed where it is no size.
    writeFileSync(join(images, '.stratafs-sizes.json'), JSON.stringify({ ...kept, x: 1, [Object.keys(kept)[0]!]: -5 }))
    assert.equal((await sizes()).filter((size) => size === null).length > 0, true)
    const tags = (...filters: string[]) =>
      listImages(images).then((all) => filterImages(all, filters).map(({ tag }) => tag))
    assert.deepEqual(await tags(), ['localhost/lib:1', 'app'], 'the newest first')
    assert.deepEqual(await tags('before=localhost/lib:1'), ['app'])
    assert.deepEqual(await tags('since=img:app'), ['localhost/lib:1'])
    assert.deepEqual(await tags('label=layers=2'), ['app'])
    assert.deepEqual(await tags('label=layers', 'label=none'), [])
    assert.deepEqual(await tags('reference=*/lib'), ['localhost/lib:1'])
    assert.deepEqual(await tags('reference=img:a?p', 'reference=none'), ['app'])
    assert.deepEqual(await tags('dangling=true'), [])
    assert.deepEqual(await tags('until=2026-01-02T12:00:00Z'), ['app'])
    for (const wrong of ['layer=2', 'dangling=maybe', 'label', 'until=soon'])
      await assert.rejects(tags(wrong), { code: 'INVALID_ARGUMENT' }, wrong)
    await assert.rejects(tags('since=none'), { code: 'NOT_FOUND' })
  }))

test('images as a tree of shared layers', () =>
  inScratch(async (folder) => {
    makeImage(folder, 'base', [BASE])
    makeImage(folder, 'app', [BASE, MIDDLE])
    makeImage(folder, 'same', [BASE, MIDDLE], '2026-02-02T00:00:00Z')
    makeImage(folder, 'alone', [TOP])
    const { layers, faults } = await imageTree(join(folder, 'img'))
    assert.deepEqual(faults, [])
    assert.deepEqual(
      layers.map(({ images, children }) => [images, children.map((child) => child.images)]),
      [
        [['base'], [['app', 'same']]],
        [['alone'], []],
      ],
    )
  }))

test('a layer that is damaged is named, and nothing is told of it', () =>
  inScratch(async (folder) => {
    makeImage(folder, 'app', [BASE, MIDDLE])
    const blob = Layout.open(join(folder, 'img')).image('app').manifest.layers[1]!
    const path = join(folder, 'img/blobs/sha256', blob.digest.slice(7))
    const bytes = readFileSync(path)
    bytes[bytes.length - 20]! ^= 1
    writeFileSync(path, bytes)
    const words = { code: 'DAMAGED', message: new RegExp(`^layer 2 of 2 \\(${blob.digest}\\): `) }
    await assert.rejects(imageWaste(join(folder, 'img:app')), words)
    await assert.rejects(diffImages(join(folder, 'img:app'), { layer: 2 }), words)
    truncateSync(path, 10)
    await assert.rejects(imageWaste(join(folder, 'img:app')), words)
    assert.equal(await countImages(join(folder, 'img')), true)
    assert.deepEqual(
      (await listImages(join(folder, 'img'))).map(({ uncompressed }) => uncompressed),
      [null],
    )
  }))
