/** The command line as a program: versions, help, completion, and the words and exit codes of wrong usage. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/stratafs.cjs', import.meta.url))
const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: '/' })

for (const args of [['--version'], ['-V'], ['-o', 'lowerdir=/a', '--version']]) {
  test(`versions: ${args.join(' ')}`, () => {
    const { status, stdout } = run(...args)
    assert.equal(status, 0)
    assert.match(
      stdout,
      /^stratafs \d+\.\d+\.\d+\nfuse-overlayfs: options compatible\nFUSE protocol 7\.\d+\nnode 2\d\./,
    )
  })
}

test('help names every command, and each has an example', () => {
  const { status, stdout } = run('--help')
  assert.equal(status, 0)
  for (const command of ['mount', 'unmount', 'inspect', 'which', 'ls', 'du', 'index', 'stats']) {
    assert.match(stdout, new RegExp(`stratafs ${command} `))
    assert.match(run(command, '--help').stdout, /Examples:\n {2}stratafs /)
  }
})

test('help in the mount-program form', () =>
  assert.match(run('-f', '--help').stdout, /^usage: stratafs\.cjs .*lowerdir=DIR/))

test('completion prints a script', () => {
  const { status, stdout } = run('completion', 'bash')
  assert.equal(status, 0)
  assert.match(stdout, /complete .*stratafs/)
})

const wrong: [args: string[], status: number, words: RegExp][] = [
  [[], 2, /^stratafs: no command given /],
  [['mont'], 2, /^stratafs: unknown command mont: did you mean mount\? /],
  [['completion', 'bsh'], 2, /^stratafs: shell bsh: it takes bash, zsh, fish: did you mean bash\?/],
  [['mount'], 2, /^stratafs: mount: a directory or file has to be named \(stratafs mount --help/],
  [['mount', '/m'], 2, /^stratafs: no lower directory: give at least one, as --lower DIR or -o lowerdir=DIR\n/],
  [
    ['mount', '--lowr', '/a', '/m'],
    2,
    /^stratafs: unknown option --lowr: did you mean --lower\? \(stratafs mount --help/,
  ],
  [['--bogus'], 2, /^stratafs: unknown option --bogus \(stratafs --help/],
  [['unmount', '/a', '/b'], 2, /^stratafs: there is no place for \/b \(stratafs unmount --help/],
  [['image', 'lst', '/b'], 2, /^stratafs: unknown command lst: did you mean list\? \(stratafs image --help/],
  [['index', 'buld', '/b'], 2, /^stratafs: unknown command buld: did you mean build\? \(stratafs index --help/],
  [
    ['apply', '--owners', 'kep', 'a', 'b'],
    2,
    /^stratafs: --owners kep: it takes keep, mine, xattr: did you mean keep\?/,
  ],
  [['help', 'mont'], 2, /^stratafs: unknown command mont: did you mean mount\? /],
  [['inspect', '--', '-x'], 1, /^stratafs: \/\S*-x is not a stratafs mount: /],
  [['which', '--lower', '/etc', '--', '-x'], 1, /^stratafs: \.\/-x does not exist\n$/],
  [['mount', '/m', '--lower'], 2, /^stratafs: Not enough arguments following: lower/],
  [['mount', '-olowerdir=/,volatil', '/m'], 2, /^stratafs: unknown option volatil: did you mean volatile\?\n$/],
  [['mount', '--lower', '/', '/none/such'], 1, /^stratafs: mountpoint \/none\/such does not exist: make it with mkdir/],
  [['unmount', '/'], 1, /^stratafs: \/ is not a stratafs mount: /],
  [['unmount', '/none'], 1, /^stratafs: \/none is not a stratafs mount: /],
  [['inspect'], 2, /^stratafs: inspect: name a mountpoint, or give --all\n$/],
  [['inspect', '/', '--all'], 2, /^stratafs: inspect: give a mountpoint or --all, not both\n$/],
  [['inspect', '/'], 1, /^stratafs: \/ is not a stratafs mount/],
  [['index'], 2, /^stratafs: say which: build, verify, status or drop /],
  [['index', 'status'], 1, /^stratafs: name a mountpoint, or layers with --lower\n$/],
  [['index', 'verify', '--lower', '/none'], 1, /^stratafs: lowerdir \/none does not exist: /],
  [
    ['index', 'build', '--lower', '/etc/passwd'],
    1,
    /^stratafs: lowerdir \/etc\/passwd is not a directory: name one\n$/,
  ],
  [['index', 'build', '--lower', '/etc', '--work', '/none'], 1, /^stratafs: workdir \/none does not exist: /],
  [['ls', '--lower', '/etc', '--upper', '/none', '/'], 1, /^stratafs: upperdir \/none does not exist: /],
  [['du'], 2, /^stratafs: du: name a directory in a mount, or layers with --lower\n$/],
  [['ls', '/etc'], 1, /^stratafs: \/etc is in no stratafs mount of yours: name a path in one /],
  [['stats'], 2, /^stratafs: stats: name a mountpoint, or give --all\n$/],
  [['stats', '--all', '--json', '--prometheus'], 2, /^stratafs: stats: give --json or --prometheus, not both\n$/],
  [['inspect', '--all', '--format', '{{.Pid'], 2, /^stratafs: --format: {{\.Pid has braces that are not closed/],
  [['inspect', '--all', '--format', '{{frob .}}'], 2, /^stratafs: --format: frob is no function: there are /],
  [['stats', '/'], 1, /^stratafs: \/ is not a stratafs mount/],
  [['which', '/etc'], 1, /^stratafs: \/etc is in no stratafs mount of yours: name a path in one /],
  [['which', '/none/x'], 1, /^stratafs: \/none\/x does not exist\n$/],
  [['-o', 'lowerdir=/'], 2, /^stratafs: no mountpoint: name the directory to mount on, last /],
  [['-o'], 2, /^stratafs: -o needs a value after it /],
  [['-o', 'ro', '/none'], 1, /^stratafs: no lower directory/],
]
for (const [args, status, words] of wrong) {
  test(`wrong: ${args.join(' ') || '(nothing)'}`, () => {
    const result = run(...args)
    assert.match(result.stderr, words)
    assert.equal(result.stderr.split('\n').length, 2, 'one line')
    assert.equal(result.status, status)
    assert.equal(result.stdout, '')
  })
}

test('the mount-program form warns of what it does not know, in one line each, and goes on', () => {
  const { stderr, status } = run('-o', 'lowerdir=/,frobnicate,volatile=1', '--strange', '/none/such')
  assert.equal(status, 1)
  assert.deepEqual(stderr.split('\n'), [
    'stratafs: unknown argument --strange; ignored',
    'stratafs: unknown option frobnicate; ignored',
    'stratafs: option volatile takes no value (given: 1); ignored',
    'stratafs: mountpoint /none/such does not exist: make it with mkdir, or name another',
    '',
  ])
})
