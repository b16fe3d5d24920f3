/** The library form: what the command line is built on, called as another program would. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type FailureCode,
  imageHistory,
  indexStatus,
  inspect,
  inspectAll,
  mount,
  remount,
  StratafsError,
  stats,
  unmount,
  which,
} from '../../src/index.js'
import { isGone, needsRoot, workspace } from './harness.js'

test('mount, ask, unmount', needsRoot, async (t) => {
  const w = workspace(t)
  process.env.STRATAFS_RUN_DIR = w.runDirectory
  t.after(() => delete process.env.STRATAFS_RUN_DIR)
  const root = await mount(w.merged, {
    lower: [w.top, Buffer.from(w.base)],
    upper: w.upper,
    options: 'noatime,context=x',
  })
  assert.equal(root.mountpoint, w.merged)
  assert.match(root.warnings[0]!, /^option context is ignored/)
  assert.equal(await readFile(join(w.merged, 'a'), 'utf8'), 'top a\n')
  assert.equal((await inspect(w.merged)).Pid, root.pid)
  assert.equal((await inspectAll()).length, 1)
  assert.equal((await which(join(w.merged, 'b'))).realpath, join(w.base, 'b'))
  assert.ok(Number((await stats(w.merged)).requests) > 0)
  await root.unmount()
  assert.ok(isGone(root.pid))
})

test('a refusal is thrown with the sentence that the command would print', async () => {
  const refused = mount('/none', { lower: ['/'], options: 'volatil' })
  await assert.rejects(
    refused,
    (error) => error instanceof StratafsError && /did you mean volatile\?$/.test(error.message),
  )
  await assert.rejects(mount('/none/such', { lower: ['/'] }), /^StratafsError: mountpoint \/none\/such does not exist/)
  await assert.rejects(inspect('/'), /is not a stratafs mount/)
})

const refusals: [words: string, ask: () => Promise<unknown>, code: FailureCode, remedy: RegExp | null][] = [
  ['a wrong option', () => mount('/none', { lower: ['/'], options: 'volatil' }), 'INVALID_ARGUMENT', null],
  ['no mountpoint', () => mount('/none/such', { lower: ['/'] }), 'MOUNT_REFUSED', /^make it with mkdir/],
  ['no mount', () => unmount('/etc'), 'NOT_A_MOUNT', null],
  ['no mount to be changed', () => remount('/etc', 'ro'), 'NOT_A_MOUNT', null],
  ['no layout', () => imageHistory('/etc:tag'), 'NOT_FOUND', /^name it as LAYOUT:TAG$/],
  ['nothing named', () => indexStatus({}), 'INVALID_ARGUMENT', null],
]
for (const [words, ask, code, remedy] of refusals) {
  test(`a refusal has a code and, where there is one, a remedy: ${words}`, async () => {
    await assert.rejects(ask, (error) => {
      assert.ok(error instanceof StratafsError)
      assert.equal(error.code, code)
      if (remedy === null) assert.equal(error.remedy, null)
      else assert.match(error.remedy ?? '', remedy)
      return true
    })
  })
}

test('a remedy is what comes after the colon, and no other words after one', () => {
  const remedyOf = (words: string) => new StratafsError(words).remedy
  assert.equal(remedyOf('/a is not a directory: name one'), 'name one')
  assert.equal(remedyOf('/a: held by 5; with --live it is read'), 'with --live it is read')
  assert.equal(remedyOf('etc/x: name is too long'), null)
  assert.equal(remedyOf('/a cannot be read: EIO'), null)
  assert.equal(remedyOf('index /a cannot be marked: the mount works without it'), null)
})
