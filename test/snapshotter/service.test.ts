/** The snapshots service over its socket, as containerd calls it: its rules, what is on disk, what a kill leaves. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { eventually, MAIN } from '../daemon/harness.js'
import { ask, needsMounts, type Snapshots, snapshots } from './harness.js'

const rejects = (call: Promise<unknown>, code: status, words: RegExp) =>
  assert.rejects(call, (error: { code: status; details: string }) => {
    assert.deepEqual([status[error.code], words.test(error.details)], [status[code], true], error.details)
    return true
  })

/** A layer with one file, named `name`, above `parent`. */
async function layer(s: Snapshots, name: string, parent: string, file: string): Promise<void> {
  const { source } = await s.mountsOf('Prepare', `${name}-work`, parent)
  writeFileSync(join(source, file), `${name}\n`)
  await s.call('Commit', { key: `${name}-work`, name, labels: { made: name } })
}

/** What du counts, without whiteouts. */
function duOf(path: string): { size: number; inodes: number } {
  const du = (...words: string[]) =>
    Number(execFileSync('du', ['-s', ...words, path], { encoding: 'utf8' }).split('\t')[0])
  const devices = execFileSync('find', [path, '-type', 'c', '-printf', '%i\n'], { encoding: 'utf8' }).split('\n')
  return { size: du('-B1'), inodes: du('--inodes') - new Set(devices.filter(Boolean)).size }
}

