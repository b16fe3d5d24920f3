/**
 * Nobody outside makes a mount or a command wait: a pipe in place of a lower file, a mount namespace with a copy, a
 * daemon of another pid namespace, a run directory that cannot be one.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { notInstalled } from '../tools/installed.js'
import { daemonPids, eventually, isGone, LAUNCH, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

const skip = needsRoot.skip || notInstalled('unshare', 'mkfifo')
const QUICK_MS = 10_000

const shell = (script: string, env?: NodeJS.ProcessEnv) =>
  spawnSync('sh', ['-c', script], { encoding: 'utf8', env, timeout: QUICK_MS })

for (const data of ['passthrough', 'cached'])
  test(`a lower file that became a pipe or a link is refused, and the mount serves on: ${data}`, { skip }, (t) => {
    const w = workspace(t)
    for (const name of ['read', 'large', 'changed', 'link', 'kept']) writeFileSync(join(w.base, name), 'lower\n')
    writeFileSync(join(w.base, 'large'), Buffer.alloc(6 << 20, 'l'))
    assert.equal(w.run('mount', '-o', `${w.options},data=${data}`, w.merged).status, 0)
    shell(`cd ${w.merged}; stat read large changed link kept`)
    for (const name of ['read', 'large', 'changed', 'link']) rmSync(join(w.base, name))
    shell(`cd ${w.base}; mkfifo read large changed`)
    symlinkSync('/dev/tty', join(w.base, 'link'))
    // The kernel looks a stale name up once more: it then finds the pipe, if that got the file's inode number.
    for (const name of ['read', 'large', 'link']) {
      const { status, stderr, stdout } = shell(
        `cd ${w.merged}; dd if=${name} iflag=nonblock status=none && stat -c %F ${name}`,
      )
      if (status === 0) assert.equal(stdout, 'fifo\n')
      else assert.match(stderr, name === 'link' ? /Stale file handle|No such device/ : /Stale file handle/)
    }
    const { status, stderr, stdout } = shell(`cd ${w.merged}; chmod 600 changed && stat -c '%F %a' changed`)
    if (status === 0) assert.equal(stdout, 'fifo 600\n')
    else assert.match(stderr, /Stale file handle/)
    assert.equal(shell(`cat ${w.merged}/kept`).stdout, 'lower\n')
  })

test('a layer that has become busy with a lease answers at once', {
  skip: skip || notInstalled('python3'),
}, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('mount', '-o', `${w.options},data=cached`, w.merged).status, 0)
  const script = `import fcntl,os,signal,sys,time
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd=os.open(sys.argv[1],os.O_RDWR); fcntl.fcntl(fd,fcntl.F_SETLEASE,fcntl.F_WRLCK); print('held',flush=True); time.sleep(60)`
  const holder = spawn('python3', ['-c', script, join(w.base, 'b')], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => holder.kill('SIGKILL'))
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  const { status, stderr } = shell(`cat ${w.merged}/b`)
  assert.equal(status, 1, stderr)
  assert.match(stderr, /temporarily unavailable/)
  assert.equal(shell(`cat ${w.merged}/a`).stdout, 'top a\n')
})

/**
 * Has the mount's process take two seconds for each system call `name`, as a slow disk would. How many there have been.
 */
