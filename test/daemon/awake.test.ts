/**
 * `awake=`: while requests follow each other closely idle processors are kept from halting, and soon after they are
 * not. What all programs of the machine wish for together, /dev/cpu_dma_latency itself tells whoever reads it; others,
 * another run of these tests perhaps, may wish as well, so that what must be waited for is waited for.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readdirSync, readlinkSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chooseAwake, countOf, type IdleFacts, idleFacts } from '../../src/daemon/engine/cpu-latency.js'
import type { AwakeRequest } from '../../src/daemon/options/mount-settings.js'
import { daemonPids, eventually, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

const LATENCY = '/dev/cpu_dma_latency'
const ANY = 2_000_000_000
const PATIENCE_MS = 20_000

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

function obstacle(): string | boolean {
  if (needsRoot.skip !== false) return needsRoot.skip
  try {
    wished()
    return idleFacts().driver === null ? 'needs a cpuidle driver' : false
  } catch (error) {
    return `needs ${LATENCY}: ${(error as Error).message}`
  }
}

const skip = obstacle()

/** A program that asks for one absent name after the other, so that the kernel has to come to us each time. */
function asking(w: Workspace): ChildProcess {
  return spawn('bash', ['-c', 'i=0; while :; do [ -e "$0/$((i++))" ]; done', w.merged], { stdio: 'ignore' })
}

function awakenings(w: Workspace): number {
  return Number(/"awakenings":\s*(\d+)/.exec(w.run('stats', '--json', w.merged).stdout)?.[1] ?? Number.NaN)
}

const isHeldOpen = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === LATENCY)

test('idle processors are kept awake in busy times, and in no others', { skip }, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('-o', `${w.options},awake=1`, w.merged).status, 0)
  assert.equal(awakenings(w), 0, 'nobody asks for anything')
  const busy = asking(w)
  t.after(() => busy.kill('SIGKILL'))
  assert.ok(await eventually(() => awakenings(w) > 0, PATIENCE_MS), 'while names are asked for')
  assert.ok(await eventually(() => wished() === 0, PATIENCE_MS), 'the kernel knows')
  // Whatever else the loop turns to, it lets go first: each question does that, and names asked for take hold again.
  const before = awakenings(w)
  assert.ok(await eventually(() => awakenings(w) > before + 3, PATIENCE_MS), 'after each interruption anew')
  busy.kill('SIGKILL')
  assert.ok(await eventually(() => wished() === ANY, PATIENCE_MS), 'soon after')
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('a mount that is held still for a commit keeps nobody awake', { skip }, async (t) => {
  const w = workspace(t)
  writeFileSync(join(w.upper, 'big'), randomBytes(4 << 20))
  assert.equal(w.run('-o', `${w.options},awake=1`, w.merged).status, 0)
  const busy = asking(w)
  t.after(() => busy.kill('SIGKILL'))
  assert.ok(await eventually(() => wished() === 0, PATIENCE_MS))
  // Its output is a pipe that nobody reads: it waits, with the mount held.
  const words = [MAIN, 'commit', w.merged, '--output', '-']
  const commit = spawn(process.execPath, words, { cwd: w.root, env: w.env, stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => commit.kill('SIGKILL'))
  // Stopped for a moment only, it would take hold again.
  const calm = async (): Promise<boolean> => {
    for (let i = 0; i < 50; i++) {
      if (wished() !== ANY) return false
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return true
  }
  let isCalm = false
  for (const until = Date.now() + PATIENCE_MS; !isCalm && Date.now() < until; ) isCalm = await calm()
  assert.ok(isCalm)
  assert.equal(commit.exitCode, null, 'still under way')
})

test('with awake=0 nobody is kept awake', { skip }, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('-o', `${w.options},awake=0`, w.merged).status, 0)
  const busy = asking(w)
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal(awakenings(w), 0)
  assert.deepEqual(daemonPids(w.runDirectory).map(isHeldOpen), [false])
  busy.kill('SIGKILL')
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

test('without the option it goes by the machine, and inspect says why', { skip }, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('-o', w.options, w.merged).status, 0)
  const busy = asking(w)
  t.after(() => busy.kill('SIGKILL'))
  const { holds, why } = chooseAwake('auto', idleFacts())
  assert.deepEqual(daemonPids(w.runDirectory).map(isHeldOpen), [holds])
  if (holds) assert.ok(await eventually(() => awakenings(w) > 0, PATIENCE_MS))
  const [{ Engine, Downgrades }] = JSON.parse(w.run('inspect', w.merged).stdout)
  assert.deepEqual(Engine.Awake, { Holds: holds, Why: why })
  assert.deepEqual(Downgrades, [], 'nobody asked for it')
})

const HALTING: IdleFacts = { driver: 'haltpoll', polledNs: 0, processors: 2 }

const choices: [wish: AwakeRequest, facts: Partial<IdleFacts>, holds: boolean, why: RegExp][] = [
  ['auto', {}, true, /halt at once/],
  ['auto', { polledNs: 10_000 }, true, /guest_halt_poll_ns=10000/],
  ['auto', { polledNs: 200_000 }, false, /poll by themselves/],
  ['auto', { processors: 1 }, false, /share one processor/],
  ['auto', { processors: 3 }, false, /all of 3 processors/],
  ['auto', { driver: 'intel_idle', polledNs: null }, false, /costs little with cpuidle driver intel_idle/],
  ['auto', { driver: null }, false, /no cpuidle driver/],
  ['on', { processors: 64, polledNs: 200_000 }, true, /awake=1/],
  ['on', { driver: null }, false, /no cpuidle driver/],
  ['off', {}, false, /awake=0/],
]

for (const [wish, facts, holds, why] of choices) {
  test(`${wish}, ${JSON.stringify(facts)}: ${holds ? 'holds' : 'does not'}`, () => {
    const choice = chooseAwake(wish, { ...HALTING, ...facts })
    assert.equal(choice.holds, holds)
    assert.match(choice.why, why)
  })
}

test('a list of processors is counted', () => {
  const lists = ['0', '0-1', '0-3,8', '0-1,4-5', '', 'what']
  assert.deepEqual(lists.map(countOf), [1, 2, 5, 4, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
})
