/** Shows what a mount does, once a second: `node watch-stats.mjs MERGED [TIMES]`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { StratafsError, stats } from 'stratafs'

const [merged, times = 'Infinity'] = process.argv.slice(2)
if (merged === undefined) {
  console.error('usage: node watch-stats.mjs MERGED [TIMES]')
  process.exit(2)
}

try {
  let before = await stats(merged)
  for (let time = 0; time < Number(times); time++) {
    await sleep(1000)
    const now = await stats(merged)
    const requests = now.requests - before.requests
    const copied = now.copyUpBytes - before.copyUpBytes
    console.log(`${requests} requests/s, ${copied} bytes copied up, ${Math.round(now.memory.rss / 1e6)} MB`)
    before = now
  }
} catch (error) {
  // It was unmounted meanwhile, or never was a mount.
  if (!(error instanceof StratafsError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