test('the snapshotter, from its first call to its end', { ...needsMounts, timeout: 120_000 }, async (t) => {
  const s = await snapshots(t, (place) => ['--metrics', `unix:${join(place, 'metrics.sock')}`])

  await t.test('layers, an active snapshot and a view show what they should', async () => {
    const first = await s.mountsOf('Prepare', 'base-work')
    assert.deepEqual([first.type, first.options], ['bind', ['rw', 'rbind']])
    await s.call('Remove', { key: 'base-work' })
    await layer(s, 'base', '', 'a')
    await layer(s, 'next', 'base', 'b')
    const active = await s.mountsOf('Prepare', 'ns/9/box', 'next', { 'containerd.io/gc.root': 'x' })
    assert.deepEqual(readdirSync(active.source), ['a', 'b'])
    rmSync(join(active.source, 'a'))
    writeFileSync(join(active.source, 'c'), 'c\n')
    const view = await s.mountsOf('View', 'look', 'next')
    assert.deepEqual(
      [view.options, readdirSync(view.source)],
      [
        ['ro', 'rbind'],
        ['a', 'b'],
      ],
    )
    assert.throws(() => writeFileSync(join(view.source, 'x'), ''), /EROFS/)
    assert.deepEqual(await s.mountsOf('Mounts', 'ns/9/box'), active)
  })

  await t.test('what is not possible is refused as containerd means it', async () => {
    await rejects(s.call('Prepare', { key: 'look', parent: 'next' }), status.ALREADY_EXISTS, /look/)
    await rejects(s.call('Prepare', { key: 'new', parent: 'nobody' }), status.NOT_FOUND, /nobody/)
    await rejects(s.call('Prepare', { key: 'new', parent: 'ns/9/box' }), status.INVALID_ARGUMENT, /not a committed/)
    await rejects(s.call('Commit', { key: 'look', name: 'x' }), status.FAILED_PRECONDITION, /not active/)
    await rejects(s.call('Commit', { key: 'ns/9/box', name: 'next' }), status.ALREADY_EXISTS, /next/)
    await rejects(s.call('Commit', { key: 'gone', name: 'x' }), status.NOT_FOUND, /gone/)
    await rejects(s.call('Mounts', { key: 'next' }), status.FAILED_PRECONDITION, /neither active nor a view/)
    await rejects(s.call('Remove', { key: 'base' }), status.FAILED_PRECONDITION, /cannot remove snapshot with child/)
    await rejects(s.call('Remove', { key: 'gone' }), status.NOT_FOUND, /gone/)
    await rejects(s.call('Stat', { key: 'gone' }), status.NOT_FOUND, /gone/)
    const sized = { key: 'sized', parent: 'next', labels: { 'containerd.io/snapshot/max-size': 'much' } }
    await rejects(s.call('Prepare', sized), status.INVALID_ARGUMENT, /max-size: much must be a number of bytes/)
    assert.equal((await s.list()).has('sized'), false)
    assert.deepEqual(
      readdirSync(join(s.root, 'snapshots')).length,
      (await s.list()).size,
      'a refused call leaves no directory',
    )
  })

  await t.test('labels: replaced by a commit, changed by their paths', async () => {
    const info = (key: string) => s.call<{ info: { labels: object; updatedAt: object } }>('Stat', { key })
    assert.deepEqual((await info('next')).info.labels, { made: 'next' })
    const update = (labels: object, ...paths: string[]) =>
      s.call('Update', { info: { name: 'next', labels }, updateMask: { paths } })
    await update({ more: 'y', made: 'ignored' }, 'labels.more')
    assert.deepEqual((await info('next')).info.labels, { made: 'next', more: 'y' })
    await rejects(update({}, 'kind'), status.INVALID_ARGUMENT, /only labels/)
    await update({ only: 'z' })
    assert.deepEqual((await info('next')).info.labels, { only: 'z' })
    assert.deepEqual([...(await s.list('labels.only', 'kind==view')).keys()].sort(), ['look', 'next'])
  })

  await t.test('usage is what du counts', async () => {
    for (const [key, id] of [
      ['base', 2],
      ['next', 3],
      ['ns/9/box', 4],
    ] as const) {
      assert.deepEqual(await s.call('Usage', { key }), duOf(join(s.root, 'snapshots', String(id), 'fs')), key)
    }
  })

  await t.test('the usage of a mount without a limit is counted once, and kept', async () => {
    const { source: below } = await s.mountsOf('Prepare', 'whole-work', 'base')
    writeFileSync(join(below, 'large'), Buffer.alloc(6 << 20, 1))
    await s.call('Commit', { key: 'whole-work', name: 'whole' })
    const fs = (await s.mountsOf('Prepare', 'written', 'whole')).source.replace(/merged$/, 'fs')
    const source = fs.replace(/fs$/, 'merged')
    const at = (name: string) => join(source, name)
    const is = async (what: string, hidden = 0) => {
      const { size, inodes } = duOf(fs)
      const expected = { size: size - hidden, inodes: inodes - hidden / 4096 }
      assert.deepEqual(await s.call('Usage', { key: 'written' }), expected, what)
    }
    const open = openSync(at('held'), 'w+')
    writeSync(open, Buffer.alloc(300_000))
    await is('with a file that is open from before')
    writeFileSync(join(fs, 'large-behind'), Buffer.alloc(4096))
    await is('nothing is walked through again: what came past the mount is not seen', 4096)
    rmSync(join(fs, 'large-behind'))
    writeSync(open, Buffer.alloc(500_000))
    await is('what an open file takes by now')
    const hole = openSync(at('hole'), 'w+')
    ftruncateSync(hole, 50 << 20)
    writeSync(hole, Buffer.alloc(10_000), 0, 10_000, 20 << 20)
    await is('holes')
    linkSync(at('hole'), at('linked'))
    mkdirSync(at('d/e'), { recursive: true })
    symlinkSync('x'.repeat(200), at('d/link'))
    chmodSync(at('a'), 0o600)
    const large = openSync(at('large'), 'r+')
    writeSync(large, 'copied up')
    await is('names, directories, copies of what lies below')
    for (const fd of [open, hole, large]) closeSync(fd)
    rmSync(at('hole'))
    truncateSync(at('held'), 5000)
    renameSync(at('held'), at('d/moved'))
    await is('closed, cut, and moved')
    rmSync(at('linked'))
    rmSync(at('d'), { recursive: true })
    rmSync(at('large'))
    await is('removed')
    await s.call('Remove', { key: 'written' })
    await s.call('Remove', { key: 'whole' })
  })

  await t.test('killed: everything is there again, and orphans are gone', async () => {
    const before = [await s.list(), await s.mountsOf('Mounts', 'ns/9/box'), s.mounted()]
    await s.end('SIGKILL')
    mkdirSync(join(s.root, 'snapshots/77/fs/deep'), { recursive: true })
    rmSync(join(s.root, 'snapshots/5/fs'), { recursive: true })
    await s.start()
    assert.deepEqual(
      [await s.list('kind!=view'), await s.mountsOf('Mounts', 'ns/9/box')],
      [new Map([...(before[0] as Map<string, unknown>)].filter(([name]) => name !== 'look')), before[1]],
    )
    assert.match(s.log, /a directory without a snapshot is removed.*snapshots\/77/)
    assert.match(s.log, /a snapshot without a directory is forgotten.*look/)
    await s.call('Cleanup', {})
    assert.deepEqual(readdirSync(join(s.root, 'snapshots')).sort(), ['2', '3', '4'])
    assert.deepEqual(readdirSync((await s.mountsOf('Mounts', 'ns/9/box')).source), ['b', 'c'])
    const view = await s.mountsOf('View', 'look', 'next')
    assert.deepEqual(readdirSync(view.source), ['a', 'b'])
  })

  await t.test('a mount that nobody asked anything has no engine yet, and outlives the snapshotter', async () => {
    const { source } = await s.mountsOf('Prepare', 'idle', 'next')
    const files = () => readdirSync(join(s.place, 'run')).filter((name) => name.endsWith('.json')).length
    const [lines, before] = [s.mountLine(source), files()]
    assert.ok(lines.includes('fuse'))
    await s.end('SIGKILL')
    await s.start()
    assert.deepEqual(await s.call('Usage', { key: 'idle' }), { size: 4096, inodes: 1 })
    assert.deepEqual((await s.mountsOf('Mounts', 'idle')).source, source)
    assert.deepEqual([s.mountLine(source), files()], [lines, before])
    assert.deepEqual(readdirSync(source), ['a', 'b'])
    assert.equal(files(), before + 1)
    await s.call('Remove', { key: 'idle' })
  })

  await t.test('many at once, and a kill amid them: what was answered stays, and shows what it should', async () => {
    const keys = Array.from({ length: 40 }, (_, i) => `many-${i}`)
    const answered: string[] = []
    const calls = keys.map(async (key) => {
      const { source } = await s.mountsOf('Prepare', key, 'next')
      answered.push(source)
      if (answered.length === 20) process.kill(s.pid, 'SIGKILL')
    })
    await Promise.allSettled(calls)
    assert.ok(answered.length >= 20 && answered.length < 40, `${answered.length}`)
    for (const source of answered) assert.deepEqual(readdirSync(source), ['a', 'b'])
    await s.end('SIGKILL')
    await s.start()
    const there = [...(await s.list()).keys()].filter((key) => key.startsWith('many-'))
    assert.ok(there.length >= answered.length)
    for (const key of there) {
      assert.deepEqual(readdirSync((await s.mountsOf('Mounts', key)).source), ['a', 'b'])
      await s.call('Remove', { key })
    }
    await s.call('Cleanup', {})
    assert.equal(readdirSync(join(s.root, 'snapshots')).length, (await s.list()).size)
  })

  await t.test('a mount that can have no engine ends for whoever asks it, and the next call says why', async () => {
    await layer(s, 'lost', 'next', 'l')
    const { source } = await s.mountsOf('Prepare', 'doomed', 'lost')
    const lower = join(s.root, 'snapshots', String(Number(source.split('/').at(-2)) - 1), 'fs')
    renameSync(lower, `${lower}-away`)
    assert.throws(() => readdirSync(source), /ENOTCONN|ECONNABORTED/)
    assert.ok(await eventually(() => s.mountLine(source) === '', 5_000))
    await rejects(s.call('Mounts', { key: 'doomed' }), status.UNKNOWN, /lower.*does not exist/)
    const late = await s.mountsOf('Prepare', 'late', 'lost')
    await rejects(s.call('Mounts', { key: 'late' }), status.UNKNOWN, /lower.*does not exist/)
    assert.equal(s.mountLine(late.source), '', 'a mount that was not taken over is taken away')
    renameSync(`${lower}-away`, lower)
    for (const key of ['doomed', 'late'])
      assert.ok(readdirSync((await s.mountsOf('Mounts', key)).source).includes('l'), key)
    for (const key of ['doomed', 'late', 'lost']) await s.call('Remove', { key })
  })

  await t.test(
    'a snapshot has the size that its label allows, and its usage is what its mount has counted',
    async () => {
      const labels = { 'containerd.io/snapshot/max-size': '1M' }
      for (const [key, parent] of [
        ['sized', 'next'],
        ['alone', ''],
      ] as const) {
        const { source } = await s.mountsOf('Prepare', key, parent, labels)
        writeFileSync(join(source, 'fits'), Buffer.alloc(512 << 10))
        assert.throws(() => writeFileSync(join(source, 'large'), Buffer.alloc(1 << 20)), /ENOSPC/)
        const fs = source.replace(/merged$/, 'fs')
        const du = (...words: string[]) =>
          Number(execFileSync('du', ['-s', ...words, fs], { encoding: 'utf8' }).split('\t')[0])
        assert.deepEqual(await s.call('Usage', { key }), { size: du('-B1'), inodes: du('--inodes') })
        const more = { 'containerd.io/snapshot/max-size': '4M' }
        await s.call('Update', { info: { name: key, labels: more }, updateMask: { paths: ['labels'] } })
        writeFileSync(join(source, 'large'), Buffer.alloc(1 << 20))
        await s.call('Remove', { key })
      }
    },
  )

  await t.test('a mount whose host was killed is made anew', async () => {
    const pid = Number(
      execFileSync('sh', ['-c', `grep -ho '"pid":[0-9]*' ${s.place}/run/*.json | head -1 | cut -d: -f2`]),
    )
    process.kill(pid, 'SIGKILL')
    await eventually(() => !existsSync(`/proc/${pid}/root`), 5_000)
    const { source } = await s.mountsOf('Mounts', 'ns/9/box')
    assert.deepEqual(readdirSync(source), ['b', 'c'])
  })

  await t.test('owners are shown as the labels ask, and stored as the container has them', async () => {
    const labels = {
      'containerd.io/snapshot/uidmapping': '0:100000:65536',
      'containerd.io/snapshot/gidmapping': '0:200000:65536',
    }
    const { source } = await s.mountsOf('Prepare', 'mapped', 'next', labels)
    writeFileSync(join(source, 'mine'), '')
    execFileSync('chown', ['100007:200008', join(source, 'mine')])
    const owner = (path: string) => [statSync(path).uid, statSync(path).gid]
    assert.deepEqual(owner(join(source, 'a')), [100_000, 200_000])
    const id = source.split('/').at(-2)!
    assert.deepEqual(owner(join(s.root, 'snapshots', id, 'fs/mine')), [7, 8])
    await s.call('Remove', { key: 'mapped' })
  })

  await t.test('names of one file stay one file in what is committed', async () => {
    const { source: below } = await s.mountsOf('Prepare', 'links-work')
    execFileSync('sh', ['-c', 'mkdir -p d/e; echo old >one; ln one d/e/two; chmod 700 d'], { cwd: below })
    await s.call('Commit', { key: 'links-work', name: 'links' })
    const { source } = await s.mountsOf('Prepare', 'links-change', 'links')
    writeFileSync(join(source, 'one'), 'new\n')
    assert.equal(readFileSync(join(source, 'd/e/two'), 'utf8'), 'new\n')
    await s.call('Commit', { key: 'links-change', name: 'linked' })
    const { source: view } = await s.mountsOf('View', 'links-view', 'linked')
    assert.equal(readFileSync(join(view, 'd/e/two'), 'utf8'), 'new\n')
    assert.equal(statSync(join(view, 'd')).mode & 0o777, 0o700)
    for (const key of ['links-view', 'linked', 'links']) await s.call('Remove', { key })
  })

  await t.test('health, and counters for Prometheus', async () => {
    const health = s.client('grpc.health.v1.Health')
    assert.deepEqual(await ask(health, 'Check', { service: '' }), { status: 1 })
    await rejects(ask(health, 'Check', { service: 'nobody' }), status.NOT_FOUND, /nobody/)
    const socketPath = s.options[1]!.slice('unix:'.length)
    await rejects(s.call('Remove', { key: 'gone' }), status.NOT_FOUND, /gone/)
    const labels = { 'containerd.io/snapshot/max-size': '1M' }
    readdirSync((await s.mountsOf('Prepare', 'measured', 'next', labels)).source)
    const text = await new Promise<string>((resolve, reject) => {
      get({ socketPath, path: '/metrics' }, async (answer) => {
        let body = ''
        for await (const chunk of answer) body += String(chunk)
        resolve(body)
      }).on('error', reject)
    })
    assert.match(text, /stratafs_snapshotter_snapshots\{kind="committed"\} 2/)
    assert.match(text, /stratafs_snapshotter_call_seconds_count\{method="Mounts",code="OK"\} [1-9]/)
    assert.match(text, /stratafs_snapshotter_errors_total\{method="Remove",code="NOT_FOUND"\} [1-9]/)
    assert.match(text, /stratafs_host_mounts\{pid="\d+"\} [1-9]/)
    assert.match(text, /stratafs_host_resident_bytes\{pid="\d+"\} \d{7}/)
    assert.match(text, /stratafs_mount_usage_bytes\{snapshot="measured"\} \d{4}/)
    await s.call('Remove', { key: 'measured' })
    assert.match(text, /stratafs_mount_requests_total\{snapshot="ns\/9\/box"\} [1-9]/)
  })

  await t.test('who names a path as :authority is told of in the log', async () => {
    const literal = (name: string, value: string) =>
      Buffer.concat([Buffer.of(0x10, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)])
    const fields = { ':method': 'POST', ':scheme': 'http', ':path': '/x', ':authority': '/run/s.sock' }
    const headers = Buffer.concat(Object.entries(fields).map(([name, value]) => literal(name, value)))
    const frame = (type: number, flags: number, stream: number, body: Buffer) =>
      Buffer.concat([Buffer.of(0, 0, body.length, type, flags, 0, 0, 0, stream), body])
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    const client = connect(s.socket)
    t.after(() => client.destroy())
    client.write(Buffer.concat([preface, frame(4, 0, 0, Buffer.alloc(0)), frame(1, 5, 1, headers)]))
    assert.ok(await eventually(() => /their :authority is a path.*localhost/.test(s.log), 5_000), s.log)
  })

  await t.test('removed: nothing is left, and the socket goes with the process', async () => {
    for (const key of ['ns/9/box', 'look', 'next', 'base']) await s.call('Remove', { key })
    await s.call('Cleanup', {})
    assert.deepEqual([(await s.list()).size, readdirSync(join(s.root, 'snapshots')), s.mounted()], [0, [], []])
    const index = join(s.root, 'index/layers')
    assert.deepEqual(existsSync(index) ? readdirSync(index) : [], [])
    assert.equal(await s.end('SIGTERM'), 0)
    assert.equal(existsSync(s.socket), false)
  })
})

