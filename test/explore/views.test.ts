/**
 * The explorer's answers: what shows and what hides it, sums, waste, contents, in every form that an image comes in;
 * and that they are what the union itself says of the same layers.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { checkImage } from '../../src/explore/check.js'
import { UpperWatch } from '../../src/explore/database/upper-watch.js'
import { Explorer, type Target } from '../../src/explore/explorer.js'
import { Query } from '../../src/explore/views/query.js'
import type { Entry, FileView, MapView, Overview, Search, Tree, Waste } from '../../src/explore/views/types.js'
import { unpackImage } from '../../src/library/image-store.js'
import { listOwners } from '../../src/library/owners.js'
import { MAIN } from '../daemon/harness.js'
import { archive, file, hardLink, pax } from '../oci/archive.js'
import { BIG, makeDockerArchive, makeLayout, makeLayoutOf, makeOciArchive, TOOL } from './images.js'

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

async function exploring<T>(target: Target, work: (explorer: Explorer) => Promise<T> | T): Promise<T> {
  const explorer = await Explorer.open(target)
  try {
    await explorer.filling.done
    assert.deepEqual(explorer.filling.faults, [])
    return await work(explorer)
  } finally {
    await explorer.close()
  }
}

const app = <T>(work: (explorer: Explorer) => Promise<T> | T) => exploring({ name: `${layout}:app` }, work)

/** The rows of a directory by name. */
function rowsOf(explorer: Explorer, words: string): Record<string, Entry> {
  const { rows } = explorer.view(`tree?${words}`) as Tree
  return Object.fromEntries(rows.map((row) => [row.name, row]))
}

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

test('another name of a file is as the file is, also where its first name is gone', async () => {
  const first = archive(
    pax([['SCHILY.xattr.security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex')]]),
    file('gone', 'x'.repeat(50), { mode: 0o4757, uid: 7 }),
    hardLink('stays', 'gone'),
  )
  const layers = [first, archive(file('.wh.gone'))].map((tar) => ({ tar, isPacked: true }))
  const image = `${makeLayoutOf(join(folder, 'linked'), [{ name: 'app', layers, history: [] }])}:app`
  await exploring({ name: image }, (explorer) => {
    for (const words of ['setuid=1', 'writable=1', 'xattrs=1', 'uid=7', 'larger=50&name=stays'])
      assert.deepEqual(
        (explorer.view(`search?${words}`) as Search).rows.map(({ path }) => path),
        ['/stays'],
        words,
      )
    assert.equal(rowsOf(explorer, 'path=/').stays!.mode, '4757')
  })
  const rules = { noSetuid: true, noCapabilities: true, noWorldWritable: true }
  const { breaches } = await checkImage(image, rules)
  assert.deepEqual(
    breaches.map(({ rule, paths }) => [rule, paths.map(({ path }) => path)]),
    [
      ['no-setuid', ['/stays']],
      ['no-capabilities', ['/stays']],
      ['no-world-writable', ['/stays']],
    ],
  )
})

test('every view has its question in SQL; the words name the same again', async () => {
  await app((explorer) => {
    for (const view of ['overview', 'tree?path=/etc', 'file?path=/etc/conf', 'map', 'waste', 'search?uid=0', 'image']) {
      const { sql } = explorer.view(view) as { sql: string }
      assert.ok(explorer.index.sql(sql).all().length > 0, view)
    }
  })
  const lower = ['plain-1', 'plain-2'].map((name) => join(folder, name))
  for (const path of lower) mkdirSync(path)
  const words = await exploring({ lower, names: ['one', ''] }, (each) => (each.view('overview') as Overview).words)
  assert.deepEqual(words, ['--lower', `one=${lower[0]}`, '--lower', lower[1]])
  for (const name of [`${layout}:app`, makeDockerArchive(layout, join(folder, 'again.tar'))])
    for (let turn = 0, target = name; turn < 2; turn++) {
      const [again, ...more] = await exploring({ name: target }, (each) => (each.view('overview') as Overview).words)
      assert.deepEqual(more, [])
      target = again!
    }
})

