/** Sizes, times and tables as people see them, by tables of values. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableLines } from '../../src/cli/terminal/table.js'
import { agoText, durationText, sizeText } from '../../src/cli/terminal/units.js'
import { shortestEnds } from '../../src/stack/shortest-ends.js'

const sizes: [bytes: number, text: string][] = [
  [0, '0 B'],
  [512, '512 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [1024, '1.02 kB'],
  [1530, '1.53 kB'],
  [9996, '10 kB'],
  [99_700, '99.7 kB'],
  [99_960, '100 kB'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [170_000_000, '170 MB'],
  [1e12, '1 TB'],
  [9e15, '9 PB'],
]
for (const [bytes, text] of sizes) test(`${bytes} bytes`, () => assert.equal(sizeText(bytes), text))

const HOUR = 3600
const DAY = 24 * HOUR
const durations: [seconds: number, text: string][] = [
  [-5, '0 seconds'],
  [1, '1 second'],
  [59.9, '59 seconds'],
  [60, '1 minute'],
  [HOUR - 1, '59 minutes'],
  [HOUR, '1 hour'],
  [2 * DAY - 1, '47 hours'],
  [2 * DAY, '2 days'],
  [14 * DAY, '2 weeks'],
  [60 * DAY, '2 months'],
  [729 * DAY, '24 months'],
  [730 * DAY, '2 years'],
]
for (const [seconds, text] of durations) test(`${seconds} seconds`, () => assert.equal(durationText(seconds), text))

test('how long ago', () => {
  const now = Date.parse('2026-01-02T00:00:00Z')
  assert.equal(agoText('2026-01-01T21:00:00Z', now), '3 hours ago')
  assert.equal(agoText(null, now), '-')
  assert.equal(agoText('yesterday', now), '-')
})

const columns = [
  { header: 'PATH', cut: 'start' },
  { header: 'SIZE', right: true },
  { header: 'WORDS', cut: 'end' },
] as const
const rows = [
  ['/a/long/path/to/something', '5 B', 'few'],
  ['/b', '170 MB', 'quite a number of words that go on'],
]

test('a table is as wide as it has to be', () => {
  assert.deepEqual(tableLines(columns, rows, Number.POSITIVE_INFINITY), [
    'PATH                         SIZE  WORDS',
    '/a/long/path/to/something     5 B  few',
    '/b                         170 MB  quite a number of words that go on',
  ])
})

test('a table is cut to the width that there is', () => {
  assert.deepEqual(tableLines(columns, rows, 40), [
    'PATH               SIZE  WORDS',
    '…h/to/something     5 B  few',
    '/b               170 MB  quite a number…',
  ])
  for (const width of [30, 50, 60, 79, 80]) {
    for (const line of tableLines(columns, rows, width)) assert.ok([...line].length <= width, line)
  }
})

test('cells are one line whatever is in them, and never cut where that would lie', () => {
  assert.deepEqual(
    tableLines(
      [{ header: 'A' }, { header: 'B' }],
      [
        ['x\ny', '\x1b[2J'],
        ['long words stay', ''],
      ],
      10,
    ),
    ['A                B', 'x\\u000ay         \\u001b[2J', 'long words stay'],
  )
})

const ends: [paths: string[], names: string[]][] = [
  [
    ['/layers/app', '/layers/base'],
    ['app', 'base'],
  ],
  [
    ['/a/x/etc', '/a/y/etc'],
    ['x/etc', 'y/etc'],
  ],
  [
    ['/a/x/etc', '/b/x/etc', '/c/var'],
    ['a/x/etc', 'b/x/etc', 'var'],
  ],
  [
    ['/x', '/a/x'],
    ['/x', 'a/x'],
  ],
  [['/'], ['/']],
  [
    ['/a', '/a'],
    ['a', 'a'],
  ],
]
for (const [paths, names] of ends) {
  test(`names of ${paths.join(' ')}`, () => assert.deepEqual(shortestEnds(paths), names))
}
