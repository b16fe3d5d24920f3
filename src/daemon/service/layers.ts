/**
 * Lower layers put under a mount in use, or taken out of it, as the main thread sees it: what is wanted is checked as
 * before a mount, the engine is asked who needs what would go, and the kernel is told to forget.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { failureFrom, StratafsError } from '../../base/failure.js'
import { printable, shown } from '../../base/text.js'
import type { RestackOrder } from '../../operations/engine.js'
import { forgetInode, forgetTree, newEpoch } from '../../protocol/notifications.js'
import { indexOnOtherLayers } from '../../snapshots/other-layers.js'
import { LOWERS_MAX } from '../../snapshots/stack.js'
import type { UnionConfig } from '../../union/context/config.js'
import { Word } from '../../union/state/memory.js'
import type { ControlRequest } from '../control/control-protocol.js'
import type { LayersChanged } from '../control/layer-documents.js'
import type { RestackAnswer } from '../engine/engine-messages.js'
import { checkLowers } from '../mount/checks.js'
import { endIndex } from './end-index.js'
import { hasEpochs, notifyAll } from './kernel-memory.js'
import { copiedUpFrom } from './left-below.js'
import type { SnapshotMount } from './snapshot-drain.js'

type LayersRequest = Extract<ControlRequest, { command: 'layers' }>

/** What the kernel still knows after it was made to forget is asked so often, and with such pauses. */
const ATTEMPTS = 10
const PAUSE_MS = 30
/** So many paths are named. */
const NAMED = 5

const INDEX_OFF = 'the owner index is off until the next mount: the layers were changed'

/** Puts the mount on other lower layers; one such change at a time. Throws StratafsError with nothing done. */
export async function changeLayers(mount: SnapshotMount, request: LayersRequest): Promise<LayersChanged> {
  const begun = performance.now()
  const { from, lowers, layerNames } = request
  const { mountpoint, config: before } = mount.state()
  check(mount, from, lowers)
  const checked = checkLowers(mountpoint, { ...before, lowers })
  if (checked instanceof StratafsError) throw checked
  const layerNumbers = numbersFor(before, checked)
  const config = { ...before, lowers: checked, layerNames, layerNumbers, index: indexOnOtherLayers(before) }
  const going = before.lowers.filter((path) => !checked.includes(path))
  const left = going.length === 0 ? { contents: [], links: [] } : await copiedUpFrom(before, going)
  if (left.links.length > 0) throw needed(left.links.map((path) => ({ path, why: 'links' })))
  const { memory } = mount
  const text = memory === null ? undefined : onLayers(memory.text, config)
  if (memory !== null) memory.words[Word.TELL] = 1
  const answer = await askPatiently(mount, { config, from, upperPaths: left.contents, text }, going.length > 0)
  mount.restate({ ...mount.state(), config })
  await tell(mount, answer)
  if (memory !== null) memory.words[Word.TELL] = 0
  void endIndex(mount, INDEX_OFF)
  mount.log('info', 'the lower layers were changed', { lowers: checked.length })
  return {
    lowers: checked.map(shown),
    added: checked.filter((path) => !before.lowers.includes(path)).map(shown),
    removed: going.map(shown),
    milliseconds: performance.now() - begun,
  }
}

/** Layers that stay keep the numbers by which they are known; others get ones that none has had. */
function numbersFor({ lowers, dataLowers = [], layerNumbers }: UnionConfig, wanted: readonly string[]): number[] {
  const before = [...lowers, ...dataLowers]
  const numbers = layerNumbers ?? before.map((_, at) => at)
  let next = Date.now() * LOWERS_MAX * 2
  const numberOf = (path: string): number => numbers[lowers.indexOf(path)] ?? next++
  return [...wanted.map(numberOf), ...numbers.slice(lowers.length)]
}

