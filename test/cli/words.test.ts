/** How arguments are rewritten before yargs reads them, by a table: `--`, `-`, `-oX` and `help`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wordsForParser } from '../../src/cli/terminal/words.js'

/** Words are separated by blanks. */
const table: [given: string, expected: string][] = [
  ['inspect m', 'inspect m'],
  ['inspect -- m', 'inspect m'],
  ['inspect -- -m', 'inspect ./-m'],
  ['-- inspect m', 'inspect m'],
  ['-- inspect -- --help', 'inspect ./--help'],
  ['mount --lower l -- m', 'mount --lower l m'],
  ['mount -olowerdir=l -- -om', 'mount -o lowerdir=l ./-om'],
  ['which -- -a b -c', 'which ./-a b ./-c'],
  ['which a -- --', 'which a ./--'],
  ['apply - d', 'apply /dev/stdin d'],
  ['apply -- - -d', 'apply /dev/stdin ./-d'],
  ['image import -- - -i:t', 'image import /dev/stdin ./-i:t'],
  ['bundle m b -- ls -la', 'bundle m b -- ls -la'],
  ['bundle -- m b ls -la', 'bundle m b -- ls -la'],
  ['bundle m -- -b ls -- x', 'bundle m ./-b -- ls -- x'],
  ['bundle --user 1:2 m -- b', 'bundle --user 1:2 m b --'],
  ['help', '--help'],
  ['help mount', 'mount --help'],
  ['help image mount', 'image mount --help'],
]
for (const [given, expected] of table) {
  test(`words: ${given}`, () => assert.deepEqual(wordsForParser(given.split(' ')), expected.split(' ')))
}
