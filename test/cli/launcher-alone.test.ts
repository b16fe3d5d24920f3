/**
 * The launcher with a shell script in the place of Node, so that everything it can be told is told: its language, how
 * it waits, and what it makes of a Node that is missing or ends too soon. And the script that people link to, without a
 * launcher.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { eventually, LAUNCH, MAIN } from '../daemon/harness.js'

const needsLauncher = {
  skip: existsSync(LAUNCH) ? false : 'the launcher has not been built (npm run build:native)',
}

interface Package {
  readonly root: string
  readonly launch: string
}

/** A package whose Node does `background` when it is launched, and else says what it was given. */
function packageOf(t: TestContext, background: string): Package {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'stratafs-launch-')))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const release = join(root, `native-bindings/prebuilt/linux-${process.arch}`)
  for (const folder of [release, join(root, 'dist/src/cli')]) mkdirSync(folder, { recursive: true })
  cpSync(LAUNCH, join(release, 'launch'))
  const node = join(root, 'node')
  const script = `#!/bin/sh
    case $2 in
      */launched-main.cjs) shift 2; ${background} ;;
      *) shift; echo "command $STRATAFS_NAME" "$@" ;;
    esac`
  writeFileSync(node, script, { mode: 0o755 })
  writeFileSync(join(root, 'dist/src/cli/stratafs.cjs'), `#!${node}\n`)
  writeFileSync(join(root, 'dist/src/cli/launched-main.cjs'), '')
  return { root, launch: join(release, 'launch') }
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, name?: string): unknown[] {
  const options = { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 30_000 } as const
  const { status, stdout, stderr } = spawnSync(
    program,
    args,
    name === undefined ? options : { ...options, argv0: name },
  )
  return [status, stdout, stderr]
}

const told: [about: string, background: string, status: number, stdout: string, stderr: string][] = [
  ['words and a status', `printf 'say a\\0say b\\nc\\0exit 3\\0' >&3`, 3, '', 'stratafs: a\nstratafs: b\nc\n'],
  ['what it was given', `printf "say $*\\0exit 0\\0" >&3`, 0, '', 'stratafs: launch -o x m\n'],
  [
    'the surroundings',
    `printf "say $NODE_EXTRA_CA_CERTS.$STRATAFS_NAME.$NODE_CHANNEL_FD\\0exit 0\\0" >&3`,
    0,
    '',
    'stratafs: ..\n',
  ],
  ['a mount that answers', `printf 'ready /\\0' >&3`, 0, '', ''],
  ['that it is not for it', `printf 'other\\0' >&3`, 0, 'command launch -o x m\n', ''],
  ['nothing', 'exit 7', 0, 'command launch -o x m\n', ''],
  [
    'too little',
    `printf 'say a\\0' >&3; exit 7`,
    1,
    '',
    'stratafs: a\nstratafs: the background process died before it mounted (7)\n',
  ],
  ['nothing, killed', 'kill -9 $$', 1, '', 'stratafs: the background process died before it mounted (SIGKILL)\n'],
]
for (const [about, background, status, stdout, stderr] of told) {
  test(`told ${about}`, needsLauncher, (t) => {
    const { launch } = packageOf(t, background)
    const env = { NODE_EXTRA_CA_CERTS: '/none', NODE_CHANNEL_FD: '4', STRATAFS_NAME: undefined }
    assert.deepEqual(run(launch, ['-o', 'x', 'm'], env), [status, stdout, stderr])
  })
}

test('a mount that does not answer is taken away', needsLauncher, async (t) => {
  const { root, launch } = packageOf(
    t,
    `trap ': > "$PLACE/ended"; exit' TERM; printf 'ready /none/such\\0' >&3; exec 3>&-; while :; do sleep 0.05; done`,
  )
  const words = 'stratafs: the mount does not answer (ENOENT): the mount was taken away again\n'
  assert.deepEqual(run(launch, ['-o', 'x', 'm'], { PLACE: root }), [1, '', words])
  assert.ok(await eventually(() => existsSync(join(root, 'ended')), 5_000))
})

const ways: [name: string, args: string, launched: boolean][] = [
  ['stratafs', 'mount --lower a --upper=b --accept-limits -o x -oy m', true],
  ['stratafs', 'mount m', true],
  ['stratafs', 'mount -f m', false],
  ['stratafs', 'mount --debug m', false],
  ['stratafs', 'mount --lower', false],
  ['stratafs', 'mount --low a m', false],
  ['stratafs', 'mount --lowerx=a m', false],
  ['stratafs', '-o x m', true],
  ['stratafs', '-ox m', true],
  ['stratafs', '/m -o x', true],
  ['stratafs', '-o x -f m', false],
  ['stratafs', '-o x -- m', false],
  ['stratafs', '-o', false],
  ['stratafs', '-V', false],
  ['stratafs', '--version', false],
  ['stratafs', 'inspect m', false],
  ['stratafs', 'diff m -o x', false],
  ['stratafs', '', false],
  ['/sbin/mount.fuse.stratafs', 'source m -n -t fuse.stratafs -o rw', true],
  ['mount.stratafs', 'source m -f -o rw', false],
  ['fuse-overlayfs', 'm', true],
  ['fuse-overlayfs', '--help', false],
]
for (const [name, args, isLaunched] of ways) {
  test(`${isLaunched ? 'launched' : 'the command'}: ${name} ${args}`, needsLauncher, (t) => {
    const { launch } = packageOf(t, `printf "say $*\\0exit 0\\0" >&3`)
    const words = [name.split('/').at(-1), ...args.split(' ').filter(Boolean)].join(' ')
    const expected = isLaunched ? [0, '', `stratafs: ${words}\n`] : [0, `command ${words}\n`, '']
    assert.deepEqual(run(launch, args.split(' ').filter(Boolean), { STRATAFS_NAME: undefined }, name), expected)
  })
}

test('without Node it says so', needsLauncher, (t) => {
  const { root, launch } = packageOf(t, '')
  rmSync(join(root, 'node'))
  const words = 'stratafs: Node cannot be started: No such file or directory\n'
  assert.deepEqual(run(launch, ['-V']), [127, '', words])
  assert.deepEqual(run(launch, ['-o', 'x', 'm']), [127, '', words])
})

test('the script finds the launcher through links, and does without it', needsLauncher, (t) => {
  const { root, launch } = packageOf(t, `printf "say $*\\0exit 0\\0" >&3`)
  const prebuilt = join(root, `native-bindings/prebuilt/${process.platform}-${process.arch}`)
  mkdirSync(prebuilt, { recursive: true })
  renameSync(launch, join(prebuilt, 'launch'))
  mkdirSync(join(root, 'scripts'))
  cpSync(join(checkoutRoot(), 'scripts/stratafs'), join(root, 'scripts/stratafs'))
  symlinkSync('scripts/stratafs', join(root, 'inner'))
  symlinkSync('inner', join(root, 'fuse-overlayfs'))
  const link = join(root, 'fuse-overlayfs')
  assert.deepEqual(run(link, ['a b', 'm']), [0, '', 'stratafs: fuse-overlayfs a b m\n'])
  rmSync(join(prebuilt, 'launch'))
  rmSync(join(root, 'dist'), { recursive: true })
  symlinkSync(join(checkoutRoot(), 'dist'), join(root, 'dist'))
  assert.match(run(link, ['--help'])[1] as string, /^usage: fuse-overlayfs /)
  assert.ok(readFileSync(MAIN, 'utf8').startsWith('#!/usr/bin/env node\n'), 'what an install writes over')
})
