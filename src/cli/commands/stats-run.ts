/** What `stratafs stats` does: the counters of one mount or of all, one a line, as JSON, or for Prometheus. */

import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { listMounts } from '../../daemon/mount/run-directory.js'
import { type MountStats, stats } from '../../library/mount.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { absolutePath } from '../terminal/paths.js'
import { print } from '../terminal/print.js'
import { prometheusText } from './prometheus.js'

export interface StatsArguments {
  /** Latin1; undefined with `all`. */
  readonly merged: string | undefined
  readonly all: boolean
  readonly json: boolean
  readonly prometheus: boolean
}

interface Counted {
  readonly mountpoint: string
  readonly counters: MountStats
}

/** Prints the counters; the exit code. */
export async function runStats({ merged, all, json, prometheus }: StatsArguments): Promise<number> {
  if ((merged === undefined) !== all) {
    printError(all ? 'stats: give a mountpoint or --all, not both' : 'stats: name a mountpoint, or give --all')
    return Exit.USAGE
  }
  if (json && prometheus) {
    printError('stats: give --json or --prometheus, not both')
    return Exit.USAGE
  }
  const { mounts, code } = merged === undefined ? await everyMount() : { mounts: [await oneMount(merged)], code: 0 }
  if (prometheus)
    writeOut(prometheusText(mounts.map(({ mountpoint, counters }) => ({ mountpoint, counters: { ...counters } }))))
  else if (json) printDocument('stats', { schemaVersion: 1, mounts })
  else for (const mount of mounts) printCounters(mount, all)
  return code
}

async function oneMount(merged: string): Promise<Counted> {
  return { mountpoint: shown(absolutePath(merged)), counters: await stats(pathBytes(merged)) }
}

/** A mount that does not answer does not keep the others from being told. */
async function everyMount(): Promise<{ mounts: Counted[]; code: number }> {
  let code: number = Exit.DONE
  const answers = listMounts().map(async ({ state }) => {
    try {
      return [await oneMount(state.mountpoint)]
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
      printError(error.message)
      code = Exit.FAILED
      return []
    }
  })
  return { mounts: (await Promise.all(answers)).flat(), code }
}

function printCounters({ mountpoint, counters }: Counted, isNamed: boolean): void {
  if (isNamed) print(`${mountpoint}:`)
  for (const [name, value] of flatten('', { ...counters })) print(`${name.padEnd(28)} ${value}`)
}

function flatten(prefix: string, value: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'object' && inner !== null
      ? flatten(`${prefix}${name}.`, inner as Record<string, unknown>)
      : [[`${prefix}${name}`, inner] as [string, unknown]],
  )
}
