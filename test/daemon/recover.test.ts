/**
 * Mounts that outlive their process (recover=on): kill -9 is a pause for those with a host and for those with a process
 * of their own; a keeper that dies is replaced; what dies again and again is given up; another version takes over.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isElsewhere } from '../../scripts/kill/leftovers.js'
import { rehearsal } from '../../src/cli/mount/rehearsal.js'
import { rehearse } from '../../src/daemon/engine/resume-serving.js'
import { askHost } from '../../src/daemon/host/host-client.js'
import { STATE_FORMAT } from '../../src/union/state/memory.js'
import { eventually, isGone, LAUNCH, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

interface Kept extends Workspace {
  launch(...args: string[]): ReturnType<typeof spawnSync>
  /** Mounts `merged`; more options begin with a comma. */
  mount(more?: string): void
  /** The process that serves; 0: none at the moment. */
  server(): number
  /** Processes that keep mounts of this workspace. */
  keepers(): number[]
  unmount(): Promise<void>
}

function kept(t: TestContext, deaths = '0'): Kept {
  const space = workspace(t)
  Object.assign(space.env, { STRATAFS_NAME: 'stratafs', STRATAFS_HOST_IDLE: '1', STRATAFS_DEATHS: deaths })
  const launch = (...args: string[]) =>
    spawnSync(LAUNCH, args, { cwd: space.root, encoding: 'utf8', env: space.env, timeout: 60_000 })
  const mount = (more = '') => {
    const made = launch('mount', '-o', `${space.options},recover=on${more}`, space.merged)
    assert.equal(made.status, 0, String(made.stderr))
  }
  const unmount = async () => {
    assert.equal(spawnSync('umount', [space.merged]).status, 0)
    const isLeft = () => keepersOf(space.root).length + followersOf(space.root).length + serverOf(space) > 0
    // A namespace that somebody else made meanwhile has a copy of the mount for as long as it lives.
    for (let i = 0; i < 30 && isElsewhere(space.merged); i++) await sleep(1_000)
    const isGoneNow = await eventually(() => !isLeft(), 5_000)
    const left = [keepersOf(space.root), followersOf(space.root), serverOf(space)]
    assert.equal(isGoneNow, true, `a keeper, follower or server is left: ${JSON.stringify(left)}`)
  }
  t.after(() => void spawnSync('umount', ['-l', space.merged]))
  return { ...space, launch, mount, unmount, server: () => serverOf(space), keepers: () => keepersOf(space.root) }
}

function serverOf({ runDirectory }: Workspace): number {
  if (!fs.existsSync(runDirectory)) return 0
  for (const file of fs.readdirSync(runDirectory).filter((name) => name.endsWith('.json'))) {
    try {
      const { pid } = JSON.parse(fs.readFileSync(join(runDirectory, file), 'utf8')) as { pid: number }
      if (!isGone(pid)) return pid
    } catch {
      // It goes at this moment.
    }
  }
  return 0
}

const keepersOf = (root: string): number[] => processesOf(root, (words) => words.includes('\0--keep\0'))

/** Processes that wait to follow, or have followed. */
const followersOf = (root: string): number[] =>
  processesOf(root, (words) => words.endsWith('\0--resume\0') && !words.includes('\0--keep\0'))

function processesOf(root: string, isIt: (words: string) => boolean): number[] {
  return fs.readdirSync('/proc').flatMap((entry) => {
    try {
      const isOne = isIt(fs.readFileSync(`/proc/${entry}/cmdline`, 'latin1'))
      return isOne && fs.readFileSync(`/proc/${entry}/environ`, 'latin1').includes(root) ? [Number(entry)] : []
    } catch {
      return []
    }
  })
}

/** Processes that keep the descriptors of `server` open should it die. */
const guardsOf = (server: number): number[] =>
  fs.readdirSync('/proc').flatMap((entry) => {
    try {
      const status = fs.readFileSync(`/proc/${entry}/status`, 'latin1')
      const isOne = status.startsWith('Name:\tstratafs-guard\n') && status.includes(`\nPPid:\t${server}\n`)
      return isOne && !/^State:\s+Z/m.test(status) ? [Number(entry)] : []
    } catch {
      return []
    }
  })

/** As `eventually`, without letting go of what is at hand. */
function eventuallyNow(holds: () => boolean): boolean {
  for (const until = Date.now() + 5_000; Date.now() < until && !holds(); )
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  return holds()
}

