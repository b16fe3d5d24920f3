/**
 * The process before this one died while two snapshots' layers became one. The disk has been brought to its end; slots
 * that say where a file lies follow here, as that process would have had them follow. May be done twice.
 */
import { snapshotNumber } from '../../layers/layer-dir.js'
import { type MergedPaths, pathAfterMerge } from '../../snapshots/merge-path.js'
import type { Ledger } from '../state/ledger.js'
import { type SlotContent, SlotFlag } from '../state/slots.js'

export function followMerge({ slots }: Ledger, merged: MergedPaths): void {
  const [from, into] = [merged.id, merged.into].map((id) => snapshotNumber(`/${id}`))
  for (let slot = 1, end = slots.end; slot < end; slot++) {
    if (slots.id(slot) <= 0) continue
    const content = slots.content(slot)
    const change = changeOf(content, from!, into!, merged)
    if (change === null) continue
    slots.write({ ...content, ...change })
    slots.free(slot)
  }
}

type Change = Partial<Pick<SlotContent, 'parent' | 'name'>>

function changeOf(
  { flags, parent, name }: SlotContent,
  from: number,
  into: number,
  merged: MergedPaths,
): Change | null {
  if ((flags & SlotFlag.GHOST) !== 0 && name.startsWith(`${from}:`)) {
    const path = pathAfterMerge(merged, name.slice(name.indexOf(':') + 1))
    return path === null ? null : { name: `${into}:${path}` }
  }
  if ((flags & SlotFlag.PLACED) === 0 || parent !== from) return null
  const path = pathAfterMerge(merged, name)
  return path === null ? null : { parent: into, name: path }
}
