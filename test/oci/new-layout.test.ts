/**
 * What is refused makes no layout: neither loading nor importing leaves one, nor the directories above it. What was
 * there before stays as it was.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { importImage, loadImages } from '../../src/library/image-import.js'
import { archive, file } from './archive.js'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-new-layout-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: ['a'] } })
  const manifest = [{ Config: 'c.json', RepoTags: ['a:1'], Layers: ['l.tar'] }]
  const bad = {
    'empty.tar': archive(),
    'layer.tar': archive(file('etc/conf', 'a layer')),
    'cut.tar': archive(file('manifest.json', JSON.stringify(manifest)), file('c.json', config)).subarray(0, 700),
    // Its layer is stored before it is seen to be another than it says.
    'damaged.tar': archive(
      file('c.json', config),
      file('l.tar', archive(file('a', 'a'))),
      file('manifest.json', JSON.stringify(manifest)),
    ),
    'out.tar': archive(file('../a', 'a')),
  }
  for (const [name, bytes] of Object.entries(bad)) writeFileSync(join(folder, name), bytes)
  return folder
}

const REFUSED = ['empty.tar', 'layer.tar', 'cut.tar', 'damaged.tar', 'not-there.tar']

test('a refused archive leaves no layout, however it is named', async (t) => {
  const folder = folderFor(t)
  for (const name of REFUSED)
    for (const layout of ['new', 'above/new', 'new:tag']) {
      await assert.rejects(loadImages(join(folder, name), join(folder, layout)), { name: 'StratafsError' }, name)
      for (const path of ['new', 'above']) assert.equal(existsSync(join(folder, path)), false, `${name} ${layout}`)
    }
  await assert.rejects(importImage(join(folder, 'out.tar'), join(folder, 'above/new:tag')))
  assert.equal(existsSync(join(folder, 'above')), false)
})

test('an empty directory stays, a layout stays as it was', async (t) => {
  const folder = folderFor(t)
  mkdirSync(join(folder, 'empty'))
  await assert.rejects(loadImages(join(folder, 'damaged.tar'), join(folder, 'empty')))
  assert.deepEqual(readdirSync(join(folder, 'empty')), [])
  await importImage(join(folder, 'layer.tar'), join(folder, 'there:one'))
  const before = readdirSync(join(folder, 'there'), { recursive: true }).sort()
  await assert.rejects(loadImages(join(folder, 'layer.tar'), join(folder, 'there')))
  await assert.rejects(importImage(join(folder, 'out.tar'), join(folder, 'there:one')))
  assert.deepEqual(readdirSync(join(folder, 'there'), { recursive: true }).sort(), before)
})
