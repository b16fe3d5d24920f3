/**
 * One mount's life, seen from outside: it answers when the command returns, is found by every question, ends in each of
 * the ways a mount can end, and leaves no process, mount, socket or state behind.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { daemonPids, eventually, isGone, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

function mounted(w: Workspace): number {
  const { status, stderr } = w.run('-o', w.options, w.merged)
  assert.equal(stderr, '')
  assert.equal(status, 0)
  return daemonPids(w.runDirectory)[0]!
}

async function assertGone(w: Workspace, pid: number): Promise<void> {
  assert.ok(await eventually(() => isGone(pid) && !w.isMounted(), 1000), 'the daemon ends within a second')
  assert.deepEqual(readdirSync(w.runDirectory), [])
}

test('V8 is left half of the processors', needsRoot, (t) => {
  const words = readFileSync(`/proc/${mounted(workspace(t))}/cmdline`, 'latin1').split('\0')
  const [threads] = words.flatMap((word) => /^--v8-pool-size=(\d+)$/.exec(word)?.[1] ?? []).map(Number)
  assert.ok(threads !== undefined && threads >= 1 && threads <= Math.max(1, availableParallelism() / 2), `${threads}`)
})

test('the mount answers once the command returns, and unmount waits for the daemon', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  assert.equal(readFileSync(join(w.merged, 'a'), 'utf8'), 'top a\n')
  writeFileSync(join(w.merged, 'b'), 'changed\n')
  const { status, stderr } = w.run('unmount', 'merged')
  assert.equal(stderr, '')
  assert.equal(status, 0)
  assert.ok(isGone(pid))
  await assertGone(w, pid)
  assert.equal(readFileSync(join(w.upper, 'b'), 'utf8'), 'changed\n')
  assert.equal(readFileSync(join(w.base, 'b'), 'utf8'), 'base b\n')
})

test('umount from outside ends the daemon', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  assert.equal(spawnSync('umount', [w.merged]).status, 0)
  await assertGone(w, pid)
})

/** Unmounts while the daemon is held up, mounts on its place until one has its device number, and gives all numbers. */
function mountsAfter(w: Workspace, pid: number, device: string): string[] {
  assert.equal(spawnSync('sh', ['-c', 'umount "$0" && kill -STOP "$1"', w.merged, `${pid}`]).status, 0)
  // The kernel gives the least number that is free.
  const devices: string[] = []
  while (devices.at(-1) !== device && devices.length < 30) {
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', 'next', w.merged]).status, 0)
    devices.push(spawnSync('mountpoint', ['-d', w.merged], { encoding: 'utf8' }).stdout.trim())
  }
  return devices
}

