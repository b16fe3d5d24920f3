/**
 * Output errors count, in every command: with standard output on a full device it exits non-zero and says so in a
 * sentence; with a reader that has had enough it ends without a word. And each has a help with an example, and --json.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAIN, needsRoot, type Workspace, workspace } from '../daemon/harness.js'
import { everyCommand, helpOf } from './every-command.js'

const commands = everyCommand()

test('the helps list the commands', () => {
  for (const known of ['mount', 'inspect', 'index build', 'image mount']) assert.ok(commands.includes(known), known)
})

for (const command of commands) {
  test(`${command}: help with an example, and --json`, () => {
    const help = helpOf(...command.split(' '))
    assert.match(help, /Examples:\n {2}\S/)
    assert.match(help, /--json/)
  })
}

/** How each prints, in the order in which they can follow each other. */
const calls: Record<string, string> = {
  mount: 'mount --json --lower lower --upper upper m',
  inspect: 'inspect m',
  stats: 'stats m',
  list: 'list',
  health: 'health',
  which: 'which m/a',
  ls: 'ls m',
  du: 'du m',
  'index build': 'index build m',
  'index verify': 'index verify m',
  'index status': 'index status m',
  'index drop': 'index drop m',
  diff: 'diff m',
  commit: 'commit m --dry-run',
  bundle: 'bundle m box',
  apply: 'apply layer.tar applied',
  'image import': 'image import layer.tar images:a',
  'image commit': 'image commit m images:b --base a',
  'image list': 'image list images',
  'image history': 'image history images:a',
  'image inspect': 'image inspect images:a',
  'image unpack': 'image unpack images:a store',
  'image mount': 'image mount --store store images:a m2',
  'image check': 'image check images:a --max-layers 9',
  explore: 'explore images:a --json',
  'image export': 'image export --store store images:a --output rootfs.tar',
  'image rm': 'image rm images:b --store store',
  'store list': 'store list --store store',
  'store prune': 'store prune --store store --dry-run',
  unmount: 'unmount --json m',
}

/** A room with what the calls are about. */
function room(t: Parameters<typeof workspace>[0]): Workspace {
  const w = workspace(t)
  for (const name of ['lower', 'm', 'm2', 'box']) mkdirSync(join(w.root, name))
  writeFileSync(join(w.root, 'lower/a'), 'a\n')
  writeFileSync(join(w.root, 'upper/new'), 'new\n')
  assert.equal(spawnSync('tar', ['-cf', 'layer.tar', '-C', 'lower', 'a'], { cwd: w.root }).status, 0)
  return w
}

function runTo(w: Workspace, words: string, stdout: number | 'ignore', stderr: number | 'pipe' = 'pipe') {
  const { root: cwd, env } = w
  const stdio = ['ignore', stdout, stderr] as const
  return spawnSync(process.execPath, [MAIN, ...words.split(' ')], { cwd, env, stdio: [...stdio], encoding: 'utf8' })
}

test('every command with its output on a full device', needsRoot, (t) => {
  const w = room(t)
  const full = openSync('/dev/full', 'w')
  const words = /^stratafs: standard output cannot be written: no space left on device\n$/m
  for (const [command, call] of Object.entries(calls)) {
    const { status, stderr } = runTo(w, call, full)
    assert.match(stderr, words, command)
    assert.equal(status, 1, command)
  }
  for (const about of ['--help', '--version', 'completion', 'help mount', '-o x --help']) {
    const { status, stderr } = runTo(w, about, full)
    assert.match(stderr, words, about)
    assert.equal(status, 1, about)
  }
  assert.deepEqual(
    commands.filter((command) => !(command in calls)),
    [],
    'commands without a call here',
  )
  closeSync(full)
})

test('an output that becomes full is told too, and what fits is there', needsRoot, (t) => {
  const w = room(t)
  const small = join(w.root, 'small')
  mkdirSync(small)
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', small]).status, 0)
  for (let i = 0; i < 2000; i++) writeFileSync(join(w.root, `lower/${'n'.repeat(20)}${i}`), '')
  const fd = openSync(join(small, 'out'), 'w')
  const { status, stderr } = runTo(w, 'ls --lower lower /', fd)
  closeSync(fd)
  assert.match(stderr, /standard output cannot be written: no space left on device/)
  assert.equal(status, 1)
})

test('a reader that has had enough ends a command without a word', () => {
  const { stdout, stderr } = spawnSync(
    'bash',
    ['-c', 'set -o pipefail; "$0" "$1" --help | true; echo $?', process.execPath, MAIN],
    { encoding: 'utf8' },
  )
  assert.equal(stderr, '')
  assert.match(stdout, /^[01]\n$/)
})

test('a pipe that is full and does not block gets everything', () => {
  const script = `
import fcntl, os, subprocess, sys, time
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
fcntl.fcntl(w, 1031, 4096)
child = subprocess.Popen(sys.argv[1:], stdout=w)
os.close(w)
time.sleep(0.7)
text = b''
while True:
    got = os.read(r, 4096)
    if not got: break
    text += got
print(len(text), child.wait())
`
  const plain = spawnSync(process.execPath, [MAIN, 'mount', '--help'])
  const python = spawnSync('python3', ['-c', script, process.execPath, MAIN, 'mount', '--help'], { encoding: 'utf8' })
  assert.equal(python.stdout, `${plain.stdout.length} 0\n`, python.stderr)
})

test('a warning that cannot be written fails the command', needsRoot, (t) => {
  const w = room(t)
  const full = openSync('/dev/full', 'w')
  assert.equal(
    spawnSync('bash', ['-c', 'python3 -c "import socket; socket.socket(1).bind(\'upper/sock\')"'], { cwd: w.root })
      .status,
    0,
  )
  const call = 'commit --upper upper --lower lower --output out.tar'
  assert.equal(runTo(w, call, 'ignore').status, 0)
  assert.equal(runTo(w, call, 'ignore', full).status, 1)
  closeSync(full)
})