async function slowDisk(t: TestContext, w: Workspace, name: string): Promise<() => number> {
  const [pid] = daemonPids(w.runDirectory)
  const log = join(w.root, 'strace')
  const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:delay_enter=2000000`]
  const disk = spawn('strace', ['-f', '-qq', '-o', log, ...inject, '-p', String(pid)], { stdio: 'ignore' })
  t.after(() => disk.kill('SIGKILL'))
  while (readFileSync(`/proc/${pid}/status`, 'utf8').includes('TracerPid:\t0')) await sleep(20)
  // Of all its threads.
  await sleep(200)
  return () => readFileSync(log, 'utf8').split(`${name}(`).length - 1
}

const USE = 'cat a && mkdir other && touch other/file && rm -r other'
const slow = { skip: skip || notInstalled('strace', 'python3') }

test('while a disk takes its time for fsync the mount serves on', slow, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('mount', '-o', w.options, w.merged).status, 0)
  await slowDisk(t, w, 'fsync')
  const script = `import os,sys
fd=os.open(sys.argv[1],os.O_RDWR|os.O_CREAT); os.write(fd,b'x'); print('begun',flush=True); os.fsync(fd); print('synced',flush=True)`
  const syncing = spawn('python3', ['-c', script, join(w.merged, 'new')], { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  syncing.stdout.on('data', (chunk) => {
    told += chunk
  })
  const ended = new Promise((resolve) => syncing.once('exit', resolve))
  while (told === '') await sleep(5)
  await sleep(200)
  const { status, stderr } = shell(`cd ${w.merged} && ${USE}`)
  assert.equal(status, 0, stderr)
  await sleep(50)
  assert.equal(told, 'begun\n', 'fsync has not ended yet')
  assert.equal(await ended, 0)
  assert.equal(told, 'begun\nsynced\n')
})

test('while a disk takes its time for a copy-up the mount serves on, once it is known to be slow', slow, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('mount', '-o', w.options, w.merged).status, 0)
  const syncs = await slowDisk(t, w, 'fsync')
  assert.equal(shell(`chmod 600 ${w.merged}/a`).status, 0)
  const before = syncs()
  const second = spawn('chmod', ['600', join(w.merged, 'b')], { stdio: 'inherit' })
  const ended = new Promise((resolve) => second.once('exit', resolve))
  await sleep(300)
  const { status, stderr } = shell(`cd ${w.merged} && ${USE}`)
  assert.equal(status, 0, stderr)
  await sleep(50)
  assert.equal(second.exitCode, null, 'the copy-up has not ended yet')
  assert.equal(await ended, 0)
  assert.equal(readFileSync(join(w.upper, 'b'), 'utf8'), 'base b\n')
  assert.equal(syncs() - before, 1, 'and the file was synced once')
})

test('while a disk takes its time for the end of a mount its neighbour serves on', slow, async (t) => {
  const w = workspace(t)
  // Two that are mounted in one second share a thread.
  const { status, stderr } = shell(
    `cd ${w.root} && mkdir u2 w2 m2 && ${LAUNCH} -o ${w.options} merged && ${LAUNCH} -o lowerdir=top,upperdir=u2,workdir=w2 m2`,
    w.env,
  )
  assert.equal(status, 0, stderr)
  const syncs = await slowDisk(t, w, 'syncfs')
  assert.equal(shell(`echo x >${w.root}/m2/new && umount ${w.root}/m2`).status, 0)
  await sleep(200)
  const used = shell(`cd ${w.merged} && ${USE}`)
  assert.equal(used.status, 0, used.stderr)
  assert.equal(daemonPids(w.runDirectory).length, 2, 'the other mount has not ended yet')
  assert.ok(await eventually(() => daemonPids(w.runDirectory).length === 1, QUICK_MS))
  assert.equal(syncs(), 1, 'another one would be on the thread')
})

test('a mount namespace with a copy: unmount says so and the next mount is refused, both at once', {
  skip,
}, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('mount', '-o', w.options, w.merged).status, 0)
  const words = ['-m', '--propagation', 'private', 'sh', '-c', 'echo up; exec sleep 100']
  const keeper = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => keeper.kill('SIGKILL'))
  await new Promise((resolve) => keeper.stdout.once('data', resolve))
  const begun = Date.now()
  const ended = w.run('unmount', w.merged)
  assert.equal(ended.status, 0, ended.stderr)
  assert.match(ended.stderr, new RegExp(`other mount namespaces still have it mounted \\(process ${keeper.pid}\\)`))
  const again = w.run('mount', '-o', w.options, w.merged)
  assert.equal(again.status, 1)
  assert.match(again.stderr, /it is mounted in another mount namespace/)
  assert.ok(Date.now() - begun < QUICK_MS)
})

test('the filesystem of the layers can be unmounted right after the union', { skip }, (t) => {
  const w = workspace(t)
  const script = `set -e; cd ${w.root}; mkdir fs; for i in 1 2 3 4 5 6 7 8; do mount -t tmpfs t fs; mkdir fs/l fs/u fs/w
    ${process.execPath} ${MAIN} mount -o lowerdir=fs/l,upperdir=fs/u,workdir=fs/w merged; echo x >merged/f; umount merged; umount fs; done`
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', env: w.env, timeout: 60_000 })
  assert.equal(status, 0, stderr)
})

test('a daemon of another pid namespace is asked to end; the process with its number here is none of it', {
  skip,
}, (t) => {
  const w = workspace(t)
  const inside = `${process.execPath} ${MAIN} mount -o ${w.options} ${w.merged} && exec sleep 100`
  const words = [
    '--mount',
    '--propagation',
    'private',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    'sh',
    '-c',
    inside,
  ]
  const far = spawn('unshare', words, { stdio: 'ignore', env: w.env })
  t.after(() => far.kill('SIGKILL'))
  shell(`for i in $(seq 200); do ls ${w.runDirectory}/*.json 2>/dev/null && break; sleep 0.02; done`)
  const file = join(w.runDirectory, readdirSync(w.runDirectory).find((name) => name.endsWith('.json'))!)
  const innocent = spawn('sleep', ['100'])
  t.after(() => innocent.kill('SIGKILL'))
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), pid: innocent.pid }))
  const { status, stderr } = w.run('unmount', w.merged)
  assert.equal(status, 0, stderr)
  assert.equal(isGone(innocent.pid!), false)
  assert.deepEqual(daemonPids(w.runDirectory), [])
})

test('a run directory that cannot be used is refused at once', { skip }, (t) => {
  const w = workspace(t)
  const at = (name: string) => join(w.root, name)
  writeFileSync(at('file'), '')
  mkdirSync(at('strange'))
  chownSync(at('strange'), 65534, 65534)
  chmodSync(at('strange'), 0o777)
  const cases = ['/proc/x', '/sys/x', at('file'), at('strange'), at('no/such'), 'relative', `/tmp/${'x'.repeat(90)}`]
  for (const directory of cases) {
    const env = { ...w.env, STRATAFS_RUN_DIR: directory }
    const words = [MAIN, 'mount', '-o', w.options, w.merged]
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env, timeout: QUICK_MS })
    assert.equal(status, 1, `${directory}: ${stderr}`)
    assert.match(stderr, /^stratafs: STRATAFS_RUN_DIR /)
    assert.equal(w.isMounted(), false)
  }
})

test('a workdir that kernel overlayfs left is taken over by an ordinary user', {
  skip: skip || notInstalled('setpriv'),
}, (t) => {
  const w = workspace(t)
  mkdirSync(join(w.work, 'work'), { mode: 0o000 })
  for (const path of [w.root, w.top, w.base, w.upper, w.work, join(w.work, 'work'), w.merged])
    chownSync(path, 65534, 65534)
  chmodSync(w.root, 0o755)
  const device = 'mknod fuse c 10 229 && chmod 666 fuse && mount --bind fuse /dev/fuse; umount -a -l -t fuse.stratafs'
  const mount = `${process.execPath} ${MAIN} mount -o ${w.options} ${w.merged} && echo new >${w.merged}/n && fusermount3 -u ${w.merged}`
  const user = `setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '${mount}'`
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', `${device}; ${user}`]
  const { status, stderr } = spawnSync('unshare', words, { cwd: w.root, encoding: 'utf8', env: w.env, timeout: 60_000 })
  assert.equal(status, 0, stderr)
  assert.equal(readFileSync(join(w.upper, 'n'), 'utf8'), 'new\n')
})