test('the map, each layer apart and one alone, adds up to the map', async () => {
  await app((explorer) => {
    const map = (words: string) => (explorer.view(`map?${words}`) as MapView).node
    const whole = map('path=/opt')
    const apart = map('path=/opt&by=layer')
    assert.deepEqual(
      apart.children!.map(({ name, layer, size }) => [name, layer, size]),
      whole.layers.map(([layer, bytes]) => [`layer ${layer + 1}/3`, layer, bytes]),
    )
    for (const { layer, size, children } of apart.children!) {
      assert.equal(map(`path=/opt&in=${layer}`).size, size)
      assert.equal(
        children!.reduce((sum, child) => sum + child.size, 0),
        size,
      )
    }
    assert.throws(() => explorer.view('map?in=9'), /in=9: give a number from 0 to 2/)
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

test('an upper as it changes: what came, grew, went; and what shows then', async () => {
  const [lower, upper] = ['live-lower', 'live-upper'].map((name) => join(folder, name)) as [string, string]
  mkdirSync(join(lower, 'd'), { recursive: true })
  mkdirSync(join(upper, 'old'), { recursive: true })
  for (const [path, text] of [
    [join(lower, 'd/file'), 'below\n'],
    [join(lower, 'gone'), 'below\n'],
    [join(upper, 'old/file'), 'old\n'],
  ] as const)
    writeFileSync(path, text)
  await exploring({ lower: [lower], upper }, async (explorer) => {
    const watch = new UpperWatch(explorer.filling, 1, upper)
    const look = () => watch.look().map(({ change, path, grown }) => `${change} ${path} ${grown}`)
    look()
    mkdirSync(join(upper, 'd'))
    writeFileSync(join(upper, 'd/file'), 'above, and longer\n')
    writeFileSync(join(upper, 'new'), 'new\n')
    writeFileSync(join(upper, '.wh.gone'), '')
    assert.deepEqual(look().sort(), ['A new 4', 'C d 0', 'C d/file 18', 'D gone 0'])
    appendFileSync(join(upper, 'new'), 'more\n')
    rmSync(join(upper, 'old'), { recursive: true })
    assert.deepEqual(look().sort(), ['C new 5', 'D old 0'])
    assert.deepEqual(look(), [])
    // What a directory brings with it is new here, however old it is.
    mkdirSync(join(upper, 'here/below'), { recursive: true })
    writeFileSync(join(upper, 'here/below/file'), 'deep\n')
    mkdirSync(join(folder, 'live-other'))
    writeFileSync(join(folder, 'live-other/kept'), 'kept\n')
    assert.deepEqual(look().sort(), ['A here 0', 'A here/below 0', 'A here/below/file 5'])
    await setTimeout(200)
    look()
    look()
    renameSync(join(upper, 'here'), join(upper, 'there'))
    assert.deepEqual(look().sort(), ['A there 0', 'A there/below 0', 'A there/below/file 5', 'D here 0'])
    rmSync(join(upper, 'there/below'), { recursive: true })
    renameSync(join(folder, 'live-other'), join(upper, 'there/below'))
    assert.deepEqual(look().sort(), ['A there/below/kept 5', 'D there/below/file -5'])
    rmSync(join(upper, 'there'), { recursive: true })
    assert.deepEqual(look(), ['D there 0'])
    rmSync(join(upper, 'd/file'))
    assert.equal(spawnSync('mknod', [join(upper, 'd/file'), 'c', '0', '0']).status, 0)
    assert.deepEqual(look(), ['D d/file -18'])
    rmSync(join(upper, 'd/file'))
    writeFileSync(join(upper, 'd/file'), 'above, and longer\n')
    assert.deepEqual(look(), ['C d/file 18'])
    const { bytes, entries } = (explorer.view('overview') as Overview).layers[1]!
    assert.deepEqual([bytes, entries], [18 + 9, 4])
    await explorer.filling.judge()
    assert.deepEqual(Object.keys(rowsOf(explorer, 'path=/&ghosts=0')), ['d', 'new'])
    assert.deepEqual(rowsOf(explorer, 'path=/').gone!.ghost, { by: 1, why: 'deleted' })
    assert.deepEqual(rowsOf(explorer, 'path=/d').file!.layers, [1, 0])
    assert.equal((explorer.view('overview') as Overview).bytes, 6 + 6 + 18 + 9)
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
