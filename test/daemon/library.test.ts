/** The library form: what the command line is built on, called as another program would. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { failureFrom } from '../../src/base/failure.js'
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
  ['a wrong option', () => mount('/none', { lower: ['/'], options: 'volatil' }), 'INVALID_ARGUMENT', /volatile/],
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

test('a failure keeps its parts in other words, over JSON, and beside another copy of its class', () => {
  const error = new StratafsError('/a is not a directory', 'NOT_FOUND', 'name one')
  assert.equal(error.message, '/a is not a directory: name one')
  assert.equal(new StratafsError('/a cannot be read: EIO').remedy, null)
  const parts = ({ fault, code, remedy }: StratafsError) => [fault, code, remedy]
  assert.deepEqual(parts(failureFrom(JSON.parse(JSON.stringify(error)))), parts(error))
  assert.deepEqual(parts(error.of('layer 1')), ['layer 1: /a is not a directory', 'NOT_FOUND', 'name one'])
  assert.deepEqual(parts(error.map((text) => text.toUpperCase())), ['/A IS NOT A DIRECTORY', 'NOT_FOUND', 'NAME ONE'])
  assert.ok(Object.assign(new Error('x'), { name: 'StratafsError' }) instanceof StratafsError)
  assert.ok(!(new Error('x') instanceof StratafsError) && !({} instanceof StratafsError))
})
