/**
 * The diff service over its socket with containerd's own content store behind it: layers in and out, beside what
 * containerd's differ makes of the same snapshots, and what is left to that one.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { MountMessage } from '../../src/snapshotter/wire/messages.js'
import { serviceOf } from '../../src/snapshotter/wire/protos.js'
import { ask, needsMounts, type Snapshots, snapshots } from '../snapshotter/harness.js'
import { notInstalled } from '../tools/installed.js'

const needs = { skip: needsMounts.skip || notInstalled('containerd'), timeout: 120_000 }
const GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip'
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

type Methods = Client & Record<string, (...words: unknown[]) => unknown>

class Store {
  constructor(readonly socket: string) {}

  client(name: string): Methods {
    const made = new (serviceOf(`containerd.services.${name}`))(`unix:${this.socket}`, credentials.createInsecure())
    return made as unknown as Methods
  }

  /** Stores a blob; its descriptor. */
  async put(bytes: Buffer, mediaType = GZIP) {
    const digest = digestOf(bytes)
    const metadata = new Metadata()
    metadata.set('containerd-namespace', 'test')
    const talk = this.client('content.v1.Content').Write!(metadata) as AsyncIterable<unknown> & {
      write(message: object): void
      end(): void
    }
    const labels = { 'containerd.io/gc.root': '2020' }
    talk.write({ action: 2, ref: digest, total: bytes.length, expected: digest, offset: 0, data: bytes, labels })
    talk.end()
    try {
      for await (const _answer of talk);
    } catch (error) {
      if ((error as ServiceError).code !== status.ALREADY_EXISTS) throw error
    }
    return { mediaType, digest, size: bytes.length }
  }

  async read(digest: string): Promise<Buffer> {
    const metadata = new Metadata()
    metadata.set('containerd-namespace', 'test')
    const pieces: Buffer[] = []
    const stream = this.client('content.v1.Content').Read!({ digest }, metadata) as AsyncIterable<{ data: Buffer }>
    for await (const { data } of stream) pieces.push(data)
    return Buffer.concat(pieces)
  }
}

