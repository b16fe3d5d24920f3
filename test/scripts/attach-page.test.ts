/**
 * The table of docs/attach.md: what it says of each outcome, and that only what stands between the marks is replaced.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Result, table, withResults } from '../../scripts/attach-page.js'
import { checkoutRoot } from '../../scripts/checkout.js'

const results: Result[] = [
  {
    column: 'stratafs',
    outcomes: [
      { family: 'podman', name: 'run', outcome: 'pass' },
      { family: 'podman', name: 'a | b', outcome: 'fail', reason: 'no' },
      { family: 'mount', name: 'helper', outcome: 'pass' },
    ],
  },
  {
    column: 'other',
    outcomes: [
      { family: 'mount', name: 'helper', outcome: 'skip', reason: 'it has none' },
      { family: 'podman', name: 'run', outcome: 'fail' },
    ],
  },
]

test('a row for each case, a table for each family, the counts of what was asked', () => {
  assert.equal(
    table(results),
    `stratafs: 2 of 3 · other: 0 of 1. ✓ passes, ✗ fails, – not asked.

| podman | stratafs | other |
|---|---|---|
| run | ✓ | ✗ |
| a \\| b | ✗ |  |

| mount | stratafs | other |
|---|---|---|
| helper | ✓ | – it has none |`,
  )
})

test('only what stands between the marks is replaced', () => {
  const page = readFileSync(join(checkoutRoot(), 'docs/attach.md'), 'utf8')
  const once = withResults(page, 'NEW')
  assert.ok(once.includes('\n\nNEW\n\n'))
  assert.equal(withResults(once, 'NEW'), once)
  assert.equal(once.split('<!--')[0], page.split('<!--')[0])
  assert.throws(() => withResults('no marks', ''), /has no place/)
})
