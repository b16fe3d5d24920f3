/** What `stratafs list` does: one line a mount, as `docker ps` has one a container. */
import { type MountSummary, summarizeMounts } from '../../library/mounts.js'
import { printDocument } from '../documents/documents.js'
import type { ListedMount } from '../documents/mounts.js'
import { Exit } from '../terminal/errors.js'
import { printTable } from '../terminal/table.js'
import { durationText, sizeText } from '../terminal/units.js'

const COLUMNS = [
  { header: 'MOUNTPOINT', cut: 'start' },
  { header: 'IMAGE OR LAYERS', cut: 'start' },
  { header: 'UPPER', right: true },
  { header: 'MODE' },
  { header: 'AGE' },
  { header: 'PID', right: true },
] as const

/** Prints the mounts; the exit code. */
export function runList(json: boolean): number {
  const mounts = summarizeMounts()
  if (json) return printDocument('list', { schemaVersion: 1, mounts: mounts.map(told) })
  printTable(COLUMNS, mounts.map(rowOf))
  return Exit.DONE
}

function told({ layers, upper, ...mount }: MountSummary): ListedMount {
  const lowers = layers.map((layer, position) => ({ position, role: 'lower' as const, ...layer }))
  if (upper === null) return { ...mount, layers: lowers }
  return { ...mount, layers: [{ position: -1, role: 'upper', name: 'upper', path: upper }, ...lowers] }
}

function rowOf({ mountpoint, state, mode, image, layers, upperBytes, since, pid }: MountSummary): string[] {
  const age = since === null ? '-' : durationText((Date.now() - Date.parse(since)) / 1000)
  return [
    mountpoint,
    image ?? (layers.map(({ name }) => name).join(':') || '-'),
    upperBytes === null ? '-' : sizeText(upperBytes),
    state === 'dead' ? 'dead' : mode,
    age,
    pid === null ? '-' : String(pid),
  ]
}