/** A containerd of its own, beside the snapshotter. */
async function containerd(t: TestContext, s: Snapshots): Promise<Store> {
  const config = join(s.place, 'containerd.toml')
  const text = `version = 2\nroot = "${s.place}/containerd"\nstate = "${s.place}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]\n  address = "${s.place}/c.sock"\n[proxy_plugins.stratafs]\n  type = "snapshot"\n  address = "${s.socket}"\n`
  writeFileSync(config, text)
  const child = spawn('containerd', ['-c', config, '-l', 'error'], { stdio: 'ignore' })
  t.after(
    () =>
      new Promise<void>((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  )
  const store = new Store(`${s.place}/c.sock`)
  for (let tries = 0; tries < 100; tries++)
    try {
      await ask(store.client('introspection.v1.Introspection'), 'Plugins', {})
      return store
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  throw new Error('containerd does not answer')
}

function tarOf(place: string, script: string): Buffer {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place)
  execFileSync('bash', ['-ec', script], { cwd: place })
  return execFileSync('tar', ['-C', place, '--numeric-owner', '--xattrs', '--sort=name', '-cf', '-', '.'])
}

const listOf = (tar: Buffer): string[] =>
  execFileSync('tar', ['-tvf', '-', '--numeric-owner'], { input: tar, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    // Without times: what was changed has that of this minute.
    .map((line) => line.replace(/\s+\d{4}-\d\d-\d\d \d\d:\d\d/, '').replace(/ +/g, ' '))
    .map((line) => line.replace(' ./', ' '))
    .sort()

const rejects = (call: Promise<unknown>, code: status, words: RegExp) =>
  assert.rejects(call, (error: ServiceError) => {
    assert.deepEqual([status[error.code], words.test(error.details)], [status[code], true], error.details)
    return true
  })

test('layers in and out, with containerd’s content store', needs, async (t) => {
  const s = await snapshots(t, (place) => ['--containerd', join(place, 'c.sock')])
  const store = await containerd(t, s)
  const diff = s.client('containerd.services.diff.v1.Diff')
  const walking = store.client('diff.v1.Diff')
  const make = join(s.place, 'make')
  const base = tarOf(
    make,
    'mkdir -p d/e many; echo a >a; echo b >d/b; echo e >d/e/e; ln a d/a2; ln -s a l; for i in `seq 50`; do echo $i >many/$i; done; chmod 750 d; chown 7:8 d/b; touch -d 2020-02-02 d many .',
  )
  const next = tarOf(make, 'mkdir d; echo n >new; : >.wh.l; : >d/.wh..wh..opq; echo c >d/c; touch -d 2020-02-02 d')
  const part = tarOf(make, 'mkdir d; echo p >d/p')
  type Applied = { applied: { digest: string; size: number; mediaType: string } }
  // containerd tells a proxied differ no namespace: the snapshot's key has it.
  const apply = (blob: object, mounts: readonly MountMessage[], more = {}) =>
    ask<Applied>(diff, 'Apply', { diff: blob, mounts, ...more }, '')

  const unpack = async (tar: Buffer, name: string, parent: string, labels = {}, commit = {}) => {
    const key = `test/1/extract-1-x ${name}`
    const mount = await s.mountsOf('Prepare', key, parent, labels)
    const { applied } = await apply(await store.put(gzipSync(tar)), [mount])
    assert.deepEqual(applied, {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: digestOf(tar),
      size: tar.length,
      annotations: {},
    })
    await s.call('Commit', { key, name, ...commit })
    return mount
  }

  await t.test('a layer is unpacked into its directory, without a mount', async () => {
    assert.equal((await unpack(base, 'base', '')).type, 'bind')
    const mount = await unpack(next, 'next', 'base')
    assert.deepEqual([mount.type, s.mounted()], ['overlay', []])
    const { source } = await s.mountsOf('View', 'look', 'next')
    assert.deepEqual(readdirSync(source).sort(), ['a', 'd', 'many', 'new'])
    assert.deepEqual(readdirSync(join(source, 'd')), ['c'])
    await s.call('Remove', { key: 'look' })
    const usage = await s.call<{ inodes: number; size: number }>('Usage', { key: 'base' })
    const fs = join(s.root, 'snapshots/1/fs')
    const du = (...words: string[]) =>
      Number(execFileSync('du', ['-s', ...words, fs], { encoding: 'utf8' }).split('\t')[0])
    assert.deepEqual([usage.size, usage.inodes], [du('-B1'), du('--inodes')])
  })

  await t.test('what is damaged, or another’s, is told as that', async () => {
    const mount = await s.mountsOf('Prepare', 'test/1/extract-2-x bad', 'base')
    const cut = await store.put(gzipSync(base).subarray(0, 300))
    await rejects(apply(cut, [mount]), status.FAILED_PRECONDITION, /cut short/)
    assert.deepEqual(readdirSync(join(s.root, 'snapshots', mount.options[0]!.split('/').at(-2)!)).sort(), [
      'fs',
      'merged',
      'work',
    ])
    const whole = await store.put(gzipSync(base))
    await rejects(apply({ ...whole, digest: `sha256:${'0'.repeat(64)}` }, [mount]), status.NOT_FOUND, /not found/)
    await rejects(apply({ ...whole, mediaType: 'x/encrypted' }, [mount]), status.UNIMPLEMENTED, /x\/encrypted/)
    await rejects(apply(whole, [{ ...mount, options: ['upperdir=/tmp'] }]), status.UNIMPLEMENTED, /no directory of/)
    await rejects(apply(whole, []), status.UNIMPLEMENTED, /no directory of/)
    const active = await s.mountsOf('Prepare', 'box', 'base')
    await rejects(apply(whole, [active]), status.UNIMPLEMENTED, /no directory of/)
    await s.call('Remove', { key: 'box' })
    await apply(whole, [mount])
    await rejects(apply(whole, [mount]), status.UNIMPLEMENTED, /holds something already/)
    await s.call('Remove', { key: 'test/1/extract-2-x bad' })
  })

  await t.test('a diff is what containerd’s own finds, without a look at the rest', async () => {
    const right = await s.mountsOf('Prepare', 'test/9/box', 'next')
    const script =
      'echo more >>a; rm -r many; mkdir many; echo 1 >many/1; mv d/c d/moved; mkdir x; echo y >x/y; ln x/y x/z'
    execFileSync('bash', ['-ec', script], { cwd: right.source })
    const left = await s.mountsOf('View', 'test/9/view', 'next')
    const request = { left: [left], right: [right], mediaType: GZIP, labels: { mine: 'kept' } }
    type Made = { diff: { digest: string; size: number } }
    const own = await ask<Made>(diff, 'Diff', request)
    const theirs = await ask<Made>(walking, 'Diff', { ...request, labels: { theirs: 'x' } })
    const [ours, other] = [await store.read(own.diff.digest), await store.read(theirs.diff.digest)].map((blob) =>
      listOf(gunzipSync(blob)),
    )
    // containerd names no root, and hides one by one what an opaque directory hides at once.
    const plain = (lines: string[]) => lines.filter((line) => !line.includes('.wh.') && !line.endsWith(' '))
    assert.deepEqual(plain(ours!), plain(other!))
    const { info } = await ask<{ info: { labels: Record<string, string>; size: number } }>(
      store.client('content.v1.Content'),
      'Info',
      { digest: own.diff.digest },
    )
    assert.equal(info.labels.mine, 'kept')
    assert.equal(info.labels['containerd.io/uncompressed'], digestOf(gunzipSync(await store.read(own.diff.digest))))
    // Unpacked again it shows the same.
    await unpack(gunzipSync(await store.read(own.diff.digest)), 'again', 'next')
    const again = await s.mountsOf('View', 'test/9/again', 'again')
    const print = (at: string) =>
      execFileSync(
        'bash',
        ['-c', 'find . | sort | xargs stat -c "%n %F %a %u:%g"; find . -type f | sort | xargs md5sum'],
        { cwd: at, encoding: 'utf8' },
      )
    assert.equal(print(again.source), print(right.source))
    for (const key of ['test/9/again', 'test/9/view']) await s.call('Remove', { key })
    await rejects(ask(diff, 'Diff', { left: [left], right: [right] }), status.UNIMPLEMENTED, /not this snapshotter’s/)
  })

  await t.test('a layer that gets its parent when it is committed passes through what is below', async () => {
    const labels = { 'containerd.io/snapshot/parent-chain-id': 'base' }
    const mount = await s.mountsOf('Prepare', 'test/1/extract-3-x late', '', labels)
    assert.deepEqual([mount.type, mount.options.some((each) => each.startsWith('lowerdir='))], ['overlay', false])
    const entries = execFileSync('tar', ['-C', make, '-cf', '-', 'd/p'])
    assert.equal(part.length > 0, true)
    await apply(await store.put(gzipSync(entries)), [mount])
    await rejects(
      s.call('Commit', { key: 'test/1/extract-3-x late', name: 'late', parent: 'nobody' }),
      status.NOT_FOUND,
      /nobody/,
    )
    await s.call('Commit', { key: 'test/1/extract-3-x late', name: 'late', parent: 'base' })
    const { source } = await s.mountsOf('View', 'test/9/late', 'late')
    assert.deepEqual(readdirSync(join(source, 'd')).sort(), ['a2', 'b', 'e', 'p'])
    assert.equal(statSync(join(source, 'd')).mode & 0o777, 0o750)
    await s.call('Remove', { key: 'test/9/late' })
  })
})