let asked = 0

/** What the mount says of a file that it never had. */
function ask(space: Kept): string {
  const args = [join(space.merged, `never-there-${asked++}`)]
  return spawnSync('stat', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, timeout: 20_000 }).stderr
}

/** Kills what serves, and waits for who follows; its pid. */
async function killServer(space: Kept): Promise<number> {
  const before = space.server()
  assert.notEqual(before, 0)
  process.kill(before, 'SIGKILL')
  // Who asks for what the kernel does not know waits for as long as nobody serves.
  assert.match(ask(space), /No such file/)
  assert.equal(await eventually(() => ![0, before].includes(space.server()), 10_000), true)
  return space.server()
}

/** What the host says to a version that takes state of that format. */
async function upgradeTo({ runDirectory }: Workspace, format: number, ...command: string[]): Promise<string> {
  const [socket] = fs.readdirSync(runDirectory).filter((name) => /^host.*\.sock$/.test(name))
  const words = ['upgrade', format, command.length, ...command]
  return JSON.stringify(await askHost(join(runDirectory, socket!), words.join('\0')))
}

/** Names of directory ARGV[0], asked for with a buffer of ARGV[1] bytes; after the first answer it waits for a line. */
const SLOW_READER = `
  $| = 1;
  my $number = {x86_64 => 217, aarch64 => 61}->{(split " ", \`uname -m\`)[0]};
  sysopen(my $dir, $ARGV[0], 0200000) or die $!;
  for (my $turn = 0; ; $turn++) {
    my $buffer = "\\0" x $ARGV[1];
    my $got = syscall($number, fileno($dir), $buffer, $ARGV[1]);
    die $! if $got < 0;
    last if $got == 0;
    for (my $at = 0; $at < $got; ) {
      my (undef, undef, $length, undef, $name) = unpack("QQSCZ*", substr($buffer, $at));
      print "$name\\n" unless $name =~ /^\\./;
      $at += $length;
    }
    <STDIN> if $turn == 0;
  }`

