/** The library form: what the command line is built on, called as another program would. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect, inspectAll, mount, StratafsError, stats, which } from '../../src/index.js'
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
  assert.match(root.warnings[0], /^option context is ignored/)
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
