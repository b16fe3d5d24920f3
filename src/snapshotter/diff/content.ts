/**
 * containerd's content store, as the differ uses it. A blob is read from the file that it lies in, where containerd
 * tells its root and lets this caller have the blob; else it is fetched. What is written goes through containerd alone.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { status } from '@grpc/grpc-js'
import { StratafsError } from '../../base/failure.js'
import type { Caller } from '../wire/handlers.js'
import type { Labels } from '../wire/messages.js'
import type { Containerd } from './containerd.js'

const CONTENT = 'containerd.services.content.v1.Content'
const INTROSPECTION = 'containerd.services.introspection.v1.Introspection'
const Action = { WRITE: 1, COMMIT: 2 } as const

/** Bytes of a blob in one message. */
const PIECE = 4 << 20

interface ContentInfo {
  readonly digest: string
  readonly size: number
  readonly labels: Labels
}

/** A blob to be stored. */
interface NewBlob {
  /** Text: where it lies now. */
  readonly path: string
  readonly digest: string
  readonly size: number
  readonly labels: Labels
  /** By which others see it being written; `''`: no matter. */
  readonly ref: string
}

export class ContentStore {
  #root: Promise<string | null> | null = null

  /** `temporary`: a directory for what is fetched; text. */
  constructor(
    private readonly containerd: Containerd,
    private readonly temporary: string,
  ) {}

  /** Lets `use` read the blob `digest` at a path (text). Rejects with what containerd says of it. */
  async reading<T>(digest: string, caller: Caller, use: (path: string) => Promise<T>): Promise<T> {
    const { size } = await this.info(digest, caller)
    const stored = await this.#fileOf(digest, size)
    if (stored !== null) return use(stored)
    const path = `${this.temporary}/blob-${randomBytes(8).toString('hex')}`
    try {
      await this.#fetch(digest, caller, path)
      return await use(path)
    } finally {
      rmSync(path, { force: true })
    }
  }

  async info(digest: string, caller: Caller): Promise<ContentInfo> {
    return (await this.containerd.ask<{ info: ContentInfo }>(CONTENT, 'Info', { digest }, caller)).info
  }

  /** Where the blob lies, or null where that cannot be told. */
  async #fileOf(digest: string, size: number): Promise<string | null> {
    this.#root ??= this.#findRoot()
    const root = await this.#root
    const [algorithm, hash] = digest.split(':')
    if (root === null || !/^[a-z0-9]+:[0-9a-f]+$/.test(digest)) return null
    const path = `${root}/blobs/${algorithm}/${hash}`
    const there = statSync(path, { throwIfNoEntry: false })
    return there?.isFile() && there.size === size ? path : null
  }

  async #findRoot(): Promise<string | null> {
    const request = { filters: ['type==io.containerd.content.v1'] }
    const caller = { namespace: '', lease: '' }
    type Answer = { readonly plugins: readonly { readonly exports: Labels }[] }
    try {
      const { plugins } = await this.containerd.ask<Answer>(INTROSPECTION, 'Plugins', request, caller)
      return plugins.find(({ exports }) => exports.root !== undefined)?.exports.root ?? null
    } catch {
      this.#root = null
      return null
    }
  }

  async #fetch(digest: string, caller: Caller, path: string): Promise<void> {
    const fd = openSync(path, 'wx', 0o600)
    try {
      const pieces = this.containerd.read<{ data: Buffer }>(CONTENT, 'Read', { digest }, caller)
      for await (const { data } of pieces) for (let at = 0; at < data.length; ) at += writeSync(fd, data, at)
    } finally {
      closeSync(fd)
    }
  }

  /** Stores a blob, or finds that it is there; then it has the labels all the same. */
  async store(blob: NewBlob, caller: Caller): Promise<void> {
    try {
      return await this.#write(blob, caller)
    } catch (error) {
      if ((error as { code?: unknown }).code !== status.ALREADY_EXISTS) throw error
    }
    const { labels } = await this.info(blob.digest, caller)
    const missing = Object.keys(blob.labels).filter((name) => labels[name] === undefined)
    if (missing.length === 0) return
    const paths = missing.map((name) => `labels.${name}`)
    const request = { info: { digest: blob.digest, labels: blob.labels }, updateMask: { paths } }
    await this.containerd.ask(CONTENT, 'Update', request, caller)
  }

  async #write({ path, digest, size, labels, ref }: NewBlob, caller: Caller): Promise<void> {
    const name = ref === '' ? `stratafs-diff-${randomBytes(8).toString('hex')}` : ref
    const talk = this.containerd.talk<object, { offset: number }>(CONTENT, 'Write', caller)
    const answers = talk[Symbol.asyncIterator]() as AsyncIterator<{ offset: number }>
    const fd = openSync(path, 'r')
    try {
      for (let offset = 0, isLast = false; !isLast; ) {
        const data = Buffer.allocUnsafe(Math.min(PIECE, size - offset))
        const got = readSync(fd, data, 0, data.length, offset)
        if (got < data.length) throw new StratafsError('the layer became shorter while it was stored')
        isLast = offset + got === size
        const action = isLast ? Action.COMMIT : Action.WRITE
        const last = isLast ? { expected: digest, total: size, labels } : {}
        talk.write({ action, ref: name, offset, data, ...last })
        const { done } = await answers.next()
        if (done) throw new StratafsError('containerd ended the writing of a layer early')
        offset += got
      }
      talk.end()
    } catch (error) {
      talk.cancel()
      if (ref === '') await this.containerd.ask(CONTENT, 'Abort', { ref: name }, caller).catch(() => {})
      throw error
    } finally {
      closeSync(fd)
    }
  }
}