test(
  'what is mounted on its place right after it, under the same device number, is left alone',
  needsRoot,
  async (t) => {
    const w = workspace(t)
    let isSame = false
    // Somebody else's mount may take the number first.
    for (let attempt = 0; attempt < 5 && !isSame; attempt++) {
      const pid = mounted(w)
      const device = w.run('inspect', w.merged, '--format', '{{.Device}}').stdout.trim()
      const devices = mountsAfter(w, pid, device)
      isSame = devices.at(-1) === device
      process.kill(pid, 'SIGCONT')
      assert.ok(await eventually(() => isGone(pid), 3000))
      const there = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
      assert.equal(there.filter((line) => line.includes(` ${w.merged} `)).length, devices.length)
      assert.deepEqual(readdirSync(w.runDirectory), [])
      for (const _ of devices) spawnSync('umount', [w.merged])
    }
    if (!isSame) t.skip('others took the device number five times')
  },
)

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal} unmounts`, needsRoot, async (t) => {
    const w = workspace(t)
    const pid = mounted(w)
    process.kill(pid, signal)
    await assertGone(w, pid)
  })
}

test('a busy mount: unmount refuses, SIGTERM detaches and serves until it is released', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  const fd = openSync(join(w.merged, 'a'), 'r')
  const refused = w.run('unmount', w.merged)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /^stratafs: .* is in use: .*--lazy\n$/)
  process.kill(pid, 'SIGTERM')
  assert.ok(await eventually(() => !w.isMounted(), 1000))
  assert.equal(readFileSync(fd, 'utf8'), 'top a\n')
  assert.equal(isGone(pid), false)
  closeSync(fd)
  await assertGone(w, pid)
})

test('a second signal ends a busy mount at once', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  const fd = openSync(join(w.merged, 'a'), 'r')
  t.after(() => closeSync(fd))
  process.kill(pid, 'SIGTERM')
  assert.ok(await eventually(() => !w.isMounted(), 1000))
  process.kill(pid, 'SIGTERM')
  await assertGone(w, pid)
})

test('unmount --lazy takes a busy mount out of the tree', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  const fd = openSync(join(w.merged, 'a'), 'r')
  assert.equal(w.run('unmount', '--lazy', w.merged).status, 0)
  assert.equal(w.isMounted(), false)
  closeSync(fd)
  await assertGone(w, pid)
})

test('an aborted connection: the mount is taken away and the log says so', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  const control = join(w.root, 'control')
  mkdirSync(control)
  assert.equal(spawnSync('mount', ['-t', 'fusectl', 'none', control]).status, 0)
  const device = w.run('inspect', w.merged, '--format', '{{.Device}}').stdout.trim()
  writeFileSync(join(control, device.split(':')[1]!, 'abort'), '1')
  assert.ok(await eventually(() => isGone(pid) && !w.isMounted(), 2000))
  const [log = '', ...rest] = readdirSync(w.runDirectory)
  assert.deepEqual(rest, [])
  assert.match(readFileSync(join(w.runDirectory, log), 'utf8'), /"level":"error".*the engine ended before the mount/)
})

test('a killed daemon: the dead mount is named, not mounted over, and unmount takes it away', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  process.kill(pid, 'SIGKILL')
  assert.ok(await eventually(() => isGone(pid), 2000))
  assert.match(w.run('inspect', w.merged).stderr, /its daemon is dead/)
  assert.match(w.run('-o', w.options, w.merged).stderr, /is a mount whose daemon has died: run `stratafs unmount/)
  assert.equal(w.run('unmount', w.merged).status, 0)
  assert.equal(w.isMounted(), false)
  assert.ok(!readdirSync(w.runDirectory).some((file) => /\.(json|sock)$/.test(file)))
  mounted(w)
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('inspect, which and stats, also through a bind mount and a relative path', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  writeFileSync(join(w.merged, 'new'), 'n')
  const [document] = JSON.parse(w.run('inspect', 'merged').stdout)
  assert.equal(document.Engine.HardLinkIndex, true)
  assert.deepEqual(
    Object.keys(document.Engine).filter((key) => /index/i.test(key)),
    ['HardLinkIndex'],
  )
  assert.deepEqual(document.GraphDriver, {
    Name: 'stratafs',
    Data: { LowerDir: `${w.top}:${w.base}`, MergedDir: w.merged, UpperDir: w.upper, WorkDir: w.work },
  })
  assert.equal(document.Pid, pid)
  assert.equal(document.Mode, 'rw')
  assert.equal(w.run('inspect', '--all', '--format', '{{.GraphDriver.Data.UpperDir}}').stdout, `${w.upper}\n`)
  assert.equal(w.run('inspect', w.merged, '--format', 'Pid').stdout, `${pid}\n`)
  const text = w.run('which', 'merged/a', 'merged/b', 'merged/new').stdout
  assert.match(text, new RegExp(`^merged/a: lower 0 \\(top\\) ${w.top}/a\n {2}lower 1 \\(base\\) ${w.base} `))
  assert.match(text, new RegExp(`merged/b: lower 1 \\(base\\) ${w.base}/b\nmerged/new: upper ${w.upper}/new\n$`))
  const { paths } = JSON.parse(w.run('which', '--json', 'merged/a').stdout)
  const [origin] = paths
  assert.deepEqual(origin.layer, { position: 0, role: 'lower', name: 'top', path: w.top })
  assert.equal(w.run('which', 'merged/none').status, 1)
  assert.match(w.run('which', '/etc/passwd').stderr, /is in no stratafs mount of yours/)
  mkdirSync(join(w.root, 'bound'))
  assert.equal(spawnSync('mount', ['--bind', w.merged, join(w.root, 'bound')]).status, 0)
  assert.match(w.run('which', 'bound/b').stdout, /bound\/b: lower 1 \(base\) /)
  const stats = JSON.parse(w.run('stats', '--json', w.merged).stdout).mounts[0].counters
  assert.ok(stats.requests > 0 && stats.byKind.INIT.requests === 1)
  assert.match(w.run('stats', w.merged).stdout, /^byKind\.INIT\.requests +1$/m)
})

