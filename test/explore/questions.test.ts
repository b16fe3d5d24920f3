/** Questions across layers: other names of a file, the map by layer, and the same in SQL and on a command line. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkImage } from '../../src/explore/check.js'
import type { Explorer } from '../../src/explore/explorer.js'
import type { MapView, Overview, Search } from '../../src/explore/views/types.js'
import { archive, file, hardLink, pax } from '../oci/archive.js'
import { exploring, rowsOf } from './exploring.js'
import { makeDockerArchive, makeLayout, makeLayoutOf } from './images.js'

let folder = ''
let layout = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-questions-'))
  layout = makeLayout(join(folder, 'layout'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const app = (work: (explorer: Explorer) => void) => exploring({ name: `${layout}:app` }, work)

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
