/** What is measured: calls as a client of containerd makes them, over its socket. */
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, credentials, type ServiceError } from '@grpc/grpc-js'
import type { MountMessage } from '../../src/snapshotter/wire/messages.js'
import { serviceOf } from '../../src/snapshotter/wire/protos.js'
import { metadata, type StoredLayer } from './material.js'

type Methods = Client & Record<string, (...words: unknown[]) => unknown>
type Call = <T>(method: string, request: object) => Promise<T>

/** One snapshotter through containerd, with the differ that goes with it. */
export interface Contender {
  readonly name: string
  readonly snapshots: Call
  readonly diff: Call
  /** containerd's store itself. */
  readonly content: Methods
}

function callsOf(client: Methods, extra: object): Call {
  return <T>(method: string, request: object) =>
    new Promise<T>((resolve, reject) => {
      const done = (error: ServiceError | null, answer: T) => (error === null ? resolve(answer) : reject(error))
      client[method]!({ ...extra, ...request }, metadata(), done)
    })
}

function client(service: string, socket: string): Methods {
  return new (serviceOf(service))(`unix:${socket}`, credentials.createInsecure()) as unknown as Methods
}

/** Contenders once everything answers. Ours has its own differ, which containerd 1.6 would not call. */
export async function connectAll<N extends string>(names: readonly N[], place: string): Promise<Map<N, Contender>> {
  const [snapshots, diff, content] = ['snapshots.v1.Snapshots', 'diff.v1.Diff', 'content.v1.Content'].map((name) =>
    client(`containerd.services.${name}`, `${place}/c.sock`),
  ) as [Methods, Methods, Methods]
  const own = client('containerd.services.diff.v1.Diff', `${place}/s.sock`)
  const all = new Map<N, Contender>()
  for (const name of names) {
    const differ = callsOf(name === 'stratafs' ? own : diff, {})
    const one = { name, snapshots: callsOf(snapshots, { snapshotter: name }), diff: differ, content }
    for (let tries = 0; ; tries++)
      try {
        await one.snapshots('Stat', { key: 'nobody' })
      } catch (error) {
        if ((error as ServiceError).code === 5) break
        if (tries > 100) throw error
        await sleep(100)
      }
    all.set(name, one)
  }
  return all
}

/** What has it is not collected. */
const ROOTED = { 'containerd.io/gc.root': '2020' }

interface Mounted {
  readonly mounts: readonly MountMessage[]
}

async function timed(act: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await act()
  return performance.now() - begun
}

/** A snapshot above the top of an image, asked for and removed. */
export async function prepareMountRemove({ snapshots }: Contender, parent: string, key: string): Promise<number> {
  return timed(async () => {
    await snapshots('Prepare', { key, parent, labels: ROOTED })
    await snapshots('Mounts', { key })
    await snapshots('Remove', { key })
  })
}

/** One layer above `parent`, committed as `name`, as containerd's client unpacks it. */
export async function applyLayer(
  { snapshots, diff }: Contender,
  { mediaType, digest, size, diffID }: StoredLayer,
  parent: string,
  name: string,
): Promise<void> {
  const key = `extract-1-${name} ${name}`
  const { mounts } = await snapshots<Mounted>('Prepare', { key, parent, labels: ROOTED })
  const { applied } = await diff<{ applied: { digest: string } }>('Apply', {
    diff: { mediaType, digest, size },
    mounts,
  })
  if (applied.digest !== diffID) throw new Error(`${name} became ${applied.digest}, not ${diffID}`)
  await snapshots('Commit', { key, name, labels: ROOTED })
}

/** Every layer, the topmost committed as `name`. */
export async function unpackImage(one: Contender, layers: readonly StoredLayer[], name: string): Promise<number> {
  execFileSync('sync')
  return timed(async () => {
    for (const [at, layer] of layers.entries())
      await applyLayer(
        one,
        layer,
        at === 0 ? '' : `${name}-${at - 1}`,
        at === layers.length - 1 ? name : `${name}-${at}`,
      )
  })
}

/** Ten files are changed in a snapshot above `parent`; then what a commit asks for is timed. */
export async function compare(
  { snapshots, diff }: Contender,
  parent: string,
  key: string,
  mnt: string,
): Promise<number> {
  const { mounts: right } = await snapshots<Mounted>('Prepare', { key, parent, labels: ROOTED })
  mount(right[0]!, mnt)
  for (const directory of readdirSync(mnt).slice(0, 10)) {
    const path = join(mnt, directory)
    writeFileSync(join(path, readdirSync(path)[0]!), `changed ${key}\n`)
  }
  execFileSync('umount', [mnt])
  const ms = await timed(async () => {
    const { mounts: left } = await snapshots<Mounted>('View', { key: `${key}-view`, parent, labels: ROOTED })
    await diff('Diff', { left, right, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' })
    await snapshots('Remove', { key: `${key}-view` })
  })
  await snapshots('Remove', { key })
  return ms
}

function mount({ type, source, options }: MountMessage, target: string): void {
  const words = options.filter((option) => option !== 'rbind')
  if (type === 'bind') execFileSync('mount', ['--rbind', source, target])
  else execFileSync('mount', ['-t', type, '-o', words.join(','), source, target])
}
