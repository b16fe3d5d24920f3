/** What `stratafs host status` and `stratafs host stop` do. */
import { listHosts, stopHosts, upgradeHosts } from '../../library/hosts.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { printTable } from '../terminal/table.js'
import { sizeText } from '../terminal/units.js'

const COLUMNS = [
  { header: 'PID', right: true },
  { header: 'MOUNTS', right: true },
  { header: 'THREADS', cut: 'end' },
  { header: 'MEMORY', right: true },
] as const

/** Prints each host, and its mounts below it. */
export async function runHostStatus(json: boolean): Promise<number> {
  const hosts = await listHosts()
  if (json) {
    return printDocument('host', { schemaVersion: 1, hosts, stopped: [], upgraded: [] })
  }
  const rows = hosts.map(({ pid, mounts, threads, rss }) => {
    const silent = threads.filter(({ silentMs }) => silentMs > 0).length
    const told = silent > 0 ? `${threads.length} (${silent} silent)` : String(threads.length)
    return [String(pid), String(mounts.length), told, sizeText(rss)]
  })
  printTable(COLUMNS, rows)
  for (const { mounts } of hosts) for (const mountpoint of mounts) writeOut(`  ${mountpoint}\n`)
  return Exit.DONE
}

/** Ends hosts without a mount; fails where one has some. */
export async function runHostStop(json: boolean): Promise<number> {
  const outcome = await stopHosts()
  if (json) printDocument('host', { schemaVersion: 1, hosts: outcome.busy, stopped: outcome.stopped, upgraded: [] })
  else for (const pid of outcome.stopped) writeOut(`process ${pid} has ended\n`)
  for (const { pid, mounts } of outcome.busy)
    printError(`process ${pid} serves ${mounts.join(', ')}: unmount first (\`stratafs unmount\`)`)
  return outcome.busy.length > 0 ? Exit.FAILED : Exit.DONE
}

/** Has this version serve the mounts of every host on; fails where one goes on as it is. */
export async function runHostUpgrade(json: boolean): Promise<number> {
  const { upgraded, refused } = await upgradeHosts()
  if (json) printDocument('host', { schemaVersion: 1, hosts: await listHosts(), stopped: [], upgraded })
  else for (const { from, to } of upgraded) writeOut(`process ${to} serves the mounts of process ${from}\n`)
  for (const { pid, why } of refused) printError(`process ${pid} is not replaced: ${why}`)
  return refused.length > 0 ? Exit.FAILED : Exit.DONE
}
