/**
 * The addon in a second thread: an instance of its own, and an identity that does not touch the rest of the process.
 */
import assert from 'node:assert/strict'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../src/syscalls/stat.js'
import { inScratch, makeFile, needsRoot, ok, openDescriptors, type Scratch } from './support.js'

/** What the worker does and answers; it imports the compiled module by its address. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
import(workerData.module).then(({ native }) => {
  const { fd } = workerData
  const bits = native.enterEngineThread()
  const became = native.become(workerData.uid, workerData.gid, 0o027)
  const made = native.mkdirat(fd, 'theirs', 0o777)
  const again = native.become(workerData.uid, workerData.gid, 0)
  const open = native.mkdirat(fd, 'open', 0o777)
  native.statat(fd, 'theirs')
  const capable = native.hasCapability(21)
  const back = native.become(0, 0, 0)
  const own = native.mkdirat(fd, 'own', 0o777)
  parentPort.postMessage({ bits, became, made, again, open, capable, back, own, size: native.stat[0] })
})
`

interface Report {
  bits: number
  became: number
  made: number
  again: number
  open: number
  capable: number
  back: number
  own: number
  size: number
}

function runWorker(scratch: Scratch, uid: number, gid: number): Promise<Report> {
  const module = new URL('../../src/syscalls/native.js', import.meta.url).href
  const worker = new Worker(WORKER, { eval: true, workerData: { module, fd: scratch.fd, uid, gid } })
  return new Promise<Report>((resolve, reject) => {
    let report: Report | undefined
    worker.once('message', (message: Report) => {
      report = message
    })
    worker.once('error', reject)
    worker.once('exit', (code) => (report ? resolve(report) : reject(new Error(`the worker exited with ${code}`))))
  })
}

function owner(scratch: Scratch, name: string): number[] {
  ok(native.statat(scratch.fd, name))
  return [native.stat[Stat.UID]!, native.stat[Stat.GID]!, native.stat[Stat.MODE]! & 0o7777]
}

async function inOwnDirectory(run: (scratch: Scratch) => Promise<void>): Promise<void> {
  const { mkdtempSync, rmSync } = await import('node:fs')
  const path = mkdtempSync('/tmp/stratafs-native-')
  const fd = ok(native.openat(c.AT_FDCWD, path, c.O_PATH, 0))
  try {
    await run({ fd, path })
  } finally {
    native.close(fd)
    rmSync(path, { recursive: true, force: true })
  }
}

test(
  'an engine thread acts as the caller, keeps its capabilities, and leaves the process alone',
  { skip: needsRoot },
  () =>
    inOwnDirectory(async (scratch) => {
      const umask = process.umask(0o026)
      try {
        const before = openDescriptors()
        const report = await runWorker(scratch, 4242, 4343)
        const all = c.UMASK_IS_PRIVATE | c.CAPABILITIES_KEPT | c.FSUID_CAN_CHANGE
        const done = { bits: all, became: 0, made: 0, again: 0, open: 0, capable: 1, back: 0, own: 0 }
        assert.deepEqual(report, { ...done, size: c.S_IFDIR | 0o750 })
        assert.deepEqual(owner(scratch, 'theirs'), [4242, 4343, 0o750])
        assert.deepEqual(owner(scratch, 'open'), [4242, 4343, 0o777])
        assert.deepEqual(owner(scratch, 'own'), [0, 0, 0o777])
        makeFile(scratch, 'main')
        assert.deepEqual(owner(scratch, 'main'), [0, 0, 0o640])
        assert.ok(openDescriptors() <= before + 1)
        assert.equal(process.umask(), 0o026)
      } finally {
        process.umask(umask)
      }
    }),
)

test('one who may not change identity is told so, and may stay who he is', { skip: needsRoot }, async () => {
  const { spawnSync } = await import('node:child_process')
  const { copyFileSync, chmodSync, mkdtempSync, rmSync } = await import('node:fs')
  const addon = new URL('../../../native-bindings/build/Release/stratafs.node', import.meta.url).pathname
  const path = mkdtempSync('/tmp/stratafs-native-')
  chmodSync(path, 0o755)
  copyFileSync(addon, `${path}/stratafs.node`)
  const script = `const n = require('${path}/stratafs.node')
    console.log(JSON.stringify([n.enterEngineThread() & 4, n.become(1234, 1234, 0), n.become(0, 1234, 0), n.become(1234, 1234, 0)]))`
  const run = spawnSync(process.execPath, ['-e', script], { uid: 1234, gid: 1234, cwd: '/', encoding: 'utf8' })
  rmSync(path, { recursive: true, force: true })
  assert.equal(run.stdout.trim(), '[0,0,-1,0]', run.stderr)
})

test('each instance has its own stat record', () =>
  inScratch('/tmp', (scratch) => {
    assert.equal(native.stat.length, STAT_SLOTS)
    assert.equal(native.fsstat.length, 10)
    ok(native.statat(scratch.fd, ''))
  }))

test('a thread that steps back has the nice value that was asked for', () => {
  const before = getPriority()
  assert.equal(native.stepBack(before + 3), 0)
  assert.equal(getPriority(), Math.min(19, before + 3))
})