test('a mount in another mount namespace is found by its path and ended', needsRoot, async (t) => {
  const w = workspace(t)
  const script = `"$0" "$1" -o "$2" "$3" && exec sleep 60`
  const shell = spawn('unshare', ['-m', 'sh', '-c', script, process.execPath, MAIN, w.options, w.merged], {
    env: w.env,
  })
  t.after(() => void shell.kill('SIGKILL'))
  assert.ok(await eventually(() => daemonPids(w.runDirectory).length === 1, 10_000))
  const [pid] = daemonPids(w.runDirectory)
  assert.equal(w.isMounted(), false)
  assert.equal(w.run('inspect', w.merged, '--format', 'Pid').stdout, `${pid}\n`)
  assert.equal(w.run('unmount', w.merged).status, 0)
  await assertGone(w, pid!)
})

test('asked to end while it is being made, a mount is not left without its daemon', needsRoot, async (t) => {
  const w = workspace(t)
  for (let wait = 40; wait < 240; wait += 8) {
    const child = spawn(process.execPath, [MAIN, '-f', '-o', w.options, w.merged], { env: w.env, stdio: 'ignore' })
    await new Promise((resolve) => setTimeout(resolve, wait))
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
    assert.equal(w.isMounted(), false, `after ${wait} ms`)
  }
})

test('in the foreground: logs to standard error, traces with -d, ends well on SIGTERM', needsRoot, async (t) => {
  const w = workspace(t)
  const child = spawn(process.execPath, [MAIN, '-d', '-o', w.options, w.merged], { env: w.env })
  let text = ''
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  const code = new Promise((resolve) => child.on('exit', resolve))
  assert.ok(await eventually(() => text.includes('tx 2 OK'), 10_000))
  assert.ok(await eventually(() => w.isMounted(), 5000))
  readdirSync(w.merged)
  child.kill('SIGTERM')
  assert.equal(await code, 0)
  assert.match(text, / info {2}mounted mountpoint=/)
  assert.match(text, /^rx \d+ INIT n0 /m)
  assert.match(text, /^rx \d+ READDIR(PLUS)? n1 /m)
  assert.equal(w.isMounted(), false)
})

