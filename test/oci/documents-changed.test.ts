/**
 * Documents that somebody else wrote, read by what changes something: removing, committing, unpacking; and this
 * program's own documents (of a store, of mounts) after somebody edited them. Each ends in what was asked for or in a
 * sentence.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { StratafsError } from '../../src/base/failure.js'
import { ownIdentity } from '../../src/daemon/mount/run-directory.js'
import { inspect, inspectAll } from '../../src/index.js'
import { policyOf } from '../../src/oci/apply/policy.js'
import { commitImage } from '../../src/oci/commit/commit.js'
import { withImage } from '../../src/oci/store/images.js'
import { importImage } from '../../src/oci/store/import.js'
import { removeImage, removeRecord } from '../../src/oci/store/remove.js'
import { LayerStore } from '../../src/oci/store/store.js'
import { archive, directory, file } from './archive.js'
import { odd, replaced, write } from './odd-documents.js'
import { inScratch } from './scratch.js'

async function endsInASentence(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof StratafsError, (error as Error).stack)
  }
}

const storeOf = (folder: string) => LayerStore.open(join(folder, 'store'), policyOf({}))
const remove = (folder: string, layout: string) => removeImage({ layout, tag: 't' }, storeOf(folder))

function commit(folder: string, directory: string, tag: string): Promise<unknown> {
  const words = { createdBy: '', created: '1970-01-01T00:00:00Z', changes: ['ENV A=c', 'LABEL a=b'] }
  const source = { upper: join(folder, 'upper'), lowers: [join(folder, 'lower')], work: null, userxattr: null }
  const wish = { source, squash: false, live: false, timestamp: null, compression: 'none' as const }
  return commitImage(wish, { directory, tag, base: 't', words })
}

const unpack = (folder: string, layout: string) =>
  withImage({ layout, tag: 't' }, {}, (image) => {
    const store = storeOf(folder)
    return store.using({}, () => store.ensure(image, { policy: policyOf({}) }))
  })

function prepare(folder: string): void {
  for (const name of ['lower', 'upper', 'run']) mkdirSync(join(folder, name), { mode: 0o700 })
  process.env.STRATAFS_RUN_DIR = join(folder, 'run')
}

describe('documents', () => {
  it('of images end in a sentence where something is changed upon them', () =>
    inScratch(async (folder) => {
      prepare(folder)
      let run = 0
      const part = fc.constantFrom('config', 'manifest', 'entry', 'index', 'version')
      await fc.assert(
        fc.asyncProperty(part, fc.nat(30), odd, async (which, left, by) => {
          const path = join(folder, String(run++))
          write(path, (name, value) => (name === which ? replaced(value, { left }, by) : value))
          for (const tag of ['new', 't']) await endsInASentence(() => commit(folder, path, tag))
          await endsInASentence(() => unpack(folder, path))
          await endsInASentence(() => remove(folder, path))
        }),
        { numRuns: 40 },
      )
    }))

  it('of a store end in a sentence', () =>
    inScratch(async (folder) => {
      prepare(folder)
      const layout = join(folder, 'img')
      const root = join(folder, 'root.tar')
      writeFileSync(root, archive(directory('./'), file('f', 'x')))
      const plain = { compression: null, comment: '', author: null, platform: null, changes: [], created: new Date(0) }
      const renew = () => importImage({ archive: root, reference: { layout, tag: 't' }, ...plain })
      await renew()
      await unpack(folder, layout)
      const record = join(folder, 'store/images', readdirSync(join(folder, 'store/images'))[0]!)
      const note = join(layout, '.stratafs-unsure-0123456789abcdef.json')
      const paths = { store: join(folder, 'store/store.json'), record, note }
      const whole = {
        store: readFileSync(paths.store, 'utf8'),
        record: readFileSync(record, 'utf8'),
        note: '{"digests":[""]}',
      }
      const part = fc.constantFrom('store', 'record', 'note')
      await fc.assert(
        fc.asyncProperty(part, fc.nat(10), odd, async (which, left, by) => {
          for (const name of ['store', 'record', 'note'] as const) writeFileSync(paths[name], whole[name])
          writeFileSync(paths[which], JSON.stringify(replaced(JSON.parse(whole[which]), { left }, by)) ?? '')
          await endsInASentence(() => unpack(folder, layout))
          await endsInASentence(() => remove(folder, layout))
          await endsInASentence(() => removeRecord(`${layout}:t`, LayerStore.open(join(folder, 'store'))))
          await endsInASentence(renew)
        }),
        { numRuns: 40 },
      )
    }))

  it('of mounts end in a sentence', () =>
    inScratch(async (folder) => {
      prepare(folder)
      const state = {
        ...ownIdentity(),
        device: '0:1',
        mountpoint: '/m',
        options: ['a'],
        config: { lowers: ['/l'], upper: null, work: null },
        log: null,
        since: '1970',
      }
      await fc.assert(
        fc.asyncProperty(fc.nat(14), odd, async (left, by) => {
          writeFileSync(join(folder, 'run/0.1.json'), JSON.stringify(replaced(state, { left }, by)) ?? '')
          for (const ask of [inspectAll, () => inspect('/m'), () => remove(folder, folder)]) await endsInASentence(ask)
        }),
        { numRuns: 40 },
      )
    }))
})