describe('a mount outlives its process', needsRoot, () => {
  it('a host is killed, then its keeper, then the host that followed', async (t) => {
    const space = kept(t)
    const big = 'x'.repeat(200_000)
    fs.writeFileSync(join(space.base, 'big'), big)
    space.mount()
    const at = (name: string) => join(space.merged, name)
    fs.writeFileSync(at('gone'), 'no name any more')
    const [held, lower] = [fs.openSync(at('gone'), 'r+'), fs.openSync(at('big'), 'r')]
    fs.unlinkSync(at('gone'))
    await killServer(space)
    // What it starts is like it for a moment.
    assert.equal(await eventually(() => space.keepers().length === 1, 5_000), true)
    const [keeper] = space.keepers()
    const serving = space.server()
    // Where no keeper can be started, that is tried again.
    const limit = (most: string) => spawnSync('prlimit', ['--pid', String(serving), `--nofile=${most}`])
    const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(fs.readFileSync(`/proc/${serving}/limits`, 'latin1'))!
    limit(`3:${hard}`)
    process.kill(keeper!, 'SIGKILL')
    await sleep(300)
    assert.equal(space.keepers().length === 0 || spawnSync('which', ['prlimit']).status !== 0, true)
    limit(`${soft}:${hard}`)
    assert.equal(await eventually(() => ![undefined, keeper].includes(space.keepers()[0]), 5_000), true)
    assert.equal(await eventually(() => guardsOf(serving).length === 1, 5_000), true)
    const [guard] = guardsOf(serving)
    process.kill(guard!, 'SIGKILL')
    assert.equal(await eventually(() => ![undefined, guard].includes(guardsOf(serving)[0]), 5_000), true)
    const [other] = guardsOf(serving)
    // Copied up while it is open: as on kernel overlayfs, whoever has it open stays with the lower file.
    fs.writeFileSync(at('big'), 'changed\n')
    const second = await killServer(space)
    assert.equal(isGone(other!), true, 'the guard has not ended')
    assert.equal(fs.readFileSync(at('big'), 'utf8'), 'changed\n')
    assert.equal(fs.readSync(lower, Buffer.alloc(300_000), 0, 300_000, 0), big.length)
    assert.equal(fs.fstatSync(lower).ino, fs.statSync(at('big')).ino)
    assert.equal(fs.fstatSync(held).nlink, 0)
    fs.writeSync(held, 'NO', 0)
    assert.equal(fs.readSync(held, Buffer.alloc(99), 0, 99, 0), 'no name any more'.length)
    for (const fd of [held, lower]) fs.closeSync(fd)
    const { GraphDriver, Engine, Pid } = JSON.parse(String(space.launch('inspect', space.merged).stdout))[0]
    assert.deepEqual([GraphDriver.Name, Engine.Recovery.Kind, Pid], ['stratafs', 'full', second])
    // The host that followed takes further mounts.
    for (const name of ['m2', 'u2', 'w2']) fs.mkdirSync(join(space.root, name))
    const more = ['mount', '--lower', space.base, '--upper', 'u2', '--work', 'w2', 'm2']
    assert.equal(space.launch(...more).status, 0)
    assert.equal(spawnSync('umount', [join(space.root, 'm2')]).status, 0)
    await space.unmount()
  })

  it('it has snapshots, of which one goes, and goes back to one, and each is so after a death', async (t) => {
    const space = kept(t)
    for (const name of ['shown', 'hidden', 'gone']) fs.writeFileSync(join(space.base, name), `lower ${name}`)
    space.mount()
    const at = (name: string) => join(space.merged, name)
    const run = (...words: string[]) => {
      const { status, stdout, stderr } = space.launch(...words)
      assert.equal(status, 0, `${words.join(' ')}: ${stdout}${stderr}`)
    }
    const read = (name: string) => fs.readFileSync(at(name), 'utf8')
    fs.writeFileSync(at('w'), 'one')
    fs.mkdirSync(at('d'))
    const writer = fs.openSync(at('w'), 'r+')
    const [hidden, gone] = ['hidden', 'gone'].map((name) => fs.openSync(at(name), 'r'))
    fs.unlinkSync(at('gone'))
    run('snapshot', 'create', space.merged, 's1')
    await killServer(space)
    fs.writeSync(writer, 'TWO', 0)
    assert.deepEqual([read('w'), fs.readdirSync(space.merged).sort()], ['TWO', ['a', 'b', 'd', 'hidden', 'shown', 'w']])
    assert.equal(fs.readFileSync(join(space.root, 'work/snapshots/1/w'), 'utf8'), 'one')
    fs.renameSync(at('d'), at('e'))
    run('snapshot', 'create', space.merged, 's2')
    run('snapshot', 'rm', space.merged, 's1')
    await killServer(space)
    assert.deepEqual([fs.existsSync(at('d')), read('w')], [false, 'TWO'])
    fs.closeSync(writer)
    fs.writeFileSync(at('w'), 'three')
    run('snapshot', 'restore', space.merged, 's2')
    await killServer(space)
    assert.deepEqual([read('w'), fs.readdirSync(space.merged).sort()], ['TWO', ['a', 'b', 'e', 'hidden', 'shown', 'w']])
    const { GraphDriver, Engine } = JSON.parse(String(space.launch('inspect', space.merged).stdout))[0]
    assert.deepEqual([GraphDriver.Name, Engine.Recovery.Kind], ['stratafs', 'full'])
    for (const fd of [hidden!, gone!]) fs.closeSync(fd)
    await space.unmount()
  })

  it('layers are put under it and taken out, and it is killed after each', async (t) => {
    const space = kept(t)
    const extra = join(space.root, 'extra')
    fs.mkdirSync(extra)
    for (const name of ['shown', 'hidden', 'gone']) fs.writeFileSync(join(space.base, name), `lower ${name}`)
    fs.writeFileSync(join(extra, 'hidden'), 'by a layer')
    space.mount()
    const at = (name: string) => join(space.merged, name)
    const read = (name: string) => fs.readFileSync(at(name), 'utf8')
    const [hidden, gone] = ['hidden', 'gone'].map((name) => fs.openSync(at(name), 'r'))
    fs.unlinkSync(at('gone'))
    const shown = (fd: number) => {
      const bytes = Buffer.alloc(99)
      return bytes.toString('latin1', 0, fs.readSync(fd, bytes, 0, 99, 0))
    }
    for (const [words, content] of [
      [['add', space.merged, extra], 'by a layer'],
      [['remove', space.merged, extra], 'lower hidden'],
    ] as const) {
      const { status, stderr } = space.launch('layer', ...words)
      assert.equal(status, 0, String(stderr))
      await killServer(space)
      assert.deepEqual([read('hidden'), read('shown'), fs.existsSync(at('gone'))], [content, 'lower shown', false])
      assert.deepEqual([shown(hidden!), shown(gone!)], ['lower hidden', 'lower gone'])
    }
    for (const fd of [hidden!, gone!]) fs.closeSync(fd)
    await space.unmount()
  })

  for (const data of ['passthrough', 'cached'])
    it(`large files are copied up while they are written to, by one process after the other (${data})`, async (t) => {
      const space = kept(t)
      const size = 96 << 20
      const content = Buffer.alloc(size, 'what the lower file holds ')
      for (const name of ['large', 'gone']) fs.writeFileSync(join(space.base, name), content)
      space.mount(`,data=${data}`)
      const [large, gone] = ['large', 'gone'].map((name) => fs.openSync(join(space.merged, name), 'r+'))
      const reader = fs.openSync(join(space.base, 'large'), 'r')
      const write = (text: string, at: number) => {
        content.write(text, at)
        for (const fd of [large!, gone!]) fs.writeSync(fd, text, at)
      }
      write('written first', 5_000)
      fs.unlinkSync(join(space.merged, 'gone'))
      const work = join(space.root, 'work/work')
      const isUnderWay = fs.readdirSync(work).some((name) => name.endsWith('.map'))
      assert.equal(isUnderWay, true, 'they are copied already')
      for (const turn of [1]) {
        await killServer(space)
        write(`written after death ${turn}`, 9_000 * turn + (50 << 20))
      }
      const shown = (fd: number) => {
        const bytes = Buffer.alloc(size)
        for (let at = 0, got = 1; got > 0; at += got) got = fs.readSync(fd, bytes, at, Math.min(size - at, 1 << 20), at)
        return bytes.equals(content)
      }
      assert.deepEqual([shown(large!), shown(gone!), fs.fstatSync(gone!).size], [true, true, size])
      fs.fsyncSync(large!)
      assert.equal(fs.readFileSync(join(space.root, 'upper/large')).equals(content), true)
      for (const fd of [large!, gone!, reader]) fs.closeSync(fd)
      assert.equal(await eventually(() => fs.readdirSync(work).every((name) => !name.startsWith('fill-')), 5_000), true)
      await space.unmount()
    })

  it('a process of its own is killed', async (t) => {
    const space = kept(t)
    space.mount(',host=off,data=cached')
    // At once there is no guard yet; of the second one the kernel tells no open, and the directory is used as such.
    const held = [true, false].map((isFirst) => {
      const path = join(space.merged, `gone-${isFirst}`)
      fs.writeFileSync(path, `${isFirst}`)
      const fd = fs.openSync(path, 'r+')
      fs.unlinkSync(path)
      const isThere = !isFirst || eventuallyNow(() => guardsOf(space.server()).length === 1)
      assert.equal(isThere, true, 'no guard')
      return fd
    })
    fs.mkdirSync(join(space.merged, 'dir'))
    held.push(fs.openSync(join(space.merged, 'dir'), 'r'))
    fs.rmdirSync(join(space.merged, 'dir'))
    await killServer(space)
    fs.writeFileSync(join(space.merged, 'new'), 'new\n')
    assert.equal(fs.readFileSync(join(space.upper, 'new'), 'utf8'), 'new\n')
    const read = (fd: number) => fs.readSync(fd, Buffer.alloc(9), 0, 9, 0)
    assert.deepEqual([read(held[0]!), read(held[1]!), fs.fstatSync(held[2]!).isDirectory()], [4, 5, true])
    for (const fd of held) fs.closeSync(fd)
    await space.unmount()
  })

  it('a listing that is under way goes on, whatever is removed meanwhile', async (t) => {
    const space = kept(t)
    const names = Array.from({ length: 3000 }, (_, i) => `a-file-with-a-rather-long-name-${i}`)
    space.mount()
    fs.mkdirSync(join(space.merged, 'wide'))
    for (const name of names) fs.writeFileSync(join(space.merged, 'wide', name), '')
    spawnSync('sh', ['-c', 'echo 2 > /proc/sys/vm/drop_caches'])
    const directory = fs.opendirSync(join(space.merged, 'wide'), { bufferSize: 64 })
    const seen: string[] = []
    for (let i = 0; i < 500; i++) seen.push(directory.readSync()!.name)
    for (const name of seen.slice(0, 400)) fs.unlinkSync(join(space.merged, 'wide', name))
    await killServer(space)
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) seen.push(entry.name)
    directory.closeSync()
    assert.deepEqual([seen.length, new Set(seen).size], [names.length, names.length])
    await space.unmount()
  })

  // Read anew, a directory whose last names were copied up meanwhile tells those first.
  for (const [size, isLower] of [
    [256, false],
    [32_768, false],
    [256, true],
  ] as const)
    it(`a reader of ${size} bytes at a time sees each name once${isLower ? ', though copied up' : ''}`, async (t) => {
      const space = kept(t)
      const names = Array.from({ length: 30 }, (_, i) => `n${i}`)
      const make = (at: string) => {
        for (const name of names) fs.writeFileSync(join(at, 'small', name), '')
      }
      if (isLower) fs.mkdirSync(join(space.base, 'small'))
      if (isLower) make(space.base)
      space.mount()
      const directory = join(space.merged, 'small')
      if (!isLower) {
        fs.mkdirSync(directory)
        assert.deepEqual(fs.readdirSync(directory), [])
        make(space.merged)
      }
      const reader = spawn('perl', ['-e', SLOW_READER, directory, String(size)], { stdio: ['pipe', 'pipe', 'inherit'] })
      let seen = ''
      reader.stdout.on('data', (bytes) => (seen += String(bytes)))
      const code = new Promise((resolve) => reader.once('close', resolve))
      assert.equal(await eventually(() => seen.includes('n'), 10_000), true)
      const last = names.filter((name) => isLower && !seen.includes(name))
      for (const name of last) fs.chmodSync(join(directory, name), 0o600)
      await killServer(space)
      reader.stdin.end('on\n')
      assert.equal(await code, 0)
      assert.deepEqual(seen.trim().split(/\s+/).sort(), names.sort())
      await space.unmount()
    })

  it('after too many deaths in a minute it is given up, and says so as today', async (t) => {
    const space = kept(t, '2')
    space.mount()
    for (let death = 0; death < 2; death++) await killServer(space)
    process.kill(space.server(), 'SIGKILL')
    ask(space)
    assert.match(ask(space), /not connected/)
    assert.equal(await eventually(() => space.keepers().length === 0, 5_000), true)
  })

  it('a spare waits, and is replaced where it dies; a version that does not come up takes nothing over', async (t) => {
    const space = kept(t)
    space.mount()
    const host = space.server()
    const spare = async (but: number): Promise<number> => {
      const others = () => followersOf(space.root).filter((pid) => ![but, space.server()].includes(pid))
      assert.equal(await eventually(() => others().length === 1, 10_000), true)
      return others()[0]!
    }
    const first = await spare(0)
    process.kill(first, 'SIGKILL')
    const second = await spare(first)
    const upgrade = (...command: string[]) => upgradeTo(space, STATE_FORMAT, ...command)
    assert.match(
      await upgrade('/bin/false'),
      /refused":"the process that was to follow does not come up: \/bin\/false"/,
    )
    assert.equal(space.server(), host)
    // It says that it is ready, and dies when it is to serve: the version before it follows again.
    const dies = "printf 'K\\0\\0\\0\\0\\0\\0\\0' >&3; head -c 8 <&3 >/dev/null"
    assert.match(await upgrade('/bin/sh', '-c', dies), new RegExp(`"upgraded":${host}`))
    assert.match(ask(space), /No such file/)
    assert.equal(await eventually(() => ![0, host].includes(space.server()), 10_000), true)
    assert.notEqual(await spare(second), second)
    // Who waits takes over.
    const third = await spare(second)
    assert.equal(await killServer(space), third)
    await space.unmount()
  })

  it('a limit holds after a death, as it was changed last, and counts files without a name', async (t) => {
    const space = kept(t)
    space.mount(',size=1M,changelog=1')
    const limit = (...words: string[]) => {
      const report = () => JSON.parse(String(space.launch('limit', space.merged, '--json', ...words).stdout))
      let last = report()
      for (let i = 0; i < 100 && (last.counting !== null || last.usedBytes === null); i++) last = report()
      return last as { size: number; usedBytes: number }
    }
    const at = (name: string) => join(space.merged, name)
    fs.writeFileSync(at('kept'), Buffer.alloc(300_000))
    fs.writeFileSync(at('gone'), Buffer.alloc(400_000))
    const held = fs.openSync(at('gone'), 'r+')
    fs.unlinkSync(at('gone'))
    const { usedBytes } = limit()
    assert.ok(usedBytes > 700_000)
    assert.equal(limit('--recount').usedBytes, usedBytes)
    await killServer(space)
    assert.deepEqual(limit().usedBytes, usedBytes)
    assert.throws(() => fs.writeFileSync(at('more'), Buffer.alloc(500_000)), /ENOSPC/)
    fs.unlinkSync(at('more'))
    assert.equal(limit('--size', '2M').size, 2 << 20)
    await killServer(space)
    assert.equal(limit().size, 2 << 20)
    fs.writeFileSync(at('more'), Buffer.alloc(500_000))
    fs.closeSync(held)
    assert.equal(await eventually(() => limit().usedBytes < 900_000, 5_000), true)
    // What was not written down yet is told as lost.
    const log = String(space.launch('log', space.merged).stdout)
    assert.match(log, /lost[\s\S]*created[^\n]*more/)
    await space.unmount()
  })

  it('state of the version before is taken over, and given; of any other it is refused', async (t) => {
    const space = kept(t)
    space.mount()
    const stamp = (format: number) => {
      const fds = `/proc/${space.server()}/fd`
      const [memory] = fs.readdirSync(fds).filter((fd) => /memfd:stratafs/.test(fs.readlinkSync(join(fds, fd))))
      const file = fs.openSync(join(fds, memory!), 'r+')
      fs.writeSync(file, Buffer.from(new Uint32Array([format]).buffer), 0, 4, 4)
      fs.closeSync(file)
    }
    stamp(STATE_FORMAT - 1)
    await killServer(space)
    assert.match(
      await upgradeTo(space, STATE_FORMAT + 1),
      new RegExp(
        `its state has format ${STATE_FORMAT}, and format ${STATE_FORMAT + 1} is wanted; unmount, and mount again`,
      ),
    )
    const before = space.server()
    const command = [process.execPath, join(dirname(MAIN), 'launched-main.cjs'), '--resume']
    assert.match(await upgradeTo(space, STATE_FORMAT - 1, ...command), new RegExp(`"upgraded":${before}`))
    assert.match(ask(space), /No such file/)
    assert.equal(await eventually(() => ![0, before].includes(space.server()), 10_000), true)
    for (let turn = 0; turn < 2; turn++) assert.match(await upgradeTo(space, STATE_FORMAT, '/bin/false'), /refused/)
    await killServer(space)
    await space.unmount()
  })

  it('host upgrade hands all over under load, and refuses where a mount would end', async (t) => {
    const space = kept(t)
    space.mount()
    const load = 'i=0; while [ ! -e ../stop ]; do i=$((i+1)); echo $i > f$i && mv f$i g && rm g || exit 1; done'
    const child = spawn('sh', ['-c', load], { cwd: space.merged })
    const code = new Promise((resolve) => child.once('exit', resolve))
    for (let turn = 0; turn < 3; turn++) {
      const before = space.server()
      const done = space.launch('host', 'upgrade')
      assert.deepEqual([done.status, done.stderr], [0, ''])
      assert.match(String(done.stdout), new RegExp(`process \\d+ serves the mounts of process ${before}`))
      assert.equal(await eventually(() => ![0, before].includes(space.server()), 10_000), true)
      await sleep(50)
    }
    fs.writeFileSync(join(space.root, 'stop'), '')
    assert.equal(await code, 0)
    for (const name of ['m2', 'u2', 'w2']) fs.mkdirSync(join(space.root, name))
    assert.equal(space.launch('mount', '--lower', space.base, '--upper', 'u2', '--work', 'w2', 'm2').status, 0)
    const refused = space.launch('host', 'upgrade')
    assert.equal(refused.status, 1)
    assert.match(String(refused.stderr), /is not replaced: 1 of its mounts end with it: mount them with -o recover=on/)
    assert.equal(fs.readFileSync(join(space.root, 'm2/b'), 'utf8'), 'base b\n')
    assert.equal(spawnSync('umount', [join(space.root, 'm2')]).status, 0)
    await space.unmount()
  })
})

it('what is rehearsed by a process that waits comes to its end', needsRoot, () => {
  const { start, end } = rehearsal()!
  assert.equal(rehearse(start), true)
  end()
})