/** The text that the next process makes the mount from, on the layers of `config`. */
function onLayers(text: string, { lowers, layerNames, layerNumbers }: UnionConfig): string {
  const made = JSON.parse(text) as { readonly plan: { readonly config: UnionConfig } }
  const config = { ...made.plan.config, lowers, layerNames, layerNumbers }
  return JSON.stringify({ ...made, plan: { ...made.plan, config } })
}

function check(mount: SnapshotMount, from: readonly string[], lowers: readonly string[]): void {
  const { config, hybrid } = mount.state()
  const refused = (fault: string, remedy: string): StratafsError => new StratafsError(fault, 'FAILED', remedy)
  // Looking at the mountpoint would wait for the thread that looks.
  if (mount.engine.notify === undefined)
    throw refused('a mount over fuse-native keeps its layers', 'mount without --transport fuse-native')
  if (hybrid) throw refused('a mount with engine=hybrid keeps its layers', 'mount with engine=fuse')
  if ((config.snapshots ?? 0) > 0)
    throw refused('a mount that stands on snapshots keeps its layers, which are theirs, too', 'commit, and mount anew')
  if (config.readonly && config.upper !== null)
    throw refused('a read-only mount of an upperdir keeps its layers', 'mount it read-write')
  if (from.join('\0') !== config.lowers.join('\0'))
    throw refused('the layers have been changed by another meanwhile', 'try again')
  const twice = lowers.find((path, at) => lowers.indexOf(path) !== at)
  if (twice !== undefined) throw refused(`${shown(twice)} is a layer of this mount already`, 'name another')
  if (lowers.length === 0) throw refused('a mount has one lower layer at least', 'leave one, or use `layer replace`')
  if (lowers.length > LOWERS_MAX) throw refused(`there can be ${LOWERS_MAX} lower layers`, 'take some out first')
}

/** `goes`: a layer is taken out. What has no use for it but in the kernel's memory is forgotten first. */
async function askPatiently(mount: SnapshotMount, order: Omit<RestackOrder, 'asks'>, goes: boolean): Promise<Done> {
  for (let attempt = 0; goes && attempt < ATTEMPTS; attempt++) {
    const asked = await ask(mount, { ...order, asks: true })
    if (asked.needs.length === 0) break
    if (attempt === 0) await notifyAll(mount.engine, forgetTree(asked.names))
    await sleep(PAUSE_MS)
  }
  const done = await ask(mount, { ...order, asks: false })
  if (done.needs.length > 0) throw needed(done.needs)
  return done
}

async function ask(mount: SnapshotMount, order: RestackOrder): Promise<Done> {
  const answer = (await mount.engine.ask({ what: 'restack', order }, true)) as RestackAnswer | null
  if (answer === null) throw new StratafsError('the engine cannot change its layers, or has ended', 'DAEMON_DEAD')
  if ('refusal' in answer) throw failureFrom(answer.refusal).map(shown)
  return answer
}

/** Names, attributes and lists that the kernel knows may not be true any more. */
async function tell({ engine }: SnapshotMount, { names, directories }: Done): Promise<void> {
  await notifyAll(engine, (await hasEpochs(engine)) ? newEpoch() : forgetTree(names))
  await notifyAll(
    engine,
    directories.map((nodeid) => forgetInode(nodeid)),
  )
}

type Done = Exclude<RestackAnswer, { refusal: unknown }>

const WHY = {
  open: 'is open, or in use otherwise',
  content: 'has its content there',
  links: 'has names there, and was copied up',
} as const

function needed(needs: readonly { readonly path: string; readonly why: keyof typeof WHY }[]): StratafsError {
  const named = needs.slice(0, NAMED).map(({ path, why }) => `${printable(shown(path))} ${WHY[why]}`)
  const more = needs.length > NAMED ? `, and ${needs.length - NAMED} more` : ''
  return new StratafsError(
    `a layer that would go is needed: ${named.join(', ')}${more}`,
    'IN_USE',
    'end what has files open; what was copied up in part needs its layer',
  )
}
