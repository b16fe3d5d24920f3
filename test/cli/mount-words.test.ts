/**
 * `stratafs mount` without yargs: each spelling is either read as yargs reads it or left to yargs. What is left is a
 * matter of time only, so of the plain spellings the table says that they are read.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCommands } from '../../src/cli/commands.js'
import { readMountWords } from '../../src/cli/mount/mount-fast-parse.js'
import type { MountArguments } from '../../src/cli/mount/mount-request.js'

/** As yargs reads it. */
async function yargsReading(words: readonly string[]): Promise<MountArguments | null> {
  let read: MountArguments | null = null
  await runCommands(['mount', ...words], async (given) => {
    read = given
    return 0
  })
  return read
}

/** Words are separated by `|`. */
const read = [
  'm',
  '/m',
  '--lower|a|m',
  '--lower=a|m',
  'm|--lower|a',
  '--lower|a|m|--lower=b',
  '--lower|a|--lower|b|--upper|u|--work|w|m',
  '--lower|a|--upper=u|--work=w|m',
  '-o|lowerdir=a:b,upperdir=u|m',
  '-olowerdir=a:b|m',
  '-o|ro|-onoatime|m|-o|x',
  '-o=ro|m',
  '-o|a=b=c|m',
  '--lower=a=b|m',
  '--lower|a=b|m',
  '--log-file|/l|m',
  '--log-file=l|m',
  '--log|journal|m',
  '--log=journal|m',
  '--log|journal|--log-file|journal|m',
  '--transport|dev-fuse|m',
  '--transport=dev-fuse|m',
  '--transport=fuse-native|m',
  '--accept-limits|m',
  'm|--accept-limits',
  '--accept-limits|--lower|a|m',
  '--lower|a b|m n',
  '--lower|"a"|"m"',
  "--lower|'a|'m'",
  '--lower|a,b|m',
  '--lower|a\\:b|m\\',
  '--lower|a\nb|m\nn',
  '--lower=a\nb|m',
  '-oa\nb|m',
  '--lower|\xe9\xff|\xc3\xa9',
  '--lower|1|2',
  '--lower|0x1|1e3',
  '--lower|null|undefined',
  '--lower|a|.m',
  '--lower|a.b.c|m.n',
  '--lower|no-a|[m]',
  '--lower| a | m ',
  '--lower|$0|mount',
  '--lower|__proto__|constructor',
]
for (const line of read) {
  test(`read as yargs does: ${JSON.stringify(line)}`, async () => {
    const words = line.split('|')
    const own = readMountWords(words)
    assert.ok(own !== null)
    assert.deepEqual(own, await yargsReading(words))
  })
}

const left = [
  '',
  '--lower|a',
  '--lower|a|m|n',
  'm|--lower',
  'm|-o',
  '--lower||m',
  '--lower=|m',
  '--lower|-a|m',
  '--lower=-a|m',
  '-o|-x|m',
  '-o-x|m',
  '--lower|--upper|u|m',
  '--lower|a|--|m',
  '--lower|a|-|m',
  '--lower|a|-m',
  '--upper|a|--upper|b|m',
  '--transport|other|m',
  '--accept-limits=true|m',
  '--accept-limits|true',
  '--accept-limits|false|m',
  '--no-accept-limits|m',
  '--low|a|m',
  '--lowr|a|m',
  '--merged|m',
  '--merged=m',
  '-f|m',
  '-d|m',
  '--foreground|m',
  '--debug|m',
  '--help',
  '-h',
  '--version',
  '--lower.x|a|m',
  '---lower|a|m',
  '--logFile|a|m',
]
for (const line of left) {
  test(`left to yargs: ${JSON.stringify(line)}`, () => assert.equal(readMountWords(line.split('|')), null))
}
