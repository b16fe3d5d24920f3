/** What `stratafs list` does: one line a mount, as `docker ps` has one a container. */
import { shown } from '../../base/text.js'
import { type MountSummary, summarizeMounts } from '../../library/mounts.js'
import { printDocument } from '../documents/documents.js'
import type { ListedMount } from '../documents/mounts.js'
import { Exit } from '../terminal/errors.js'
import { printRows } from '../terminal/print.js'
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

const HEADERS = { Image: 'IMAGE OR LAYERS', Pid: 'PID', UpperSize: 'UPPER' }

/** Prints the mounts; the exit code. */
export function runList(json: boolean, format: string | undefined): number {
  const mounts = summarizeMounts()
  if (json) return printDocument('list', { schemaVersion: 1, mounts: mounts.map(told) })
  if (format !== undefined) return printRows(shown(format), mounts.map(fieldsOf), HEADERS)
  printTable(COLUMNS, mounts.map(rowOf))
  return Exit.DONE
}

/** For --format: what the columns show, and what they are made of. */
function fieldsOf(mount: MountSummary) {
  const [mountpoint, image, upperSize, , age, pid] = rowOf(mount) as [string, string, string, string, string, string]
  const { state, mode, layers, upper, since } = mount
  return {
    ...{ Mountpoint: mountpoint, Image: image, State: state, Mode: mode, Age: age, Pid: pid, Since: since ?? '-' },
    ...{ Upper: upper ?? '-', UpperSize: upperSize, Layers: layers.map(({ path }) => path).join(':') || '-' },
  }
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
    state === 'serving' ? mode : state,
    age,
    pid === null ? '-' : String(pid),
  ]
}
