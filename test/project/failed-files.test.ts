/** What scripts/test.sh runs once more: files, each once, and none for a test that is still to be written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import failedFiles from '../../scripts/failed-files.js'

async function* events() {
  yield { type: 'test:pass', data: { file: '/a' } }
  yield { type: 'test:fail', data: { file: '/b' } }
  yield { type: 'test:fail', data: { file: '/b' } }
  yield { type: 'test:fail', data: { file: '/c', todo: true } }
  yield { type: 'test:fail', data: {} }
  yield { type: 'test:fail', data: { file: '/d' } }
}

test('each file with a failed test is named once', async () => {
  const lines: string[] = []
  for await (const line of failedFiles(events())) lines.push(line)
  assert.deepEqual(lines, ['/b\n', '/d\n'])
})
