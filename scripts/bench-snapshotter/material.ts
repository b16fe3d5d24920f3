/** Layers for the benchmark, stored in containerd: five of this machine's own files, and one of 100,000 small ones. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Client, Metadata } from '@grpc/grpc-js'

export interface StoredLayer {
  readonly mediaType: string
  readonly digest: string
  readonly diffID: string
  readonly size: number
}

type Methods = Client & Record<string, (...words: unknown[]) => unknown>

/** Of whoever calls. */
export function metadata(): Metadata {
  const made = new Metadata()
  made.set('containerd-namespace', 'bench')
  return made
}

/** A system as Debian packs one, in five parts. */
const PARTS = [
  ['etc', 'usr/bin', 'usr/sbin'],
  ['usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu'],
  ['usr/share/doc', 'usr/share/man'],
  ['usr/lib/python3', 'usr/share/perl', 'usr/include'],
  ['usr/share/zoneinfo', 'usr/share/locale', 'usr/share/i18n'],
] as const

/** Five layers of real files, of so many MB each. */
export async function realLayers(place: string, content: Methods, megabytes: number): Promise<StoredLayer[]> {
  const stored: StoredLayer[] = []
  for (const parts of PARTS) {
    const file = join(place, 'layer.tar')
    const words = ['-C', '/', '--numeric-owner', '--no-recursion', '--null', '-T', '-', '-cf', file]
    execFileSync('tar', words, { input: namesBelow(parts, megabytes << 20).join('\0') })
    stored.push(await store(content, readFileSync(file)))
  }
  return stored
}

/** Of what lies below `parts` so much that files come to `most` bytes, and every directory. */
function namesBelow(parts: readonly string[], most: number): string[] {
  const there = parts.filter((part) => existsSync(`/${part}`))
  const words = [...there, '-xdev', '-printf', '%s\t%y\t%p\\0']
  const listed = execFileSync('find', words, { cwd: '/', encoding: 'utf8', maxBuffer: 1 << 28 })
  const names: string[] = []
  let bytes = 0
  for (const line of listed.split('\0').filter(Boolean)) {
    const [size, type, path] = line.split('\t')
    if (type === 'f') bytes += Number(size)
    if (type === 'd' || (bytes <= most && 'fl'.includes(type!))) names.push(path!)
  }
  return names
}

/** 100,000 files in 1,000 directories. */
export async function bigLayer(place: string, content: Methods): Promise<StoredLayer> {
  const root = join(place, 'big')
  for (let i = 0; i < 1000; i++) {
    const directory = join(root, `d${i}`)
    mkdirSync(directory, { recursive: true })
    for (let k = 0; k < 100; k++) writeFileSync(join(directory, `f${k}`), `${i} ${k}\n`)
  }
  const tar = execFileSync('tar', ['-C', root, '-cf', '-', '.'], { maxBuffer: 1 << 30 })
  execFileSync('rm', ['-rf', root])
  return store(content, tar)
}

async function store(content: Methods, tar: Buffer): Promise<StoredLayer> {
  const blob = gzipSync(tar, { level: 6 })
  const hash = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const digest = hash(blob)
  const talk = content.Write!(metadata()) as NodeJS.ReadWriteStream & AsyncIterable<unknown>
  const answers = talk[Symbol.asyncIterator]()
  const piece = 4 << 20
  for (let offset = 0; offset < blob.length; offset += piece) {
    const isLast = offset + piece >= blob.length
    const last = isLast ? { expected: digest, total: blob.length, labels: { 'containerd.io/gc.root': '2020' } } : {}
    const message = {
      action: isLast ? 2 : 1,
      ref: `bench-${digest}`,
      offset,
      data: blob.subarray(offset, offset + piece),
      ...last,
    }
    ;(talk as unknown as { write(message: object): void }).write(message)
    await answers.next()
  }
  talk.end()
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, diffID: hash(tar), size: blob.length }
}
