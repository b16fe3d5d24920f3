/** Documents that somebody else wrote: whatever is in them, reading ends in what was asked for or in a sentence; no name reaches a terminal raw. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkoutRoot } from '../../scripts/check-imports.js'
import { StratafsError } from '../../src/base/failure.js'
import { digestOf } from '../../src/oci/digest.js'
import { Layout } from '../../src/oci/layout.js'
import { historyOf, inspectImage, listImages } from '../../src/oci/layout-list.js'
import { readImage } from '../../src/oci/store-layout.js'
import { inScratch } from './scratch.js'

const MAIN = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')
const DIGEST = `sha256:${'0'.repeat(64)}`
const EVIL = 'x\u001b[2J\u202e\u009b\ny'
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: DIGEST, size: 1 }
const PARTS = {
  version: { imageLayoutVersion: '1.0.0' },
  config: {
    created: 'c',
    author: 'a',
    os: 'linux',
    architecture: 'amd64',
    config: { Env: ['A=b'] },
    rootfs: { type: 'layers', diff_ids: [DIGEST] },
    history: [{ created: 'c', created_by: EVIL, comment: EVIL }],
  },
  manifest: {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    layers: [layer],
    annotations: { a: 'b' },
  },
  entry: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    annotations: { 'org.opencontainers.image.ref.name': 't' },
  },
}
type Change = (part: string, value: object) => unknown

function write(path: string, change: Change): void {
  const blob = (value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value) ?? 'null')
    writeFileSync(join(path, 'blobs/sha256', digestOf(bytes).slice(7)), bytes)
    return { digest: digestOf(bytes), size: bytes.length }
  }
  mkdirSync(join(path, 'blobs/sha256'), { recursive: true })
  const config = blob(change('config', PARTS.config))
  const manifest = blob(change('manifest', { ...PARTS.manifest, config }))
  const index = change('index', { schemaVersion: 2, manifests: [change('entry', { ...PARTS.entry, ...manifest })] })
  writeFileSync(join(path, 'index.json'), JSON.stringify(index) ?? '')
  writeFileSync(join(path, 'oci-layout'), JSON.stringify(change('version', PARTS.version)) ?? '')
}

/** `value` with what is at the `at`-th place, counted through all, replaced. */
function replaced(value: unknown, at: { left: number }, by: unknown): unknown {
  if (at.left-- === 0) return by
  if (Array.isArray(value)) return value.map((each) => replaced(each, at, by))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each, at, by)]))
}

const readers = (path: string): (() => unknown)[] => [
  () => listImages(Layout.open(path)),
  () => historyOf(Layout.open(path), Layout.open(path).image('t')),
  () => inspectImage(Layout.open(path), Layout.open(path).image('t')),
  () => readImage({ layout: path, tag: 't' }),
]

describe('documents of images', () => {
  it('of any shape end in a sentence', () =>
    inScratch((folder) => {
      let run = 0
      const odd = fc.oneof(
        fc.constantFrom(undefined, null, 2 ** 60, -1, '', 'sha512:0', [], {}, [null], { toString: 1 }),
        fc.jsonValue(),
      )
      fc.assert(
        fc.property(
          fc.constantFrom('config', 'manifest', 'entry', 'index', 'version'),
          fc.nat(30),
          odd,
          (part, left, by) => {
            const path = join(folder, String(run++))
            write(path, (name, value) => (name === part ? replaced(value, { left }, by) : value))
            for (const read of readers(path)) {
              try {
                read()
              } catch (error) {
                assert.ok(error instanceof StratafsError, (error as Error).stack)
              }
            }
          },
        ),
        { numRuns: 400 },
      )
    }))

  it('put nothing on a terminal but text', () =>
    inScratch((folder) => {
      const path = join(folder, 'img')
      const name = { 'org.opencontainers.image.ref.name': `t${EVIL}` }
      write(path, (part, value) => (part === 'entry' ? { ...value, annotations: name } : value))
      const run = (...args: string[]) => execFileSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })
      for (const words of [
        ['image', 'list', path],
        ['image', 'history', path],
        ['image', 'inspect', path],
        ['image', 'list', path, '--json'],
      ])
        assert.doesNotMatch(run(...words), /[^\P{Cc}\n]|\p{Cf}/u)
      assert.equal(run('image', 'list', path).split('\n').length, 2)
      assert.equal(JSON.parse(run('image', 'list', path, '--json'))[0].tag, `t${EVIL}`)
    }))
})
