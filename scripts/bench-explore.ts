/**
 * How soon `stratafs explore` shows something of a large image, from a cold start, and what it takes in memory: beside
 * `tar t` of its layers, which is the least that anybody has to do who lists them, and beside what people do: dive,
 * where it is installed, and else `podman save | tar t`, where podman and skopeo are. The image is made first: three
 * layers, gzip, files of a few KiB each. Each side runs three times, the median counts.
 *
 * Usage: node dist/scripts/bench-explore.js [FILES, 200000 where not given]
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGzip } from 'node:zlib'
import { podman } from '../test/oci/podman.js'
import { checkoutRoot } from './checkout.js'

const LAYERS = 3
const ROUNDS = 3

/** One header of a plain file or directory. */
function header(name: string, size: number, isDirectory: boolean): Buffer {
  const block = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  block.write(name, 0, 'latin1')
  octal(isDirectory ? 0o755 : 0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(1_700_000_000, 136, 12)
  block.write(isDirectory ? '5' : '0', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.fill(0x20, 148, 156)
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  return block
}

/** From so many files on each has one block, so that what is measured is names. */
const MANY = 500_000

/** Files whose content differs, and packs to half its size, as programs and texts do. */
function* members(layer: number, files: number): Generator<Buffer> {
  const noise = randomBytes(1_000_000)
  for (let at = 0; at < files; at++) {
    const directory = `usr/share/part${layer}/d${Math.floor(at / 50)}/`
    if (at % 50 === 0) yield header(directory, 0, true)
    const size = files * LAYERS >= MANY ? 512 : 512 * (1 + (at % 15))
    const content = Buffer.alloc(size, `${layer} ${at} `)
    noise.copy(content, size / 2, (at * 641) % 900_000)
    yield header(`${directory}f${at}`, size, false)
    yield content
  }
  yield Buffer.alloc(1024)
}

/** Makes an OCI layout with one image of `files` files. */
async function makeImage(folder: string, files: number): Promise<void> {
  const blobs = join(folder, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const put = (mediaType: string, content: Buffer) => {
    const hex = createHash('sha256').update(content).digest('hex')
    writeFileSync(join(blobs, hex), content)
    return { mediaType, digest: `sha256:${hex}`, size: content.length }
  }
  const layers = []
  const diffIDs = []
  for (let layer = 0; layer < LAYERS; layer++) {
    const path = join(folder, 'layer')
    diffIDs.push(await writeLayer(path, members(layer, Math.floor(files / LAYERS))))
    layers.push(put('application/vnd.oci.image.layer.v1.tar+gzip', readFileSync(path)))
    rmSync(path)
  }
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const history = diffIDs.map((_, at) => ({ created: '2026-01-01T00:00:00Z', created_by: `RUN step ${at}` }))
  const config = { architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: diffIDs }, history }
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const stored = put('application/vnd.oci.image.config.v1+json', Buffer.from(JSON.stringify(config)))
  const manifest = put(mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: stored, layers })))
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }))
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

/** Writes a layer's archive; its digest before compression. */
async function writeLayer(path: string, parts: Iterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  const gzip = createGzip({ level: 6 })
  const fd = openSync(path, 'w')
  gzip.on('data', (piece: Buffer) => writeFileSync(fd, piece))
  for (const part of parts) {
    hash.update(part)
    if (!gzip.write(part)) await once(gzip, 'drain')
  }
  gzip.end()
  await once(gzip, 'end')
  closeSync(fd)
  return `sha256:${hash.digest('hex')}`
}

interface Times {
  /** Seconds until the stack could be seen, a directory's files could, and all was read. */
  readonly stack: number
  readonly files: number
  readonly all: number
  /** Most memory of the process, in bytes. */
  readonly memory: number
}

