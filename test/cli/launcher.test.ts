/**
 * The launcher (native-bindings/src/launch.c): what is called by it is the command in every respect, only sooner. Each
 * call is made both ways, and mounts by it are looked at from outside, as those of the command are in test/daemon.
 */
import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import {
  daemonPids,
  eventually,
  isGone,
  LAUNCH,
  MAIN,
  needsRoot,
  type Workspace,
  workspace,
} from '../daemon/harness.js'

const SCRIPT = join(checkoutRoot(), 'scripts/stratafs')
const isBuilt = existsSync(LAUNCH)
const needsLauncher = { skip: isBuilt ? needsRoot.skip : 'the launcher has not been built (npm run build:native)' }

const call = (w: Workspace, program: string, ...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(program, args, { cwd: w.root, encoding: 'utf8', env: w.env, timeout: 60_000 })

/** Under another name. */
function link(w: Workspace, name: string, target: string): string {
  const path = join(w.root, `bin-${target === LAUNCH ? 'launch' : 'script'}`, name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
  return path
}

/**
 * Pids of the processes that were called with the mountpoint of `w`: the launcher, and the background process before
 * and after its exec.
 */
function called(w: Workspace): number[] {
  const words = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
    } catch {
      return []
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && words(name).includes(w.merged))
    .map(Number)
}

/**
 * Asks whether nobody is left. Says so the third time that nobody is seen: in the midst of an exec a process has no
 * words.
 */
function departure(w: Workspace): () => boolean {
  let times = 0
  return () => {
    times = called(w).length === 0 ? times + 1 : 0
    return times >= 3
  }
}

/** It serves, it was launched, and it can be taken away. */
async function assertServes(w: Workspace, { status, stderr }: SpawnSyncReturns<string>): Promise<void> {
  assert.equal(stderr, '')
  assert.equal(status, 0)
  assert.equal(readFileSync(join(w.merged, 'b'), 'utf8'), 'base b\n')
  const [pid] = daemonPids(w.runDirectory)
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /\/launched-main\.cjs\0/)
  const ended = w.run('unmount', w.merged)
  assert.deepEqual([ended.stderr, ended.status], ['', 0])
  // The host of launched mounts, which waits for no other one here.
  assert.ok(await eventually(() => isGone(pid!), 5_000))
  assert.deepEqual(readdirSync(w.runDirectory), [])
}

for (const [about, target] of [
  ['the launcher', LAUNCH],
  ['the script', SCRIPT],
] as const) {
  test(`each name and form mounts by ${about}`, needsLauncher, async (t) => {
    const w = workspace(t)
    const program = link(w, 'stratafs', target)
    const layers = ['--lower', 'top', '--lower=base', '--upper', 'upper', '--work=work']
    await assertServes(w, call(w, program, 'mount', ...layers, '-onoatime', w.merged))
    await assertServes(w, call(w, program, '-o', w.options, w.merged))
    await assertServes(w, call(w, program, `-o${w.options}`, '-s', w.merged))
    await assertServes(w, call(w, link(w, 'fuse-overlayfs', target), w.merged, '-o', w.options))
    const helper = link(w, 'mount.stratafs', target)
    await assertServes(w, call(w, helper, 'source', w.merged, '-n', '-t', 'fuse.stratafs', '-o', `rw,${w.options}`))
  })
}

test('relative places are those of the caller, and the mount does not hold its directory', needsLauncher, (t) => {
  const w = workspace(t)
  const { status } = call(w, LAUNCH, '-o', 'lowerdir=top:base,upperdir=upper,workdir=work', 'merged')
  assert.equal(status, 0)
  const [pid] = daemonPids(w.runDirectory)
  const shown = w.run('inspect', 'merged', '--format', '{{.GraphDriver.Data.LowerDir}}').stdout
  assert.equal(shown, `${w.top}:${w.base}\n`)
  // The engine's thread has one of its own.
  for (const task of readdirSync(`/proc/${pid}/task`)) assert.equal(readlinkSync(`/proc/${pid}/task/${task}/cwd`), '/')
  w.run('unmount', w.merged)
})

