/**
 * What the requests of a workload cost by themselves. Whatever a server does, the kernel sends it so many, and a
 * program waits for each to go there and back; so kernel overlayfs's time and as many empty requests are a floor for
 * what a mount in user space can reach with that pattern of requests, on this machine.
 */
import { execFileSync } from 'node:child_process'

/** How many requests somebody waited for, and the seconds that an empty one takes on the same mount. */
export interface Trips {
  readonly requests: number
  readonly seconds: number
}

/** Kinds that nobody waits for. */
const ASIDE = new Set(['FORGET', 'BATCH_FORGET', 'RELEASE', 'RELEASEDIR', 'INTERRUPT'])
const EMPTY = 3000
const PATIENCE_MS = 30_000

/** statfs(2) is always asked for, never cached, and next to nothing to answer. Prints seconds for one. */
const ASK = `
  const { statfsSync } = require('node:fs')
  const begin = process.hrtime.bigint()
  for (let i = 0; i < ${EMPTY}; i++) statfsSync(process.argv[1])
  console.log(Number(process.hrtime.bigint() - begin) / 1e9 / ${EMPTY})`

/** What `stats --json` says of requests. */
interface Stats {
  readonly byKind: Readonly<Record<string, { readonly requests: number }>>
  readonly data: { readonly reads: number; readonly writes: number }
}

/** How many of them somebody waited for. Reads and writes of content do not come to the loop, and are told apart. */
export function waitedFor({ byKind, data }: Stats): number {
  const kinds = Object.entries(byKind).filter(([kind]) => !ASIDE.has(kind))
  return kinds.reduce((sum, [, { requests }]) => sum + requests, data.reads + data.writes)
}

/** The requests that `merged` has answered and somebody has waited for; `command` is ours. */
export function requestsOf(command: readonly string[], merged: string): number {
  const { mounts } = JSON.parse(outputOf([...command, 'stats', '--json', merged])) as { mounts: [{ counters: Stats }] }
  return waitedFor(mounts[0].counters)
}

/** Seconds for an empty request on `merged`; `node` runs a script where the mount is seen. */
export function emptyTrip(node: readonly string[], merged: string): number {
  return Number(outputOf([...node, '-e', ASK, merged]))
}

function outputOf([program, ...words]: readonly string[]): string {
  return execFileSync(program!, words, { encoding: 'utf8', timeout: PATIENCE_MS, maxBuffer: 1 << 26 })
}