test('what makes it warm is seen by nobody, and a kill leaves nothing of it', needsMounts, async (t) => {
  const s = await snapshots(t)
  const temporary = () => readdirSync(join(s.root, 'tmp'))
  const started = async () => {
    s.warmUp = 'on'
    await s.start()
    return eventually(() => s.mounted().length > 1, 10_000)
  }
  await s.end('SIGTERM')
  assert.ok(await started(), 'it mounts something of its own')
  assert.ok(s.mounted().every((path) => path.startsWith(join(s.root, 'tmp/warm-up/'))))
  assert.deepEqual([[...(await s.list())], readdirSync(join(s.root, 'snapshots'))], [[], []])
  await s.end('SIGKILL')
  s.warmUp = 'off'
  await s.start()
  assert.deepEqual([s.mounted(), temporary().filter((name) => !name.startsWith('spare-'))], [[], []])
  await s.end('SIGTERM')
  assert.ok(await started())
  assert.equal(await s.end('SIGTERM'), 0)
  assert.deepEqual([s.mounted(), temporary()], [[], []])
})

test('a host that has just lost its last mount does not end with one on its way to it', needsMounts, async (t) => {
  const s = await snapshots(t)
  await layer(s, 'base', '', 'a')
  for (let i = 0; i < 60; i++) {
    const { source } = await s.mountsOf('Prepare', `box-${i}`, 'base')
    assert.deepEqual(readdirSync(source), ['a'])
    await s.call('Remove', { key: `box-${i}` })
  }
  await s.call('Cleanup', {})
  assert.ok(await eventually(() => !readdirSync(join(s.place, 'run')).some((name) => name.startsWith('host.')), 8_000))
})

