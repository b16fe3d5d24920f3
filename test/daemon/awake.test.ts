/**
 * `awake=1`: while requests follow each other closely idle processors are kept from halting, and soon after they are not. What
 * all programs of the machine wish for together, /dev/cpu_dma_latency itself tells whoever reads it.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { test } from 'node:test'
import { eventually, MAIN, needsRoot, workspace } from './harness.js'

const LATENCY = '/dev/cpu_dma_latency'
const ANY = 2_000_000_000

/** Microseconds, as the kernel takes them into account now. */
function wished(): number {
  const fd = openSync(LATENCY, 'r')
  try {
    const value = Buffer.alloc(4)
    readSync(fd, value, 0, 4, null)
    return value.readInt32LE(0)
  } finally {
    closeSync(fd)
  }
}

const skip = needsRoot.skip !== false ? needsRoot.skip : existsSync(LATENCY) ? false : `needs ${LATENCY}`

test('idle processors are kept awake in busy times, and in no others', { skip }, async (t) => {
  if (wished() !== ANY) return t.skip('some other program keeps processors awake')
  const w = workspace(t)
  assert.equal(w.run('-o', `${w.options},awake=1`, w.merged).status, 0)
  assert.equal(wished(), ANY, 'nobody asks for anything')
  // Each name is asked for once, so that the kernel has to come to us.
  const asking = `for i in $(seq 100000); do [ -e "$0/$i" ]; done`
  const busy = spawn('bash', ['-c', asking, w.merged], { stdio: 'ignore' })
  try {
    assert.ok(await eventually(() => wished() === 0, 10_000), 'while names are asked for')
  } finally {
    busy.kill('SIGKILL')
  }
  assert.ok(await eventually(() => wished() === ANY, 10_000), 'soon after')
  const stats = JSON.parse(w.run('stats', '--json', w.merged).stdout)
  assert.ok(JSON.stringify(stats).includes('"awakenings":'), JSON.stringify(stats))
  assert.equal(w.run('unmount', w.merged).status, 0)
  assert.equal(wished(), ANY)
})

test('without the option nobody is kept awake', { skip }, async (t) => {
  if (wished() !== ANY) return t.skip('some other program keeps processors awake')
  const w = workspace(t)
  assert.equal(w.run('-o', w.options, w.merged).status, 0)
  const busy = spawn('bash', ['-c', 'for i in $(seq 3000); do [ -e "$0/$i" ]; done', w.merged], { stdio: 'ignore' })
  let least = ANY
  const look = setInterval(() => {
    least = Math.min(least, wished())
  }, 1)
  await new Promise((resolve) => busy.once('exit', resolve))
  clearInterval(look)
  assert.equal(least, ANY)
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('where it cannot be had the mount works, and inspect says what it does without', { skip }, (t) => {
  const w = workspace(t)
  const refused = `mount --bind ${LATENCY} ${LATENCY} && mount -o remount,bind,nodev ${LATENCY}`
  const use = `"$0" "$1" -o "$2" "$3" && cat "$3/a" && "$0" "$1" inspect "$3"; umount "$3"`
  const words = ['-m', 'sh', '-c', `${refused} && ${use}`, process.execPath, MAIN, `${w.options},awake=1`, w.merged]
  const { stdout, stderr } = spawnSync('unshare', words, { encoding: 'utf8', env: w.env, cwd: w.root })
  assert.match(stdout, /^top a\n/, stderr)
  assert.match(stdout, /awake=1 is without effect: \/dev\/cpu_dma_latency cannot be opened/)
})
