/**
 * A tag is given to another image, and a later run sweeps: what only the old image had goes, and what anything else in
 * the layout needs stays, however it is listed.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Descriptor, Layout, MediaType } from '../../src/oci/image/layout.js'
import { alone } from '../../src/oci/store/hold.js'
import { inScratch } from './scratch.js'

const REF_NAME = 'org.opencontainers.image.ref.name'

/** An image of one layer and without a tag. */
function store(layout: Layout, content: string): { manifest: Descriptor; layer: Descriptor; config: Descriptor } {
  const layer = layout.putBlob(MediaType.LAYER, Buffer.from(content))
  const config = layout.putDocument(MediaType.CONFIG, {
    os: 'linux',
    architecture: 'amd64',
    author: content,
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const manifest = { schemaVersion: 2, mediaType: MediaType.MANIFEST, config, layers: [layer] }
  return { manifest: layout.putDocument(MediaType.MANIFEST, manifest), layer, config }
}

type Listing = (old: ReturnType<typeof store>, layout: Layout) => unknown[]

/** Other ways in which the layout names the old image; its layer has to stay. */
const LISTED: Record<string, Listing> = {
  'another tag': ({ manifest }) => [{ ...manifest, annotations: { [REF_NAME]: 'other' } }],
  'no tag': ({ manifest }) => [manifest],
  'no type': ({ manifest: { digest, size } }) => [{ digest, size }],
  'a type of its own': ({ manifest }) => [{ ...manifest, mediaType: 'application/json' }],
  'no size': ({ manifest: { digest, mediaType } }) => [{ digest, mediaType, size: 0, annotations: null }],
  'an index in an index': ({ manifest }, layout) => {
    const inner = layout.putDocument(MediaType.INDEX, { schemaVersion: 2, manifests: [manifest] })
    return [layout.putDocument(MediaType.INDEX, { schemaVersion: 2, manifests: [inner] })]
  },
  'an index without types': ({ manifest: { digest, size } }, layout) => [
    layout.putDocument(MediaType.INDEX, { schemaVersion: 2, manifests: [{ digest, size }] }),
  ],
  'the subject of a signature': ({ manifest, config }, layout) => [
    layout.putDocument(MediaType.MANIFEST, { schemaVersion: 2, config, layers: [], subject: manifest }),
  ],
  'a layer of an image, and no tag': ({ manifest, config }, layout) => {
    const { digest, size } = manifest
    const decoy = { schemaVersion: 2, config, layers: [{ mediaType: MediaType.LAYER, digest, size }] }
    const listed = layout.putDocument(MediaType.MANIFEST, decoy)
    return [listed, manifest, listed]
  },
}

const put = (layout: Layout, list: readonly unknown[]) =>
  layout.changeIndex((manifests) => [...manifests, ...(list as Descriptor[])])

async function retag(folder: string, listed: Listing): Promise<{ layout: Layout; old: ReturnType<typeof store> }> {
  const layout = Layout.openOrCreate(join(folder, 'img'))
  const old = store(layout, 'old')
  layout.tag('t', old.manifest)
  put(layout, listed(old, layout))
  layout.tag('t', store(layout, 'new').manifest)
  await alone(layout, {}, () => {})
  return { layout, old }
}

describe('a tag is given to another image', () => {
  it('whose predecessor goes where nothing else needs it', () =>
    inScratch(async (folder) => {
      const { layout, old } = await retag(folder, () => [])
      for (const { digest } of Object.values(old)) assert.equal(layout.hasBlob(digest), false)
    }))

  for (const [how, listed] of Object.entries(LISTED))
    it(`whose predecessor stays, listed with: ${how}`, () =>
      inScratch(async (folder) => {
        const { layout, old } = await retag(folder, listed)
        for (const { digest } of Object.values(old)) assert.equal(layout.hasBlob(digest), true, digest)
        assert.equal(readFileSync(layout.blobPath(old.layer.digest), 'utf8'), 'old')
      }))

  it('whose predecessor goes where only a blob of nobody names it', () =>
    inScratch(async (folder) => {
      const { layout, old } = await retag(folder, ({ manifest }, made) => {
        made.putDocument(MediaType.INDEX, { schemaVersion: 2, manifests: [manifest] })
        return []
      })
      assert.equal(layout.hasBlob(old.layer.digest), false)
    }))
})
