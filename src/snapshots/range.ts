/** The layers between two snapshots of a mount, as a stack whose changes are those that were made in between. */
import { StratafsError } from '../base/failure.js'
import { recordOf } from './names.js'
import { chainOf, directoryOf, readList } from './records.js'

/** Names; absent: the lower layers, the present. */
export interface SnapshotRange {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** What is needed of a mount's configuration. Paths are latin1. */
interface Layers {
  readonly lowers: readonly string[]
  readonly upper: string | null
  readonly work: string | null
  readonly snapshots?: number
}

/** `config` with the layers of `to` in which those above `from` hold the changes. Throws StratafsError. */
export function layersOfRange<C extends Layers>(config: C, { from, to }: SnapshotRange): C {
  const { lowers, work, snapshots = 0 } = config
  if (from === undefined && to === undefined) return config
  if (work === null) throw new StratafsError('the mount has no workdir, and so no snapshots', 'NOT_FOUND')
  const list = readList(work)
  const chain = chainOf(list, to === undefined ? list.base : recordOf(list, to).id)
  const above = from === undefined ? chain.length : chain.findIndex(({ name }) => name === from)
  if (above < 0) {
    recordOf(list, from!)
    const fault = `${to === undefined ? 'the present' : `snapshot ${to}`} does not stand on snapshot ${from}`
    throw new StratafsError(fault, 'INVALID_ARGUMENT', 'name the older one first')
  }
  const stack = [...chain.map(({ id }) => directoryOf(work, id)), ...lowers.slice(snapshots)]
  if (to === undefined) return { ...config, lowers: stack, snapshots: above }
  if (above === 0) return { ...config, upper: null, work: null, lowers: stack, snapshots: 0 }
  return { ...config, upper: stack[0]!, work: null, lowers: stack.slice(1), snapshots: above - 1 }
}
