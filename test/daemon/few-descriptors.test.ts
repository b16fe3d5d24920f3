/** A mount, or many in one host, that may have few descriptors and no more does all the same what any mount does. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { notInstalled } from '../tools/installed.js'
import { daemonPids, eventually, LAUNCH, MAIN, needsRoot, workspace } from './harness.js'

const skip = needsRoot.skip || notInstalled('prlimit', 'diff')
const DIRECTORIES = 150

/** 60 files are kept open at once for writing, more than there are descriptors for. */
const LOAD = `set -e; cd "$1"; cp -r . ../copy; diff -r . ../copy; test $(find . -type f | wc -l) = ${2 * DIRECTORIES + 2}
for i in $(seq 60); do echo more >>d$i/f; done; test $(cat d*/f | wc -l) = ${DIRECTORIES + 60}
for i in $(seq 60); do eval "exec $((i + 10))<>d$i/s/g"; eval "echo open >&$((i + 10))"; done
test $(cat d*/s/g | grep -c open) = 60
for i in $(seq 60); do eval "exec $((i + 10))>&-"; done
rm -r d*; test $(ls | wc -l) = 2`

for (const data of ['passthrough', 'cached'])
  test(`a mount with 64 descriptors: ${data}`, { skip }, (t) => {
    const w = workspace(t)
    for (let i = 1; i <= DIRECTORIES; i++) {
      mkdirSync(join(w.base, `d${i}/s`), { recursive: true })
      writeFileSync(join(w.base, `d${i}/f`), `${i}\n`)
      writeFileSync(join(w.base, `d${i}/s/g`), `${i}\n`)
    }
    const mount = [process.execPath, MAIN, 'mount', '-o', `${w.options},data=${data}`, w.merged]
    const { status, stderr } = spawnSync('prlimit', ['--nofile=64:64', ...mount], { encoding: 'utf8', env: w.env })
    assert.equal(status, 0, stderr)
    const load = spawnSync('bash', ['-c', LOAD, 'load', w.merged], { encoding: 'utf8', timeout: 120_000 })
    assert.equal(load.status, 0, load.stderr)
  })

const MOUNTS = 20
const LEAST = 64
const QUIET_MS = 700

/** Waits until `pid` opens nothing more: the indexes of all its mounts are filled, or it has no descriptor left. */
async function isQuiet(pid: number): Promise<void> {
  let open = 0
  let since = Date.now()
  await eventually(() => {
    const now = readdirSync(`/proc/${pid}/fd`).length
    if (now !== open) since = Date.now()
    open = now
    return Date.now() - since > QUIET_MS
  }, 15_000)
}

test(`${MOUNTS} mounts of one host that has descriptors for the directories of two`, { skip }, async (t) => {
  const w = workspace(t)
  const env = { ...w.env, STRATAFS_NAME: 'stratafs', STRATAFS_HOST_IDLE: '0' }
  for (let i = 0; i < DIRECTORIES; i++) {
    mkdirSync(join(w.base, `d${i}/s`), { recursive: true })
    writeFileSync(join(w.base, `d${i}/s/g`), `${i}\n`)
  }
  const places = Array.from({ length: MOUNTS }, (_, i) => ['u', 'w', 'm'].map((part) => join(w.root, `${part}${i}`)))
  for (const place of places) for (const path of place) mkdirSync(path)
  // Each mount holds some for good: its device, its layers, its index.
  const limit = 4 * DIRECTORIES + MOUNTS * LEAST
  for (const [upper, work, merged] of places) {
    const options = `lowerdir=${w.base},upperdir=${upper},workdir=${work}`
    const mount = [`--nofile=${limit}:${limit}`, LAUNCH, '-o', options, merged!]
    const { status, stderr } = spawnSync('prlimit', mount, { encoding: 'utf8', env })
    assert.deepEqual([status, stderr], [0, ''])
  }
  await isQuiet(daemonPids(w.runDirectory)[0]!)
  for (const [, , merged] of places) {
    const read = spawnSync('grep', ['-rc', '', merged!], { encoding: 'utf8', timeout: 60_000 })
    assert.deepEqual([read.stderr, read.stdout.trim().split('\n').length], ['', DIRECTORIES + 2])
  }
  for (const [, , merged] of places) assert.equal(spawnSync('umount', [merged!]).status, 0)
})