test('the daemon keeps nothing of its caller open', needsRoot, async (t) => {
  const w = workspace(t)
  const args = ['-c', 'exec 57>"$0"; exec "$1" "$2" -o "$3" "$4"', join(w.root, 'held'), process.execPath, MAIN]
  assert.equal(spawnSync('bash', [...args, w.options, w.merged], { env: w.env }).status, 0)
  const [pid] = daemonPids(w.runDirectory)
  assert.equal(existsSync(`/proc/${pid}/fd/57`), false)
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('a log file that was asked for is kept; SIGUSR1 writes the counters', needsRoot, async (t) => {
  const w = workspace(t)
  const log = join(w.root, 'log')
  assert.equal(w.run('mount', '--lower', w.base, '--log-file', 'log', w.merged).status, 0)
  const [pid] = daemonPids(w.runDirectory)
  process.kill(pid!, 'SIGUSR1')
  assert.ok(await eventually(() => readFileSync(log, 'utf8').includes('"msg":"counters"'), 2000))
  assert.equal(w.run('unmount', w.merged).status, 0)
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  const messages: string[] = lines.map((line) => JSON.parse(line).msg)
  // The engine tells its data mode while the main thread tells of the mount.
  const [mode = '', ...others] = messages.filter((message) => message.startsWith('file data: '))
  assert.match(mode, /^file data: (passthrough|cached) \(.+\)$/)
  assert.deepEqual(others, [])
  assert.deepEqual(
    messages.filter((message) => message !== mode),
    ['mounted', 'counters', 'unmounted'],
  )
})

test("mount(8)'s helper: by name, with a source", needsRoot, async (t) => {
  const w = workspace(t)
  const helper = join(w.root, 'mount.fuse.stratafs')
  symlinkSync(MAIN, helper)
  const run = (...args: string[]) => spawnSync(process.execPath, [helper, ...args], { env: w.env, encoding: 'utf8' })
  assert.equal(run('overlay', w.merged, '-f', '-o', w.options).status, 0)
  assert.equal(w.isMounted(), false)
  assert.equal(run('overlay', w.merged, '-o', `rw,nosuid,noexec,nodev,${w.options}`).status, 0)
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((text) => text.includes(` ${w.merged} `))
  assert.match(line ?? '', / rw,nosuid,nodev,noexec.* - fuse\.stratafs overlay rw,/)
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('a name that is not UTF-8 survives the way through', needsRoot, async (t) => {
  const w = workspace(t)
  const script = `d="$1/l$(printf '\\377\\303\\251')"; mkdir "$d"; echo x > "$d/f"; "$2" "$3" mount --lower "$d" "$4"`
  const { status, stderr } = spawnSync('bash', ['-c', script, '-', w.root, process.execPath, MAIN, w.merged], {
    env: w.env,
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  assert.equal(status, 0)
  assert.equal(readFileSync(join(w.merged, 'f'), 'utf8'), 'x\n')
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('a mount of an upper whose last mount is ending waits for it', needsRoot, async (t) => {
  const w = workspace(t)
  mounted(w)
  const open = openSync(join(w.merged, 'b'), 'r')
  assert.equal(spawnSync('umount', ['-l', w.merged]).status, 0)
  const next = spawn(process.execPath, [MAIN, '-o', w.options, w.merged], { env: w.env, stdio: 'ignore' })
  t.after(() => next.kill('SIGKILL'))
  assert.ok(!(await eventually(() => next.exitCode !== null, 700)), 'it waits while the first daemon lives')
  closeSync(open)
  assert.ok(await eventually(() => next.exitCode !== null, 10_000), 'it goes on')
  assert.equal(next.exitCode, 0)
  assert.ok(w.isMounted())
})

test('what a killed daemon left is swept by the next mount', needsRoot, async (t) => {
  const w = workspace(t)
  const pid = mounted(w)
  process.kill(pid, 'SIGKILL')
  assert.ok(await eventually(() => isGone(pid), 5_000))
  assert.equal(spawnSync('umount', ['-l', w.merged]).status, 0)
  const left = readdirSync(w.runDirectory).filter((file) => file.includes(`.${pid}.`) && !file.endsWith('.log'))
  assert.equal(left.length, 2, 'a state file and a socket')
  mounted(w)
  const still = readdirSync(w.runDirectory).filter((file) => left.includes(file))
  assert.deepEqual(still, [])
})

test('the daemon does not inherit what makes Node read every certificate at its start', needsRoot, (t) => {
  const place = workspace(t)
  const env = { ...place.env, NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem', STRATAFS_TEST_KEPT: 'yes' }
  const { status, stderr } = spawnSync(process.execPath, [MAIN, '-o', place.options, place.merged], {
    env,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const environment = readFileSync(`/proc/${daemonPids(place.runDirectory)[0]}/environ`, 'latin1')
  assert.match(environment, /STRATAFS_TEST_KEPT=yes/)
  assert.doesNotMatch(environment, /NODE_EXTRA_CA_CERTS/)
})
