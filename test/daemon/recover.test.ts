/**
 * Mounts that outlive their process (recover=on): kill -9 is a pause for those with a host and for those with a process
 * of their own; a keeper that dies is replaced; what dies again and again is given up; another version takes over.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, isGone, LAUNCH, needsRoot, type Workspace, workspace } from './harness.js'

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
    const isLeft = () => keepersOf(space.root).length > 0 || serverOf(space) !== 0
    assert.equal(await eventually(() => !isLeft(), 5_000), true, 'a keeper or server is left')
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

function keepersOf(root: string): number[] {
  return fs.readdirSync('/proc').flatMap((entry) => {
    try {
      const isKeeper = fs.readFileSync(`/proc/${entry}/cmdline`, 'latin1').includes('\0--keep\0')
      return isKeeper && fs.readFileSync(`/proc/${entry}/environ`, 'latin1').includes(root) ? [Number(entry)] : []
    } catch {
      return []
    }
  })
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
    const [keeper, ...others] = space.keepers()
    assert.deepEqual(others, [])
    process.kill(keeper!, 'SIGKILL')
    assert.equal(await eventually(() => ![undefined, keeper].includes(space.keepers()[0]), 5_000), true)
    // Copied up while it is open: as on kernel overlayfs, whoever has it open stays with the lower file.
    fs.writeFileSync(at('big'), 'changed\n')
    const second = await killServer(space)
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

  it('a process of its own is killed', async (t) => {
    const space = kept(t)
    space.mount(',host=off,data=cached')
    await killServer(space)
    fs.writeFileSync(join(space.merged, 'new'), 'new\n')
    assert.equal(fs.readFileSync(join(space.upper, 'new'), 'utf8'), 'new\n')
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

  for (const size of [256, 32_768])
    it(`a reader of ${size} bytes at a time sees each name once, although the names fit one answer`, async (t) => {
      const space = kept(t)
      space.mount()
      const directory = join(space.merged, 'small')
      fs.mkdirSync(directory)
      assert.deepEqual(fs.readdirSync(directory), [])
      const names = Array.from({ length: 30 }, (_, i) => `n${i}`)
      for (const name of names) fs.writeFileSync(join(directory, name), '')
      const reader = spawn('perl', ['-e', SLOW_READER, directory, String(size)], { stdio: ['pipe', 'pipe', 'inherit'] })
      let seen = ''
      reader.stdout.on('data', (bytes) => (seen += String(bytes)))
      const code = new Promise((resolve) => reader.once('close', resolve))
      assert.equal(await eventually(() => seen.includes('n'), 10_000), true)
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