async function explore(layout: string): Promise<Times> {
  const begun = performance.now()
  const since = () => (performance.now() - begun) / 1000
  const main = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')
  const child = spawn(process.execPath, [main, 'explore', layout, '--no-open'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = /http:\/\/\S+/.exec(String((await once(child.stdout, 'data'))[0]))![0]
  const opened = await fetch(url, { redirect: 'manual' })
  const cookie = opened.headers.get('set-cookie')!.split(';')[0]!
  const { origin } = new URL(url)
  const ask = async (view: string) => (await fetch(`${origin}/api/${view}`, { headers: { cookie } })).json()
  const until = async (view: string, isThere: (answer: { complete: boolean; total: number }) => boolean) => {
    while (!isThere((await ask(view)) as { complete: boolean; total: number }))
      await new Promise((resolve) => setTimeout(resolve, 20))
    return since()
  }
  const stack = await until('overview', () => true)
  const files = await until('tree?path=usr/share/part0/d0', ({ total }) => total >= 50)
  const all = await until('overview', ({ complete }) => complete)
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]
  child.kill('SIGINT')
  await once(child, 'exit')
  return { stack, files, all, memory: Number(peak) * 1024 }
}

/** Seconds of `tar t` over every layer of the image, which it decompresses. */
function listWithTar(layout: string): number {
  const begun = performance.now()
  const isLayer = '[ "$(head -c2 "$blob" | od -An -tx1)" = " 1f 8b" ]'
  const script = `for blob in "$0"/blobs/sha256/*; do if ${isLayer}; then tar tzf "$blob"; fi; done | wc -l`
  const { status } = spawnSync('sh', ['-c', script, layout], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('tar failed')
  return (performance.now() - begun) / 1000
}

const has = (program: string) => spawnSync('sh', ['-c', 'command -v "$0"', program]).status === 0

/** What the first tool that is there takes to read the same image; null where there is none. */
function peer(folder: string, layout: string): { readonly name: string; readonly seconds: () => number } | null {
  const timed = (script: string) => () => {
    const begun = performance.now()
    const { status, stderr } = podman(folder, 'overlay', script)
    if (status !== 0) throw new Error(stderr)
    return (performance.now() - begun) / 1000
  }
  if (process.getuid?.() !== 0 || !has('podman') || !has('skopeo')) return null
  const made = podman(folder, 'overlay', `skopeo copy -q oci:${layout} containers-storage:localhost/bench:1 >/dev/null`)
  if (made.status !== 0) throw new Error(made.stderr)
  const isDive = has('dive')
  const saved = 'podman save -q --format docker-archive localhost/bench:1'
  if (isDive) {
    podman(folder, 'overlay', `${saved} -o ${folder}/saved.tar`)
    return { name: 'dive', seconds: timed(`CI=true dive docker-archive://${folder}/saved.tar >/dev/null || true`) }
  }
  return { name: 'podman save | tar t', seconds: timed(`${saved} | tar t >/dev/null`) }
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!

async function main(files: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-bench-explore-'))
  try {
    const layout = join(folder, 'layout')
    await makeImage(layout, files)
    const size = spawnSync('du', ['-sb', layout], { encoding: 'utf8' }).stdout.split('\t')[0]
    console.log(`${files} files in ${LAYERS} layers, ${(Number(size) / 1e6).toFixed(0)} MB`)
    const ours: Times[] = []
    const theirs: number[] = []
    const other = peer(folder, layout)
    const others: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      theirs.push(listWithTar(layout))
      ours.push(await explore(layout))
      if (other !== null) others.push(other.seconds())
    }
    const tar = median(theirs)
    const row = (name: string, seconds: number) =>
      console.log(`${name.padEnd(34)} ${seconds.toFixed(2).padStart(7)} s  ${(seconds / tar).toFixed(2)} of tar t`)
    row('tar t of its layers', tar)
    if (other !== null) row(other.name, median(others))
    row('the stack can be seen', median(ours.map(({ stack }) => stack)))
    row('files of a directory can be seen', median(ours.map((each) => each.files)))
    row('all is read, sums and waste', median(ours.map(({ all }) => all)))
    console.log(`most memory: ${(Math.max(...ours.map(({ memory }) => memory)) / 1e6).toFixed(0)} MB`)
  } finally {
    // podman mounts its storage on itself.
    spawnSync('umount', ['-l', join(folder, 'graph/overlay')], { stdio: 'ignore' })
    rmSync(folder, { recursive: true, force: true })
  }
}

await main(Number(process.argv[2] ?? 200_000))
