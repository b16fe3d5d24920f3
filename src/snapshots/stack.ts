/** From a mount's configuration to the layers that it stands on: the snapshots that its workdir holds come on top. */
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { AT_FDCWD } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { mergeIntoUpper } from './merge.js'
import { indexOnOtherLayers } from './other-layers.js'
import { chainOf, directoriesOf, hasSnapshots, readJournal, readList } from './records.js'
import { recover, standsOn } from './recover.js'

/** What is needed of a mount's configuration. Paths are latin1. */
interface Configured {
  readonly lowers: readonly string[]
  readonly layerNames?: readonly string[]
  readonly upper: string | null
  readonly work: string | null
  readonly readonly: boolean
  readonly snapshots?: number
  readonly index: 'on' | 'off' | 'immutable' | 'log'
  readonly changelog?: number
}

/** Lower layers at most, snapshots among them. */
export const LOWERS_MAX = 500

/**
 * `config` with the snapshots below its upper, after what was half done in the workdir is finished or undone; the same
 * where there are none. `isServed`: the mount lives, and only has another process. Throws StratafsError where upper and
 * workdir do not belong together.
 */
export function withSnapshots<C extends Configured>(config: C, isServed = false): C {
  const { upper, work } = config
  if (upper === null) return config
  if (work === null || !hasSnapshots(work)) {
    checkUpper(upper, null)
    return config
  }
  if (!config.readonly) {
    // What has been counted (union/limit) is true only where nothing is done here.
    if (readJournal(work) !== null) forgetUsage(work)
    recover(upper, work)
    const { base } = readList(work)
    // Not into an upper that is another workdir's.
    checkUpper(upper, base)
    if (!isServed) mergeIntoUpper(upper, work)
    if (readList(work).base !== base) forgetUsage(work)
  }
  const list = readList(work)
  if (config.readonly && readJournal(work) !== null)
    throw refused(`a snapshot of upperdir ${shown(upper)} is half made`, 'mount it read-write once')
  checkUpper(upper, list.base)
  if (list.base === null) return config
  const chain = chainOf(list)
  const lowers = [...directoriesOf(work, chain), ...config.lowers]
  if (lowers.length > LOWERS_MAX) throw refused(`${lowers.length} lower layers, snapshots included`, 'remove some')
  const layerNames = [...chain.map(({ name }) => Buffer.from(name).toString('latin1')), ...(config.layerNames ?? [])]
  return { ...config, lowers, layerNames, snapshots: chain.length, index: indexOnOtherLayers(config) }
}

function forgetUsage(work: string): void {
  native.unlinkat(AT_FDCWD, `${work}/usage`, 0)
}

/** Without its snapshots an upper would show a part of the tree. */
function checkUpper(upper: string, base: number | null): void {
  const noted = standsOn(upper)
  if (noted === base) return
  if (noted === null)
    throw refused(`the workdir has snapshots, and upperdir ${shown(upper)} stands on none of them`, BELONG)
  throw refused(`upperdir ${shown(upper)} stands on snapshot ${noted}, which the workdir does not have on top`, BELONG)
}

const BELONG = 'name the upperdir and workdir that belong together'

function refused(fault: string, remedy: string): StratafsError {
  return new StratafsError(fault, 'MOUNT_REFUSED', remedy)
}
