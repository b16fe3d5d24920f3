/**
 * Images for the explorer's tests: three layers that add, overwrite and delete, made by hand, each compressed another
 * way. Everything that has to be found in them is known.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { archive, directory, file, hardLink, pax, symlink } from '../oci/archive.js'

/** What the third layer deletes: the largest waste. */
export const BIG = 300_000
/** What the second overwrites with the same content and another mode. */
export const TOOL = 40_000

const bytes = (length: number, seed: number) =>
  Buffer.from(Array.from({ length }, (_, at) => (at * seed + (at >> 8)) & 255))

const BASE = archive(
  directory('bin/'),
  file('bin/tool', bytes(TOOL, 7), { mode: 0o755 }),
  hardLink('bin/same', 'bin/tool'),
  directory('etc/'),
  file('etc/conf', 'one\ntwo\nthree\n'),
  file('etc/motd', 'hello\n'),
  directory('usr/'),
  directory('usr/lib/'),
  file('usr/lib/a.so', bytes(20_000, 3)),
  file('usr/lib/b.so', bytes(30_000, 5)),
  directory('var/'),
  directory('var/cache/'),
  file('var/cache/x', bytes(5_000, 11)),
  file('plain', 'a file\n'),
)
const CHANGE = archive(
  directory('bin/'),
  file('bin/tool', bytes(TOOL, 7), { mode: 0o4755 }),
  hardLink('bin/same', 'bin/tool'),
  directory('etc/'),
  file('etc/conf', 'one\ntwo and a half\nthree\nfour\n'),
  directory('opt/'),
  file('opt/big.bin', bytes(BIG, 13)),
  file('opt/copy-a', bytes(9_000, 17)),
  file('opt/copy-b', bytes(9_000, 17)),
  symlink('opt/link', '../etc/conf'),
  pax([['SCHILY.xattr.security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex')]]),
  file('opt/capable', bytes(100, 19), { mode: 0o755 }),
  file('var/cache/.wh..wh..opq'),
  file('var/cache/y', 'fresh\n'),
)
const CLEAN = archive(
  file('opt/.wh.big.bin'),
  file('etc/.wh.motd'),
  file('usr/.wh.lib'),
  file('.wh.plain'),
  directory('plain/'),
  file('plain/inside', 'now a directory\n'),
  file(Buffer.from('caf\u00e9 <b>', 'utf8').toString('latin1'), 'text\n'),
)

const STEPS = [
  { created: '2026-01-01T00:00:00Z', created_by: '/bin/sh -c #(nop) ADD file:1 in / ' },
  { created: '2026-01-01T00:00:01Z', created_by: '/bin/sh -c #(nop)  CMD ["/bin/tool"]', empty_layer: true },
  { created: '2026-01-02T00:00:00Z', created_by: 'RUN /bin/sh -c make install # buildkit' },
  { created: '2026-01-03T00:00:00Z', created_by: 'RUN /bin/sh -c rm -rf /opt/big.bin /usr/lib # buildkit' },
]

const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`

/** Makes an OCI layout with the images `app` (three layers) and `base` (the lowest of them) at `folder`. */
export function makeLayout(folder: string): string {
  const layers = [BASE, CHANGE, CLEAN].map((tar, at) => ({ tar, isPacked: at !== 1 }))
  return makeLayoutOf(folder, [
    { name: 'app', layers, history: STEPS },
    { name: 'base', layers: layers.slice(0, 1), history: STEPS.slice(0, 2) },
  ])
}

interface ImageOf {
  readonly name: string
  readonly layers: readonly { readonly tar: Buffer; readonly isPacked: boolean }[]
  readonly history: readonly object[]
}

/** Makes an OCI layout with `images` at `folder`. */
export function makeLayoutOf(folder: string, images: readonly ImageOf[]): string {
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
  const put = (mediaType: string, content: Buffer) => {
    const digest = digestOf(content)
    writeFileSync(join(folder, 'blobs/sha256', digest.slice(7)), content)
    return { mediaType, digest, size: content.length }
  }
  const image = ({ name, layers, history }: ImageOf) => {
    const config = {
      created: '2026-01-03T00:00:00Z',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Cmd: ['/bin/tool'] },
      rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) },
      history,
    }
    const type = 'application/vnd.oci.image.layer.v1.tar'
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: put('application/vnd.oci.image.config.v1+json', Buffer.from(JSON.stringify(config))),
      layers: layers.map(({ tar, isPacked }) => put(isPacked ? `${type}+gzip` : type, isPacked ? gzipSync(tar) : tar)),
    }
    const annotations = { 'org.opencontainers.image.ref.name': name }
    return { ...put(manifest.mediaType, Buffer.from(JSON.stringify(manifest))), annotations }
  }
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: images.map(image) }))
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  return folder
}

/** The same image as `docker save` once wrote it, at `path`: a folder and a layer.tar for each layer. */
export function makeDockerArchive(layout: string, path: string): string {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
  const blob = (digest: string) => readFileSync(join(layout, 'blobs/sha256', digest.slice(7)))
  const manifest = JSON.parse(blob(index.manifests[0].digest).toString('utf8'))
  const config = blob(manifest.config.digest)
  const tars = [BASE, CHANGE, CLEAN]
  const saved = [{ Config: 'config.json', RepoTags: ['app:1'], Layers: tars.map((_, at) => `${at}/layer.tar`) }]
  const members = [
    file('config.json', config),
    ...tars.map((tar, at) => file(`${at}/layer.tar`, tar)),
    file('manifest.json', JSON.stringify(saved)),
  ]
  writeFileSync(path, archive(...members))
  return path
}

/** The layout as one archive (oci-archive) at `path`. */
export function makeOciArchive(layout: string, path: string): string {
  const index = readFileSync(join(layout, 'index.json'))
  const { manifests } = JSON.parse(index.toString('utf8'))
  const blob = (digest: string) => readFileSync(join(layout, 'blobs/sha256', digest.slice(7)))
  const documents = manifests.map(({ digest }: { digest: string }) => JSON.parse(blob(digest).toString('utf8')))
  const digests = new Set<string>(manifests.map(({ digest }: { digest: string }) => digest))
  for (const { config, layers } of documents) for (const { digest } of [config, ...layers]) digests.add(digest)
  const members = [...digests].map((digest) => file(`blobs/sha256/${digest.slice(7)}`, blob(digest)))
  writeFileSync(
    path,
    archive(file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'), file('index.json', index), ...members),
  )
  return path
}
