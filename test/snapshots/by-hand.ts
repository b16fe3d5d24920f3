/**
 * What takes too long for `npm test`: `npm run test:snapshots`. Random histories in step with plain copies, then
 * programs that write while snapshots are made. Says what it found, and exits with 1 where anything was other than it
 * should be.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runLoads } from './load/many-loads.js'
import { runHistories } from './many-histories.js'

const USAGE = `usage: npm run test:snapshots [-- [OPTION…]]

Runs random histories (changes, snapshots, restores, remounts, kills) of mounts in step with \`cp -a\` copies.
Then programs write (random I/O, SQLite, acts on names) while a snapshot is made every 100 ms,
and each snapshot is looked at. Needs root and python3; TMPDIR is where it takes place.

  --histories N    so many histories [500]
  --seconds N      for so long snapshots are made under programs [600]
  --first N        the first seed [1]
  --steps N        changes in each history [150]
  --kind KIND      passthrough, cached or user alone [all in turn]
  --help           this

example: npm run test:snapshots -- --histories 30 --seconds 60 --first 700`

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '500' },
    first: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '600' },
    steps: { type: 'string', default: '150' },
    kind: { type: 'string' },
    help: { type: 'boolean' },
  },
})

/** How much was found. */
function main(): number {
  const at = mkdtempSync(join(tmpdir(), 'stratafs-snapshots-'))
  const { histories, first, steps, seconds, kind = null } = values
  const order = { at, count: Number(histories), first: Number(first), steps: Number(steps), kind }
  try {
    return runHistories(order) + runLoads(at, Number(seconds), order.first, kind)
  } finally {
    rmSync(at, { recursive: true, force: true })
  }
}

if (values.help) console.log(USAGE)
else process.exitCode = main() === 0 ? 0 : 1
