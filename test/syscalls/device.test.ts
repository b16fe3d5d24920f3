/**
 * The FUSE device against the kernel: a filesystem in a child process (device-server), used from here. This process
 * touches the mount only through node:fs/promises, and a timer ends the child, so that nothing can hang for ever.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Errno, LATER } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { isRoot, openDescriptors } from './support.js'

const SERVER = fileURLToPath(new URL('./device-server.js', import.meta.url))
const LIMIT_MS = 20_000
const skip = !isRoot ? 'needs root, to mount' : existsSync('/dev/fuse') ? false : 'needs /dev/fuse'

interface Report {
  end: number
  again: number
  closed: number
  wakes: number
  unexpected: number
  notified: number
  counters: [reads: number, readBytes: number, writes: number, written: number, requests: number, failed: number]
}

/**
 * Mounts the test filesystem over a backing file with `content`, runs `run`, unmounts, and gives the server's report.
 */
async function serving(
  mode: string,
  content: Buffer,
  run: (mountpoint: string, backing: string, server: number) => Promise<void>,
): Promise<Report> {
  const path = mkdtempSync('/tmp/stratafs-native-')
  const [mountpoint, backing] = [`${path}/mnt`, `${path}/backing`]
  mkdirSync(mountpoint)
  writeFileSync(backing, content)
  const child = spawn(process.execPath, [SERVER, mountpoint, backing, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  try {
    assert.equal((await lines.next()).value, 'mounted')
    await run(mountpoint, backing, child.pid as number)
    assert.equal(native.umount(mountpoint, 0), 0)
    return JSON.parse((await lines.next()).value as string) as Report
  } finally {
    child.kill('SIGKILL')
    await exited
    clearTimeout(timer)
    native.umount(mountpoint, c.MNT_DETACH)
    rmSync(path, { recursive: true, force: true })
  }
}

/** Content in which every position differs from its neighbours. */
function pattern(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let at = 0; at + 4 <= bytes; at += 4) buffer.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
  return buffer
}

/** Reads, writes, reads again: the same whoever answers. */
async function useFile(mountpoint: string, backing: string, name: string, content: Buffer): Promise<void> {
  const file = await open(`${mountpoint}/${name}`, 'r+')
  try {
    const read = Buffer.alloc(content.length + 10)
    assert.equal((await file.read(read, 0, read.length, 0)).bytesRead, content.length)
    assert.ok(read.subarray(0, content.length).equals(content))
    const change = pattern(1_500_000).reverse()
    assert.equal((await file.write(change, 0, change.length, 4097)).bytesWritten, change.length)
    assert.equal((await file.read(read, 0, 100, 4090)).bytesRead, 100)
    assert.ok(read.subarray(7, 100).equals(change.subarray(0, 93)))
    assert.ok(
      readFileSync(backing)
        .subarray(4097, 4097 + change.length)
        .equals(change),
    )
    assert.equal((await file.read(read, 0, 10, content.length + 5)).bytesRead, 0)
  } finally {
    await file.close()
  }
}

test('data of a bound node is served without JavaScript', { skip }, async () => {
  const content = pattern(3_000_001)
  const report = await serving('bound', content, (mountpoint, backing) => useFile(mountpoint, backing, 'file', content))
  const [reads, readBytes, writes, written, requests, failed] = report.counters
  assert.equal(report.unexpected, 0)
  assert.ok(failed <= 4, 'only the ENOSYS of requests that this filesystem does not know')
  assert.ok(reads >= 4 && writes >= 2 && requests > reads + writes)
  assert.deepEqual([readBytes, written], [content.length + 100, 1_500_000])
})

test('the device ends with ENODEV, and was woken once', { skip }, async () => {
  const report = await serving('bound', pattern(10), async (mountpoint) => {
    assert.equal((await stat(`${mountpoint}/file`)).size, 10)
  })
  assert.deepEqual([report.end, report.again, report.closed], [-Errno.ENODEV, -Errno.ENODEV, -Errno.EBADF])
  assert.equal(report.wakes, 1)
  assert.equal(report.notified, 40, 'pwrite to the descriptor sends a notification')
})

/** Processor time that `pid` has used, in ticks of 10 ms. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

test('a connection at rest costs nothing, also right after a busy time', { skip }, async () => {
  const report = await serving('bound', pattern(10), async (mountpoint, _backing, server) => {
    for (let i = 0; i < 2000; i++) await stat(`${mountpoint}/none`).catch(() => {})
    await sleep(50)
    const before = ticksOf(server)
    await sleep(600)
    assert.ok(ticksOf(server) - before <= 2, `${ticksOf(server) - before} ticks in 60 that nobody asked anything`)
  })
  assert.ok(report.counters[4] >= 2000)
})

for (const [mode, name] of [
  ['plain', 'plain'],
  ['traced', 'file'],
] as const)
  test(`data passes through JavaScript where it is to (${mode})`, { skip }, async () => {
    const content = pattern(2_000_000)
    const report = await serving(mode, content, (mountpoint, backing) => useFile(mountpoint, backing, name, content))
    assert.deepEqual(report.counters.slice(0, 4), [0, 0, 0, 0])
  })

test('a node bound for reading only leaves its writes to JavaScript', { skip }, async () => {
  const content = pattern(2_000_000)
  const report = await serving('readonly', content, (mountpoint, backing) =>
    useFile(mountpoint, backing, 'file', content),
  )
  assert.ok(report.counters[0] > 0)
  assert.equal(report.counters[2], 0)
})

test('a malformed reply becomes EIO, and the mount goes on', { skip }, async () => {
  const report = await serving('bound', pattern(10), async (mountpoint) => {
    await assert.rejects(stat(`${mountpoint}/bad`), { code: 'EIO' })
    await assert.rejects(stat(`${mountpoint}/none`), { code: 'ENOENT' })
    assert.equal((await stat(`${mountpoint}/file`)).size, 10)
  })
  assert.ok(report.counters[5] >= 2)
})

test('writeFrom clears setuid and setgid before data, where asked', () => {
  const path = mkdtempSync('/tmp/stratafs-native-')
  const before = openDescriptors()
  try {
    const device = new native.Device(native.openat(c.AT_FDCWD, '/dev/null', c.O_RDWR, 0), -1, 8192)
    const fd = native.openat(c.AT_FDCWD, `${path}/f`, c.O_RDWR | c.O_CREAT, 0o600)
    const written = (mode: number, killSuid: boolean) => {
      native.chmodat(fd, '', mode)
      assert.equal(device.writeFrom(fd, 0, 4, 0, killSuid), 4)
      native.statat(fd, '')
      return native.stat[0]! & 0o7777
    }
    if (isRoot) assert.equal(written(0o6755, false), 0o6755)
    assert.equal(written(0o6755, true), 0o755)
    assert.equal(written(0o6745, true), 0o2745, 'setgid without execution for the group stays')
    assert.equal(device.writeFrom(fd, 8190, 4, 0, false), -Errno.EINVAL)
    assert.equal(device.writeFrom(-1, 0, 4, 0, true), -Errno.EBADF)
    assert.equal(device.readInto(fd, 2 ** 40, 0), 4)
    assert.equal(device.readInto(fd, -1, 0), -Errno.EINVAL)
    assert.equal(device.send(3), -Errno.EINVAL)
    assert.equal(device.send(device.reply.byteLength + 1), -Errno.EINVAL)
    native.close(fd)
    device.close()
    device.close()
    assert.equal(openDescriptors(), before)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})

test('a sync is answered by another thread, and at once where nobody else waits and the last was quick', async () => {
  const path = mkdtempSync('/tmp/stratafs-native-')
  const before = openDescriptors()
  try {
    const device = new native.Device(native.openat(c.AT_FDCWD, `${path}/dev`, c.O_RDWR | c.O_CREAT, 0o600), -1, 8192)
    new Int32Array(device.request, 0, 4).set([48, 20, 0x1234, 0x5678])
    // An error that takes no disk: eventfds cannot be synced.
    const fd = native.eventfd()
    const written = async (bytes: number) => {
      while (readFileSync(`${path}/dev`).length < bytes) await sleep(5)
      return [...new Int32Array(new Uint8Array(readFileSync(`${path}/dev`)).buffer)].slice(-4)
    }
    assert.equal(device.sync(fd, false, false), LATER)
    assert.deepEqual(await written(16), [16, -Errno.EINVAL, 0x1234, 0x5678])
    assert.equal(device.sync(fd, true, false), LATER)
    native.close(fd)
    assert.deepEqual(await written(32), [16, -Errno.EINVAL, 0x1234, 0x5678])
    const again = native.eventfd()
    assert.equal(device.sync(again, true, true), -Errno.EINVAL)
    assert.equal(device.sync(-1, false, false), -Errno.EBADF)
    native.close(again)
    device.close()
    while (openDescriptors() > before) await sleep(5)
    assert.equal(readFileSync(`${path}/dev`).length, 32)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})

test('the kernel opens a file behind a read-only clone for reading and refuses to for writing', { skip }, async (t) => {
  const content = pattern(200_000)
  let code: string | undefined
  const report = await serving('backed', content, async (mountpoint, backing) => {
    const reader = await open(`${mountpoint}/file`, 'r').catch((error) => {
      code = error.code
    })
    if (!reader) return
    const read = Buffer.alloc(200_010)
    assert.equal((await reader.read(read, 0, read.length, 0)).bytesRead, content.length)
    assert.ok(read.subarray(0, content.length).equals(content))
    // The file of a read-only mount is EROFS inside the kernel, and any refusal of a backing EIO outside.
    await assert.rejects(open(`${mountpoint}/file`, 'r+'), { code: 'EIO' })
    await reader.close()
    await assert.rejects(open(`${mountpoint}/file`, 'r+'), { code: 'EIO' })
    await assert.rejects(open(`${mountpoint}/file`, 'a'), { code: 'EIO' })
    assert.ok(readFileSync(backing).equals(content))
  })
  if (code !== undefined) return t.skip(`no passthrough here (${code})`)
  assert.deepEqual(report.counters.slice(0, 4), [0, 0, 0, 0])
})
