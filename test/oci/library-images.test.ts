/** Images through the library: what the commands print is what it gives, and a refusal comes before the work. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  exportImage,
  imageHistory,
  importImage,
  inspectImage,
  listImages,
  mountImage,
  removeImage,
  StratafsError,
  unpackImage,
} from '../../src/index.js'
import { archive, directory, file } from './archive.js'
import { inScratch, namesIn } from './scratch.js'

const ROOTFS = archive(directory('./'), directory('etc/'), file('etc/a', 'base'))

/** FOLDER/images:app, of one layer. */
async function makeImage(folder: string): Promise<{ image: string; store: string }> {
  writeFileSync(join(folder, 'rootfs.tar'), ROOTFS)
  const image = `${join(folder, 'images')}:app`
  await importImage(join(folder, 'rootfs.tar'), image, { comment: 'a base', changes: ['CMD ["/bin/sh"]'] })
  return { image, store: join(folder, 'store') }
}

test('import, list, history, inspect, unpack, export, remove', () =>
  inScratch(async (folder) => {
    const { image, store } = await makeImage(folder)
    const [listed] = await listImages(join(folder, 'images'))
    assert.deepEqual([listed?.tag, listed?.layers], ['app', 1])
    assert.equal((await imageHistory(image))[0]?.comment, 'a base')
    assert.deepEqual((await inspectImage(image)).Config, { Cmd: ['/bin/sh'] })
    const seen: number[] = []
    const unpacked = await unpackImage(image, { store, progress: ({ count }) => seen.push(count) })
    assert.deepEqual([unpacked.tag, unpacked.lowerdir], ['app', unpacked.layers[0]?.path])
    assert.equal(readFileSync(join(unpacked.lowerdir, 'etc/a'), 'utf8'), 'base')
    assert.ok(seen.length > 0 && seen.every((count) => count === 1))
    const { entries } = await exportImage(image, join(folder, 'out.tar'), { store })
    assert.equal(entries, 3)
    const removed = await removeImage(image, { store })
    assert.equal(removed.layers.length, 1)
    assert.deepEqual(await listImages(join(folder, 'images')), [])
  }))

test('a mountpoint that is not there is refused before anything is unpacked', () =>
  inScratch(async (folder) => {
    const { image, store } = await makeImage(folder)
    const isRefused = (error: unknown) => error instanceof StratafsError && error.code === 'MOUNT_REFUSED'
    await assert.rejects(mountImage(image, join(folder, 'none'), { store }), isRefused)
    assert.ok(!existsSync(store) || namesIn(join(store, 'layers')).length === 0)
  }))

test('the store forgets an image whose layout is gone; one that it does not know is not found', () =>
  inScratch(async (folder) => {
    const { image, store } = await makeImage(folder)
    const isMissing = (error: unknown) => error instanceof StratafsError && error.code === 'NOT_FOUND'
    await assert.rejects(removeImage(`${join(folder, 'images')}:other`, { store }), isMissing)
    await unpackImage(image, { store })
    writeFileSync(join(folder, 'images/index.json'), '{"schemaVersion":2,"manifests":[]}')
    assert.equal((await removeImage(image, { store })).layers.length, 1)
    await assert.rejects(removeImage(image, { store }), isMissing)
  }))
