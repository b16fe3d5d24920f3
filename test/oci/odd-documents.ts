/** A layout's documents by their parts, each of which a test may change before it is written. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { digestOf } from '../../src/oci/encoding/digest.js'

const DIGEST = `sha256:${'0'.repeat(64)}`
export const EVIL = 'x\u001b[2J\u202e\u009b\ny'
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

/** Writes a layout at `path` with one image, `t`. */
export function write(path: string, change: Change): void {
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
export function replaced(value: unknown, at: { left: number }, by: unknown): unknown {
  if (at.left-- === 0) return by
  if (Array.isArray(value)) return value.map((each) => replaced(each, at, by))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each, at, by)]))
}

/** What a document's author may have put somewhere. */
export const odd = fc.oneof(
  fc.constantFrom(undefined, null, 2 ** 60, -1, '', 'sha512:0', [], {}, [null], { toString: 1 }),
  fc.jsonValue(),
)