test('names are bytes', needsLauncher, (t) => {
  const w = workspace(t)
  const script = `b=$(printf 'l\\377') && mkdir "$b" "m$b" && : >"$b/x" &&
    "$0" mount --lower "$b" --lower base "m$b" && ls "m$b" && "$0" unmount "m$b" &&
    "$0" -o "lowerdir=$b:base" "m$b" && ls "m$b" && "$0" unmount "m$b"`
  const run = call(w, 'sh', '-c', script, LAUNCH)
  assert.deepEqual([run.stderr, run.stdout, run.status], ['', 'a\nb\nx\na\nb\nx\n', 0])
})

/** What it said and how it ended, by the launcher and by the command itself; mounts are taken away again. */
function bothWays(t: TestContext, args: (w: Workspace) => string[], env: NodeJS.ProcessEnv = {}): unknown[] {
  const outcome = (program: string, words: readonly string[]): unknown[] => {
    const w = workspace(t)
    const run = spawnSync(program, [...words, ...args(w)], { cwd: w.root, encoding: 'utf8', env: { ...w.env, ...env } })
    const mounted = w.isMounted()
    if (mounted) w.run('unmount', w.merged)
    const plain = (text: string) => text.replaceAll(w.root, '').replace(/(usage|example): \S+/g, '$1:')
    return [run.status, plain(run.stdout), plain(run.stderr), mounted]
  }
  const launcher = outcome(LAUNCH, [])
  assert.deepEqual(launcher, outcome(process.execPath, [MAIN]))
  return launcher
}

const calls: [args: (w: Workspace) => string[], status: number, stderr: RegExp][] = [
  [(w) => ['-o', `${w.options},frobnicate`, '--strange', w.merged], 0, /--strange; ignored\n.*frobnicate; ignored\n$/],
  [(w) => ['-o', `${w.options},frobnicate,volatile=1`, w.merged], 0, /frobnicate; ignored\n.*volatile.*; ignored\n$/],
  [(w) => ['mount', '--lower', w.base, w.merged], 0, /^$/],
  [(w) => ['mount', '--lower', w.base, '-o', 'frobnicate', w.merged], 2, /unknown option frobnicate\n$/],
  [(w) => ['mount', '--lower', w.base, '-o', 'metacopy=maybe', w.merged], 2, /metacopy=maybe/],
  [(w) => ['-o', `lowerdir=${w.base},metacopy=maybe`, w.merged], 1, /metacopy=maybe/],
  [(w) => ['-o', 'ro', w.merged], 1, /no lower directory/],
  [(w) => ['-o', `lowerdir=${w.base}`, '/none/such'], 1, /mountpoint \/none\/such does not exist/],
  [(w) => ['mount', '--lower', w.base, '--upper', w.upper, '--work', '/none', w.merged], 1, /workdir \/none/],
  [
    (w) => ['mount', '--lower', w.base, '--log-file', '/none/log', w.merged],
    1,
    /log file \/none\/log cannot be opened/,
  ],
  [(w) => ['mount', '--lowr', w.base, w.merged], 2, /unknown option --lowr: did you mean --lower/],
  [(w) => ['mount', '--lower', w.base], 2, /a directory or file has to be named/],
  [(w) => ['mount', '--lower', w.base, w.merged, 'n'], 2, /there is no place for n /],
  [(w) => ['mount', '--lower', '-x', w.merged], 2, /unknown option -x /],
  [() => ['-o'], 2, /-o needs a value after it/],
  [() => ['-o', 'x', 'a', 'b', 'c'], 2, /more than one mountpoint/],
  [() => [], 2, /no command given/],
  [() => ['mont'], 2, /did you mean mount\?/],
  [() => ['-V'], 0, /^$/],
  [() => ['-f', '--help'], 0, /^$/],
  [(w) => ['inspect', w.merged], 1, /is not a stratafs mount/],
]
for (const [args, status, stderr] of calls) {
  const about = args({ options: 'OPTIONS', base: 'BASE', upper: 'UPPER', merged: 'M' } as Workspace).join(' ')
  test(`both ways: ${about || '(nothing)'}`, needsLauncher, (t) => {
    const [code, , words] = bothWays(t, args)
    assert.equal(code, status)
    assert.match(words as string, stderr)
  })
}

