/**
 * The explorer's answers: what shows and what hides it, sums, waste, contents, in every form that an image comes in;
 * and that they are what the union itself says of the same layers.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { checkImage } from '../../src/explore/check.js'
import { Explorer } from '../../src/explore/explorer.js'
import { Query } from '../../src/explore/views/query.js'
import type { FileView, MapView, Overview, Search, Waste } from '../../src/explore/views/types.js'
import { unpackImage } from '../../src/library/image-store.js'
import { listOwners } from '../../src/library/owners.js'
import { MAIN } from '../daemon/harness.js'
import { exploring, rowsOf } from './exploring.js'
import { BIG, makeDockerArchive, makeLayout, makeOciArchive, TOOL } from './images.js'

const LIB = 50_000
const CACHE = 5_000
const TEXTS = 'one\ntwo\nthree\n'.length + 'hello\n'.length + 'a file\n'.length
const WASTED = BIG + TOOL + LIB + CACHE + TEXTS

let folder = ''
let layout = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-test-'))
  layout = makeLayout(join(folder, 'layout'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const app = <T>(work: (explorer: Explorer) => Promise<T> | T) => exploring({ name: `${layout}:app` }, work)

async function textOf(explorer: Explorer, words: string): Promise<string> {
  const content = explorer.content(Query.parse(`content?${words}`))
  const pieces: Buffer[] = []
  for await (const piece of content.bytes(0, content.size)) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces).toString('utf8')
}

test('the stack: sizes, commands, ages, and with whom a layer is shared', async () => {
  const overview = await app((explorer) => explorer.view('overview') as Overview)
  assert.deepEqual(
    overview.layers.map(({ command, shared, wasted }) => [command, shared, wasted]),
    [
      ['ADD file:1 in /', ['base'], TOOL + LIB + CACHE + TEXTS],
      ['RUN make install', [], BIG],
      ['RUN rm -rf /opt/big.bin /usr/lib', [], 0],
    ],
  )
  assert.equal(overview.wasted, WASTED)
  assert.equal(overview.visible, overview.bytes - WASTED)
})

test('the tree: owners, and ghosts that say which layer hides them and how', async () => {
  await app((explorer) => {
    const root = rowsOf(explorer, 'path=/')
    assert.deepEqual(Object.keys(root), ['bin', 'caf\u00e9 <b>', 'etc', 'opt', 'plain', 'usr', 'var'])
    assert.deepEqual([root.plain!.kind, root.plain!.layer, root.plain!.ghost], ['directory', 2, null])
    assert.deepEqual(root.usr!.layers, [2, 0])
    assert.deepEqual(rowsOf(explorer, 'path=/etc').motd!.ghost, { by: 2, why: 'deleted' })
    assert.deepEqual(rowsOf(explorer, 'path=/usr').lib!.ghost, { by: 2, why: 'deleted' })
    assert.deepEqual(rowsOf(explorer, 'path=/usr/lib')['a.so']!.ghost, { by: 2, why: 'parent-deleted' })
    assert.deepEqual(rowsOf(explorer, 'path=/var/cache').x!.ghost, { by: 1, why: 'opaque' })
    assert.equal(root.opt!.size, 2 * 9_000 + 100)
    assert.equal(root.opt!.hidden, BIG)
  })
})

test('the tree up to a layer, what that layer did, and what it has alone', async () => {
  await app((explorer) => {
    assert.equal(rowsOf(explorer, 'path=/opt&layer=1')['big.bin']!.ghost, null)
    assert.equal(rowsOf(explorer, 'path=/etc&layer=0').conf!.layer, 0)
    assert.deepEqual(
      Object.values(rowsOf(explorer, 'path=/etc&layer=1')).map(({ name, change }) => [name, change]),
      [
        ['conf', 'C'],
        ['motd', 'U'],
      ],
    )
    assert.equal(rowsOf(explorer, 'path=/opt&layer=2')['big.bin']!.change, 'D')
    assert.deepEqual(Object.keys(rowsOf(explorer, 'path=/opt&layer=2&changes=D')), ['big.bin'])
    assert.deepEqual(Object.keys(rowsOf(explorer, 'path=/&layer=1&only=1')), ['bin', 'etc', 'opt', 'var'])
    assert.deepEqual(Object.keys(rowsOf(explorer, 'path=/opt&ghosts=0&sort=size')).slice(0, 2), ['copy-a', 'copy-b'])
    assert.equal(rowsOf(explorer, 'path=/opt&layer=0&sort=size')['big.bin'], undefined)
  })
})

test('a file down its layers, and the content of each version', async () => {
  await app(async (explorer) => {
    const { versions } = explorer.view('file?path=/etc/conf') as FileView
    assert.deepEqual(
      versions.map(({ layer, shows, ghost }) => [layer, shows, ghost]),
      [
        [1, true, null],
        [0, false, { by: 1, why: 'replaced' }],
      ],
    )
    assert.equal(await textOf(explorer, 'path=/etc/conf&layer=0'), 'one\ntwo\nthree\n')
    assert.equal(await textOf(explorer, 'path=/etc/conf&layer=1'), 'one\ntwo and a half\nthree\nfour\n')
    assert.equal((await textOf(explorer, 'path=/bin/same&layer=0')).length > 0, true)
    assert.equal(await textOf(explorer, 'path=/caf%C3%A9%20%3Cb%3E'), 'text\n')
    assert.throws(() => explorer.content(Query.parse('content?path=/etc')), /only files have content/)
  })
})

test('waste: the largest path first, by instruction, and what would help', async () => {
  const waste = await app((explorer) => explorer.view('waste') as Waste)
  assert.equal(waste.wasted, WASTED)
  assert.deepEqual(
    waste.rows.slice(0, 3).map(({ path, bytes, why, sameContent }) => [path, bytes, why, sameContent]),
    [
      ['/opt/big.bin', BIG, 'deleted', false],
      ['/bin/tool', TOOL, 'replaced', true],
      ['/usr/lib/b.so', 30_000, 'parent-deleted', false],
    ],
  )
  assert.match(waste.rows[1]!.fix, /changes only its owner, mode or time/)
  assert.equal(waste.instructions[0]!.layer, 2)
  assert.equal(
    waste.instructions.reduce((sum, { bytes }) => sum + bytes, 0),
    WASTED,
  )
  assert.deepEqual(waste.duplicates, [{ size: 9_000, copies: 2, bytes: 9_000, paths: ['/opt/copy-a', '/opt/copy-b'] }])
})

test('search by name, bits, attributes, layer; and what makes no sense is said', async () => {
  await app((explorer) => {
    const paths = (words: string) => (explorer.view(`search?${words}`) as Search).rows.map(({ path }) => path)
    assert.deepEqual(paths('setuid=1').sort(), ['/bin/same', '/bin/tool'])
    assert.deepEqual(paths('xattrs=1'), ['/opt/capable'])
    assert.deepEqual(paths('name=*.so'), [])
    assert.deepEqual(paths('name=*.so&ghosts=1').sort(), ['/usr/lib/a.so', '/usr/lib/b.so'])
    assert.deepEqual(paths('kind=symlink'), ['/opt/link'])
    assert.throws(() => explorer.view('search?kind=x'), /kind=x/)
    assert.throws(() => explorer.view('search?after=never'), /after=never/)
    assert.throws(() => explorer.view('tree?layer=9'), /layer=9: give a number from 0 to 2/)
    assert.throws(() => explorer.view('tree?path=../../etc'), /leads out of the layers/)
  })
})

test('the map adds up', async () => {
  const { node } = await app((explorer) => explorer.view('map?path=/') as MapView)
  assert.equal(
    node.children!.reduce((sum, { size }) => sum + size, 0),
    node.size,
  )
})

for (const form of ['docker archive', 'oci archive', 'compressed archive'] as const)
  test(`the same of a ${form}`, async () => {
    const path = join(folder, form.replace(' ', '-'))
    if (form === 'docker archive') makeDockerArchive(layout, path)
    else makeOciArchive(layout, path)
    if (form === 'compressed archive') writeFileSync(path, gzipSync(readFileSync(path)))
    const name = form === 'docker archive' ? path : `${path}:app`
    await exploring({ name }, async (explorer) => {
      const { wasted, rows } = explorer.view('waste') as Waste
      assert.deepEqual([wasted, rows[0]!.path], [WASTED, '/opt/big.bin'])
      assert.equal(await textOf(explorer, 'path=/etc/conf&layer=0'), 'one\ntwo\nthree\n')
    })
  })

test('the tree is what the union says of the same layers', async () => {
  const { layers } = await unpackImage(`${layout}:app`, { store: join(folder, 'store') })
  const lower = layers.map(({ path }) => path).reverse()
  const union = async (path: string): Promise<string[]> => {
    const entries = await listOwners(path, { lower })
    const inside = entries.filter(({ kind }) => kind === 'directory').map(({ name }) => union(`${path}${name}/`))
    return [...entries.map(({ name, layer }) => `${path}${name} ${2 - layer}`), ...(await Promise.all(inside)).flat()]
  }
  const ours = (explorer: Explorer, path: string): string[] =>
    Object.values(rowsOf(explorer, `path=${encodeURIComponent(path)}&ghosts=0`)).flatMap((row) => [
      `${path}${row.name} ${row.layer}`,
      ...(row.kind === 'directory' ? ours(explorer, `${path}${row.name}/`) : []),
    ])
  const expected = (await union('/')).sort()
  assert.deepEqual(await app((explorer) => ours(explorer, '/').sort()), expected)
  await exploring({ lower }, (explorer) => {
    assert.deepEqual(ours(explorer, '/').sort(), expected)
    assert.equal((explorer.view('waste') as Waste).wasted, WASTED)
  })
})

test('a layer that is damaged is told, and the others are shown', async () => {
  const broken = makeLayout(join(folder, 'broken'))
  const blobs = join(broken, 'blobs/sha256')
  for (const name of readdirSync(blobs)) {
    const bytes = readFileSync(join(blobs, name))
    if (bytes[0] === 0x1f && bytes.length > 1_000) writeFileSync(join(blobs, name), bytes.subarray(0, 500))
  }
  const explorer = await Explorer.open({ name: `${broken}:app` })
  try {
    await explorer.filling.done
    assert.equal(explorer.filling.faults.length, 1)
    assert.match(explorer.filling.faults[0]!, /^layer 1\/3: the gzip stream is (cut short|damaged)/)
    assert.deepEqual(rowsOf(explorer, 'path=/etc').conf!.layers, [1])
  } finally {
    await explorer.close()
  }
  await assert.rejects(checkImage(`${broken}:app`, { maxLayers: 9 }), /layer 1\/3/)
})

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

test('an index that is kept can be asked; another one leaves nothing', async () => {
  const kept = join(folder, 'kept.db')
  const explorer = await Explorer.open({ name: `${layout}:app` }, { kept })
  await explorer.filling.done
  const { sql } = explorer.view('waste') as Waste
  await explorer.close()
  const asked = spawnSync('sqlite3', [kept, sql], { encoding: 'utf8' })
  if (asked.error === undefined) assert.match(asked.stdout, /^\/opt\/big\.bin\|300000\|1\n/)
  await assert.rejects(Explorer.open({ name: `${layout}:app` }, { kept }), /exists: name a new file/)
  const path = await app(({ index }) => index.path)
  assert.equal(existsSync(path), false)
  const dead = join(tmpdir(), 'stratafs-explore-999999999-x')
  mkdirSync(dead)
  await app(() => {})
  assert.equal(existsSync(dead), false, 'what a killed one left is swept')
  assert.deepEqual(
    readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(layout)),
    [],
    'no blob is left open',
  )
})

test('image check: what breaks a rule, 1; kept, 0; no rule, an error', () => {
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [MAIN, 'image', 'check', ...words], { encoding: 'utf8' })
  const image = `${layout}:app`
  const bad = run(image, '--max-wasted', '100k', '--max-wasted-ratio', '0.1', '--no-setuid', '--no-capabilities')
  assert.equal(bad.status, 1)
  for (const words of [
    /--max-wasted: 395027 bytes where 102400/,
    /--max-wasted-ratio: 0\.\d+ of/,
    /\/bin\/tool: chmod a-s/,
  ])
    assert.match(bad.stdout, words)
  const json = JSON.parse(run(image, '--max-wasted', '100k', '--json').stdout)
  assert.deepEqual([json.passed, json.wasted, json.breaches[0].rule], [false, WASTED, 'max-wasted'])
  assert.equal(run(image, '--max-wasted', '1M', '--no-setuid', '--allow', '/bin/*').status, 0)
  assert.equal(run(image).status, 1)
  assert.match(run(image, '--max-wasted-ratio', '2').stderr, /give a number from 0 to 1/)
})