test('usage of a mount that mount.fuse3 makes is counted once, and kept', needsMounts, async (t) => {
  const s = await snapshots(t, () => ['--mounts', 'fuse3'])
  await s.call('Prepare', { key: 'base-work' })
  await s.call('Commit', { key: 'base-work', name: 'base' })
  const { type, options } = await s.mountsOf('Prepare', 'box', 'base')
  assert.equal(type, 'fuse3.stratafs')
  const fs = options.find((option) => option.startsWith('upperdir='))!.slice('upperdir='.length)
  const merged = join(s.place, 'merged')
  mkdirSync(merged)
  writeFileSync(join(fs, 'before'), Buffer.alloc(10_000))
  assert.deepEqual(await s.call('Usage', { key: 'box' }), duOf(fs), 'without a mount')
  const words = [MAIN, 'mount', '-o', options.join(','), merged]
  const made = spawnSync(process.execPath, words, { env: s.env, encoding: 'utf8', timeout: 20_000 })
  assert.equal(made.status, 0, made.stderr)
  writeFileSync(join(merged, 'through'), Buffer.alloc(20_000))
  assert.deepEqual(await s.call('Usage', { key: 'box' }), duOf(fs), 'counted')
  const counted = duOf(fs)
  writeFileSync(join(fs, 'behind'), Buffer.alloc(4096))
  assert.deepEqual(await s.call('Usage', { key: 'box' }), counted, 'nobody walks again')
})

test('a second snapshotter on one root is refused, as is a path that is no socket', needsMounts, async (t) => {
  const s = await snapshots(t)
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [MAIN, 'snapshotter', ...words], { encoding: 'utf8', env: s.env, timeout: 20_000 })
  const twice = run('--root', s.root, '--address', join(s.place, 'other.sock'))
  assert.deepEqual([twice.status, /is used by another snapshotter/.test(twice.stderr)], [1, true], twice.stderr)
  writeFileSync(join(s.place, 'plain'), 'kept')
  const wrong = run('--root', join(s.place, 'r2'), '--address', join(s.place, 'plain'))
  assert.deepEqual([wrong.status, /is there, and no socket/.test(wrong.stderr)], [1, true], wrong.stderr)
  assert.equal(readFileSync(join(s.place, 'plain'), 'utf8'), 'kept')
})
