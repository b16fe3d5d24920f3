/**
 * One process for many mounts: who shares it, who gets one of his own, how it begins and ends. All by the launcher, as
 * people and runtimes call it.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { askDaemon } from '../../src/daemon/control/control-client.js'
import { eventually, isGone, LAUNCH, needsRoot, type Workspace, workspace } from './harness.js'

interface Told {
  readonly pid: number
  readonly mountpoint: string
}

/** A workspace whose launched mounts share a host that ends `idle` seconds after the last. */
function hosted(t: TestContext, idle = 0): Workspace & { launch: (...args: string[]) => ReturnType<typeof spawnSync> } {
  const space = workspace(t)
  Object.assign(space.env, { STRATAFS_NAME: 'stratafs', STRATAFS_HOST_IDLE: String(idle) })
  const launch = (...args: string[]) =>
    spawnSync(LAUNCH, args, { cwd: space.root, encoding: 'utf8', env: space.env, timeout: 60_000 })
  t.after(async () => {
    for (const { mountpoint } of states(space)) spawnSync('umount', ['-l', mountpoint])
    const hosts = () => readdirSync(space.runDirectory).filter((file) => file.endsWith('.sock'))
    await eventually(() => !existsSync(space.runDirectory) || hosts().length === 0, 5_000)
  })
  return { ...space, launch }
}

/** Makes the directories of mount `name`, and its arguments. */
function mountOf(space: Workspace, name: string, ...more: string[]): string[] {
  for (const part of ['u', 'w', 'm']) mkdirSync(join(space.root, part + name))
  const at = (part: string): string => join(space.root, part + name)
  return ['mount', '--lower', space.base, '--upper', at('u'), '--work', at('w'), ...more, at('m')]
}

function states(space: Workspace): Told[] {
  if (!existsSync(space.runDirectory)) return []
  const files = readdirSync(space.runDirectory).filter((file) => file.endsWith('.json'))
  return files.map((file) => JSON.parse(readFileSync(join(space.runDirectory, file), 'utf8')) as Told)
}

const pids = (space: Workspace): number[] => [...new Set(states(space).map(({ pid }) => pid))]

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once('exit', (code) => resolve(code)))