test('both ways without the addon', needsLauncher, (t) => {
  const none = { STRATAFS_ADDON: 'none' }
  bothWays(t, (w) => ['mount', '--transport', 'dev-fuse', '--lower', w.base, w.merged], none)
})

test('in the foreground the process stays the one that was started', needsLauncher, async (t) => {
  const w = workspace(t)
  const started = spawn(LAUNCH, ['mount', '-f', '-o', w.options, w.merged], { env: w.env, stdio: 'ignore' })
  t.after(() => started.kill('SIGKILL'))
  assert.ok(await eventually(() => daemonPids(w.runDirectory).length > 0, 10_000))
  assert.deepEqual(daemonPids(w.runDirectory), [started.pid])
  started.kill('SIGTERM')
  assert.ok(await eventually(() => started.exitCode === 0, 5_000))
})

test('the log goes to the journal where standard error is that', needsLauncher, (t) => {
  const w = workspace(t)
  const journal = openSync(join(w.root, 'journal'), 'w')
  const { dev, ino } = fstatSync(journal)
  const env = { ...w.env, JOURNAL_STREAM: `${dev}:${ino}` }
  const { status } = spawnSync(LAUNCH, ['-o', w.options, w.merged], { env, stdio: ['ignore', 'ignore', journal] })
  assert.equal(status, 0)
  assert.deepEqual(
    readdirSync(w.runDirectory).filter((name) => name.endsWith('.log')),
    [],
  )
  w.run('unmount', w.merged)
  assert.match(readFileSync(join(w.root, 'journal'), 'utf8'), /"mounted".*"unmounted"/s)
})

test('nothing of the caller stays open in the mount', needsLauncher, async (t) => {
  const w = workspace(t)
  // It returns only when every pipe has been closed at the other end.
  const stdio = Array.from({ length: 24 }, () => 'pipe' as const)
  const run = spawnSync(LAUNCH, ['-o', w.options, w.merged], { env: w.env, stdio, encoding: 'utf8', timeout: 20_000 })
  assert.equal(run.error, undefined)
  await assertServes(w, run)
})

for (const milliseconds of [0, 3, 15, 40, 70]) {
  test(`ended after ${milliseconds} ms it leaves a mount or nothing`, needsLauncher, async (t) => {
    const w = workspace(t)
    const started = spawn(LAUNCH, ['-o', w.options, w.merged], { env: w.env, stdio: 'ignore' })
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    started.kill('SIGTERM')
    const isRegistered = () => daemonPids(w.runDirectory).length > 0
    const isOver = departure(w)
    assert.ok(await eventually(() => isRegistered() || isOver(), 10_000))
    if (isRegistered()) assert.equal(w.run('unmount', w.merged).status, 0)
    assert.ok(await eventually(departure(w), 2_000))
    assert.ok(!w.isMounted())
  })
}

test('the end of the background process is told', needsLauncher, async (t) => {
  const w = workspace(t)
  const started = spawn(LAUNCH, ['-o', w.options, w.merged], { env: w.env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  started.stderr.on('data', (text) => {
    said += text
  })
  const children = () => readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8').trim()
  assert.ok(await eventually(() => children() !== '', 2_000))
  process.kill(Number(children()), 'SIGKILL')
  assert.ok(await eventually(() => started.exitCode === 1, 5_000))
  assert.equal(said, 'stratafs: the background process died before it mounted (SIGKILL)\n')
  assert.ok(!w.isMounted())
})
