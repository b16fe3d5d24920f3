/** Images for containerd, as archives in the OCI layout: a small root filesystem, a hundred layers, and a few more. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** A layer's tar: files by path, with their content. */
function layerOf(place: string, files: Readonly<Record<string, string>>): Buffer {
  const root = join(place, 'layer')
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const words = ['-C', root, '--owner=0', '--group=0', '--mtime=2020-02-02', '--sort=name', '-cf', '-', '.']
  try {
    return execFileSync('tar', words, { maxBuffer: 1 << 28 })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Writes the image NAME of `layers` (tars) to `PLACE/FILE.tar`. */
function writeImage(place: string, file: string, name: string, layers: readonly Buffer[]): void {
  const layout = join(place, `${file}.layout`)
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const put = (bytes: Buffer, mediaType: string) => {
    const hash = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(layout, 'blobs/sha256', hash), bytes)
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length }
  }
  const json = (document: object, mediaType: string) => put(Buffer.from(JSON.stringify(document)), mediaType)
  const oci = 'application/vnd.oci.image'
  const blobs = layers.map((layer) => put(gzipSync(layer, { level: 1 }), `${oci}.layer.v1.tar+gzip`))
  const diffIDs = layers.map((layer) => `sha256:${createHash('sha256').update(layer).digest('hex')}`)
  const config = json(
    {
      architecture: ARCHITECTURES[process.arch],
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: diffIDs },
    },
    `${oci}.config.v1+json`,
  )
  const manifest = json(
    { schemaVersion: 2, mediaType: `${oci}.manifest.v1+json`, config, layers: blobs },
    `${oci}.manifest.v1+json`,
  )
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.split(':')[1] }
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  )
  execFileSync('tar', ['-C', layout, '-cf', join(place, `${file}.tar`), '.'])
  rmSync(layout, { recursive: true })
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** The images that scene.sh imports. `base`: the tar of a root filesystem. */
export function writeImages(place: string, base: string): void {
  const root = readFileSync(base)
  writeFileSync(join(place, 'base.tar'), root)
  const change = layerOf(place, { 'data/new': 'new\n', 'data/.wh.hard1': '', 'data/deep/.wh..wh..opq': '' })
  writeImage(place, 'app', 'test/app:1', [root, change])
  const small = Array.from({ length: 100 }, (_none, i) => layerOf(place, { [`layers/${i}`]: `${i}`, last: `${i}` }))
  writeImage(place, 'many', 'test/many:1', [root, ...small])
  for (const i of [1, 2, 3, 4])
    writeImage(place, `other${i}`, `test/other:${i}`, [root, layerOf(place, { which: `${i}`, [`own/${i}`]: 'x' })])
}