describe('one host for many mounts', needsRoot, () => {
  it('serves further mounts by the same process, each with its own upper, and ends after the last', async (t) => {
    const space = hosted(t)
    for (const name of ['1', '2', '3']) assert.equal(space.launch(...mountOf(space, name)).status, 0)
    const [pid, ...others] = pids(space)
    assert.deepEqual([others, states(space).length], [[], 3])
    writeFileSync(join(space.root, 'm2/new'), 'two\n')
    assert.equal(readFileSync(join(space.root, 'u2/new'), 'utf8'), 'two\n')
    assert.equal(existsSync(join(space.root, 'm1/new')), false)
    const shown = spawnSync(LAUNCH, ['host', 'status', '--json'], { encoding: 'utf8', env: space.env })
    assert.deepEqual(
      JSON.parse(shown.stdout).hosts[0].mounts,
      ['1', '2', '3'].map((name) => join(space.root, `m${name}`)),
    )
    assert.equal(space.launch('unmount', 'm2').status, 0)
    assert.equal(readFileSync(join(space.root, 'm3/b'), 'utf8'), 'base b\n')
    for (const name of ['1', '3']) assert.equal(space.launch('unmount', `m${name}`).status, 0)
    assert.equal(await eventually(() => isGone(pid!), 5_000), true)
    assert.deepEqual(readdirSync(space.runDirectory), [])
  })

  it('is one, however many first mounts come at the same time', async (t) => {
    const space = hosted(t)
    const calls = ['1', '2', '3', '4'].map((name) => mountOf(space, name))
    const racing = calls.map((args) => spawn(LAUNCH, args, { cwd: space.root, env: space.env, stdio: 'ignore' }))
    assert.deepEqual(await Promise.all(racing.map(ended)), [0, 0, 0, 0])
    assert.deepEqual([pids(space).length, states(space).length], [1, 4])
  })

  it('is not shared with another mount namespace, another user namespace or other capabilities', (t) => {
    const space = hosted(t)
    assert.equal(space.launch(...mountOf(space, '1')).status, 0)
    const inside = (program: string, words: string[], name: string) => {
      const script = 'mount=$1; shift; "$@" && cat "$mount/b" && ls "$STRATAFS_RUN_DIR" | grep -c json; umount "$mount"'
      const call = [...words, 'sh', '-c', script, 'sh', join(space.root, `m${name}`), LAUNCH, ...mountOf(space, name)]
      const env = { ...space.env, STRATAFS_RUN_DIR: space.runDirectory }
      return spawnSync(program, call, { cwd: space.root, encoding: 'utf8', env, timeout: 30_000 }).stdout
    }
    assert.match(inside('unshare', ['-m'], '2'), /base b\n/)
    assert.match(inside('unshare', ['-Urm'], '3'), /base b\n/)
    assert.match(inside('setpriv', ['--bounding-set=-sys_boot', '--inh-caps=-sys_boot'], '4'), /base b\n/)
    const [host] = pids(space)
    assert.equal(states(space).filter(({ pid }) => pid === host).length, 1)
  })

  it('carries out commands about snapshots, with the words of a process of their own', async (t) => {
    const space = hosted(t)
    assert.equal(space.launch(...mountOf(space, '1')).status, 0)
    for (const name of ['try', 'two', 'here']) mkdirSync(join(space.root, name))
    t.after(() => {
      for (const name of ['try', 'two', 'here']) spawnSync('umount', ['-l', join(space.root, name)])
    })
    const both = (...args: string[]) => {
      const env = { ...space.env, STRATAFS_HOST: 'off' }
      const apart = spawnSync(LAUNCH, args, { cwd: space.root, encoding: 'utf8', env, timeout: 60_000 })
      const { status, stdout, stderr } = space.launch(...args)
      assert.deepEqual([status, stdout, stderr], [apart.status, apart.stdout, apart.stderr])
      return { status, stdout, stderr }
    }
    const told = (...args: string[]) => {
      const { status, stdout, stderr } = space.launch(...args)
      return [status, stdout, stderr]
    }
    assert.deepEqual(told('snapshot', 'create', 'm1', 'one', '-m', 'a message'), [0, 'one\n', ''])
    assert.match(String(both('snapshot', 'create', 'm1', 'one').stderr), /no snapshot of m1: there is a snapshot one/)
    assert.equal(both('snapshot', 'create', 'nowhere').status, 1)
    assert.equal(both('snapshot', 'create', 'm1', '--message').status, 2)
    assert.match(String(both('snapshot', 'restore', '--help').stdout), /go back to a snapshot/)
    writeFileSync(join(space.root, 'm1/since'), '')
    assert.deepEqual(told('snapshot', 'restore', 'm1', 'one'), [0, 'before-restore-one\n', ''])
    assert.equal(existsSync(join(space.root, 'm1/since')), false)
    assert.deepEqual(told('branch', 'create', 'm1', 'try', 'try', '--from', 'before-restore-one'), [0, '', ''])
    assert.equal(existsSync(join(space.root, 'try/since')), true)
    const made = JSON.parse(String(space.launch('branch', 'create', 'm1', 'two', 'two', '--json').stdout))
    assert.deepEqual([made.name, made.mounted, made.mountpoint], ['two', true, join(space.root, 'two')])
    assert.match(String(both('branch', 'create', 'm1', 'two', 'here').stderr), /there is a branch two already/)
    assert.deepEqual(await run(space, 'branch', 'create', 'm1', 'here', 'here'), ['wait', 'exit 0'])
    assert.deepEqual(await run(space, 'snapshot', 'create', 'm1', 'last'), ['wait', 'out last\n', 'exit 0'])
    assert.deepEqual(await run(space, 'snapshot', 'list', 'm1'), ['wait', 'other'])
    assert.equal(pids(space).length, 1)
  })

  it('is not used where a mount is to have a process of its own', (t) => {
    const space = hosted(t)
    assert.equal(space.launch(...mountOf(space, '1')).status, 0)
    assert.equal(space.launch(...mountOf(space, '2', '-o', 'host=off')).status, 0)
    assert.equal(pids(space).length, 2)
  })

  it('refuses to stop while it has mounts, naming them; without one it ends', async (t) => {
    const space = hosted(t, 60)
    assert.equal(space.launch(...mountOf(space, '1')).status, 0)
    const [pid] = pids(space)
    const refused = space.launch('host', 'stop')
    assert.deepEqual([refused.status, String(refused.stderr).includes(join(space.root, 'm1'))], [1, true])
    assert.equal(space.launch('unmount', 'm1').status, 0)
    assert.equal(isGone(pid!), false)
    assert.equal(space.launch(...mountOf(space, '2')).status, 0)
    assert.deepEqual(pids(space), [pid])
    assert.equal(space.launch('unmount', 'm2').status, 0)
    assert.equal(space.launch('host', 'stop').status, 0)
    assert.equal(await eventually(() => isGone(pid!), 5_000), true)
    assert.deepEqual(readdirSync(space.runDirectory), [])
  })

  it('says a refusal in the same words as a process of its own, and goes on', (t) => {
    const space = hosted(t)
    assert.equal(space.launch(...mountOf(space, '1')).status, 0)
    const refuse = (...more: string[]) => {
      const { status, stderr } = space.launch('mount', '--lower', '/nowhere', ...more, space.merged)
      return [status, stderr]
    }
    assert.deepEqual(refuse(), refuse('-o', 'host=off'))
    const held = space.launch('mount', '--lower', space.base, '--upper', 'u1', '--work', 'w1', space.merged)
    assert.match(String(held.stderr), /u1 is in use by another mount/)
    assert.equal(readFileSync(join(space.root, 'm1/b'), 'utf8'), 'base b\n')
  })

  it('holds one mount still and serves the others', async (t) => {
    const space = hosted(t)
    for (const name of ['1', '2']) assert.equal(space.launch(...mountOf(space, name)).status, 0)
    const files = readdirSync(space.runDirectory).filter((file) => file.endsWith('.json'))
    const one = files.find((file) => readFileSync(join(space.runDirectory, file), 'utf8').includes(`${space.root}/m1`))
    const socket = join(space.runDirectory, one!.replace('.json', '.sock'))
    const holding = askAndKeep(socket, { command: 'hold', seconds: 20 })
    assert.equal((await holding.answer).ok, true)
    const make = spawn('mkdir', [join(space.root, 'm1/made')], { stdio: 'ignore' })
    const made = ended(make)
    assert.equal(spawnSync('mkdir', [join(space.root, 'm2/made')], { timeout: 10_000 }).status, 0)
    assert.equal(existsSync(join(space.root, 'u1/made')), false)
    holding.end()
    assert.equal(await made, 0)
  })

  it('goes on with its other mounts while a layer of one does not answer', async (t) => {
    const space = hosted(t)
    assert.equal(space.launch(...mountOf(space, 'below', '-o', 'host=off')).status, 0)
    const [below] = pids(space)
    mkdirSync(join(space.root, 'mtop'))
    assert.equal(space.launch('mount', '--lower', 'mbelow', join(space.root, 'mtop')).status, 0)
    assert.equal(space.launch(...mountOf(space, '2')).status, 0)
    process.kill(below!, 'SIGSTOP')
    try {
      const waits = spawn('ls', ['-l', join(space.root, 'mtop')], { stdio: 'ignore' })
      const over = ended(waits)
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.equal(spawnSync('ls', ['-l', join(space.root, 'm2')], { timeout: 5_000 }).status, 0)
      process.kill(below!, 'SIGCONT')
      assert.equal(await over, 0)
    } finally {
      process.kill(below!, 'SIGCONT')
      spawnSync('umount', ['-l', join(space.root, 'mtop')])
    }
  })

  it('is followed also while the one before is still dying, and somebody looks for it', async (t) => {
    const space = workspace(t)
    const path = join(space.root, 'host.sock')
    const dying = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => dying.listen(path, resolve))
    t.after(() => dying.close())
    const looking = spawn('flock', [join(space.root, 'host.lock'), 'sleep', '0.5'])
    const isHeld = () => spawnSync('flock', ['-n', join(space.root, 'host.lock'), 'true']).status === 1
    assert.equal(await eventually(isHeld, 5_000), true)
    const module = new URL('../../src/daemon/host/host.js', import.meta.url).href
    const follows = `const { Host } = await import('${module}')
      process.exit((await Host.follow('${path}', { prepare: () => null, run: async () => null })) === null ? 1 : 0)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', follows], { env: space.env, stdio: 'inherit' })
    assert.equal(await ended(child), 0)
    if (looking.exitCode === null) await ended(looking)
  })

  it('leaves what can be unmounted and mounted again when it is killed, and no change is lost', async (t) => {
    const space = hosted(t)
    for (const name of ['1', '2']) assert.equal(space.launch(...mountOf(space, name)).status, 0)
    writeFileSync(join(space.root, 'm1/kept'), 'kept\n')
    const [pid] = pids(space)
    process.kill(pid!, 'SIGKILL')
    assert.equal(await eventually(() => isGone(pid!), 5_000), true)
    assert.notEqual(spawnSync('ls', [join(space.root, 'm1')], { timeout: 5_000 }).status, 0)
    for (const name of ['1', '2']) assert.equal(space.launch('unmount', `m${name}`).status, 0)
    const again = ['--lower', space.base, '--upper', 'u1', '--work', 'w1', join(space.root, 'm1')]
    assert.equal(space.launch('mount', ...again).status, 0)
    assert.equal(readFileSync(join(space.root, 'm1/kept'), 'utf8'), 'kept\n')
  })
})

/** What the host says to a command that it is to carry out. */
async function run(space: Workspace, ...args: string[]): Promise<string[]> {
  const socket = readdirSync(space.runDirectory).find((file) => /^host\..*sock$/.test(file))!
  const line = connect(join(space.runDirectory, socket))
  line.write(`run\0${space.root}\0stratafs\0${args.length}\0${args.map((word) => `${word}\0`).join('')}`)
  let text = ''
  for await (const chunk of line) text += String(chunk)
  return text.split('\0').slice(0, -1)
}

/** Asks and keeps the line open, as whoever holds a mount does. */
function askAndKeep(socket: string, request: Parameters<typeof askDaemon>[1]) {
  const program =
    "const s=require('net').connect(process.argv[1]);s.on('data',d=>process.stdout.write(d));s.write(process.argv[2]+'\\n')"
  const child = spawn(process.execPath, ['-e', program, socket, JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const answer = new Promise<{ ok: boolean }>((resolve) =>
    child.stdout.once('data', (chunk) => resolve(JSON.parse(String(chunk)))),
  )
  return { answer, end: () => void child.kill() }
}
