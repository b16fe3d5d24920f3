/**
 * The forms in which runtimes and mount(8) call a mount program, as a table: what is an option, a source, a mountpoint,
 * and which form an argument list is in at all.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMountProgramForm, type MountProgramCall, parseMountProgram } from '../../src/cli/mount/mount-program.js'

const forms: [name: string, args: string, expected: boolean][] = [
  ['stratafs', '', false],
  ['stratafs', 'mount --lower a m', false],
  ['stratafs', 'mount -o lowerdir=a m', false],
  ['stratafs', 'unmount m', false],
  ['stratafs', '--version', false],
  ['stratafs', '-V', false],
  ['stratafs', '-h', false],
  ['stratafs', '--help', false],
  ['stratafs', 'mont m', false],
  ['stratafs', '-o lowerdir=a m', true],
  ['stratafs', '-olowerdir=a m', true],
  ['stratafs', '-f -o lowerdir=a m', true],
  ['stratafs', 'overlay m -o lowerdir=a', true],
  ['stratafs', '/m -olowerdir=a', true],
  ['mount.fuse.stratafs', 'overlay /m', true],
  ['mount.stratafs', '--help', true],
  ['fuse-overlayfs', '-V', true],
]
for (const [name, args, expected] of forms) {
  test(`${expected ? '' : 'not '}the mount-program form: ${name} ${args}`, () => {
    assert.equal(isMountProgramForm(name, args.split(' ').filter(Boolean)), expected)
  })
}

const calls: [args: string, expected: Partial<MountProgramCall>][] = [
  ['-o lowerdir=a m', { options: ['lowerdir=a'], mountpoint: 'm', source: undefined, foreground: false, trace: false }],
  ['m -o lowerdir=a', { options: ['lowerdir=a'], mountpoint: 'm' }],
  ['-olowerdir=a,ro m', { options: ['lowerdir=a,ro'], mountpoint: 'm' }],
  ['-o lowerdir=a -o ro -osuid m', { options: ['lowerdir=a', 'ro', 'suid'] }],
  ['overlay m -o lowerdir=a', { source: 'overlay', mountpoint: 'm' }],
  ['-o x overlay m', { source: 'overlay', mountpoint: 'm' }],
  ['-f -o x m', { foreground: true, trace: false, pretend: false }],
  ['-d -o x m', { foreground: true, trace: true }],
  ['--debug -o x m', { foreground: true, trace: true }],
  ['-o x -- -m', { mountpoint: '-m' }],
  ['-s -o x m', { warnings: [] }],
  ['-o x --strange m', { mountpoint: 'm', warnings: ['unknown argument --strange; ignored'] }],
]
for (const [args, expected] of calls) {
  test(`arguments: ${args}`, () => {
    const form = parseMountProgram('stratafs', args.split(' '))
    assert.ok(form.kind === 'mount', JSON.stringify(form))
    for (const [key, value] of Object.entries(expected))
      assert.deepEqual(form[key as keyof MountProgramCall], value, key)
  })
}

test('called by mount(8): flags of its own, and -f only pretends', () => {
  const form = parseMountProgram(
    'mount.fuse.stratafs',
    'none /m -f -n -s -v -r -N /proc/1/ns/mnt -t fuse.stratafs -o lowerdir=a'.split(' '),
  )
  assert.ok(form.kind === 'mount')
  assert.equal(form.pretend, true)
  assert.equal(form.foreground, false)
  assert.equal(form.source, 'none')
  assert.deepEqual(form.options, ['ro', 'lowerdir=a'])
  assert.deepEqual(form.warnings, [])
})

const others: [args: string, kind: string][] = [
  ['-o', 'error'],
  ['-o x', 'error'],
  ['-o x a b c', 'error'],
  ['-V', 'version'],
  ['-o x --version', 'version'],
  ['-h', 'help'],
  ['m --help', 'help'],
]
for (const [args, kind] of others) {
  test(`${kind}: ${args}`, () => assert.equal(parseMountProgram('fuse-overlayfs', args.split(' ')).kind, kind))
}
