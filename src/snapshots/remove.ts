/** Taking away snapshots: which of their layers go, and how. */
import { moveAside, sweepAside } from './aside.js'
import { readList, type SnapshotList, type SnapshotRecord, writeList } from './records.js'

/** What is to be done about the layer of a removed snapshot. */
export type RemovalStep =
  /** Nothing stands on it: it goes. */
  | { readonly act: 'drop'; readonly record: SnapshotRecord }
  /** It goes into the one that stands on it. */
  | { readonly act: 'merge'; readonly record: SnapshotRecord; readonly into: SnapshotRecord }
  /** The present alone stands on it: what that holds is to become a layer first. */
  | { readonly act: 'rest'; readonly record: SnapshotRecord }

/** What can be done now. A layer on which two stand waits until there is one. */
export function removalSteps({ base, snapshots }: SnapshotList): RemovalStep[] {
  return snapshots.flatMap((record): RemovalStep[] => {
    if (record.removed === undefined) return []
    const above = snapshots.filter(({ parent }) => parent === record.id)
    const isBase = base === record.id
    if (above.length === 0 && !isBase) return [{ act: 'drop', record }]
    if (above.length === 1 && !isBase) return [{ act: 'merge', record, into: above[0]! }]
    return above.length === 0 && record.removed === 'snapshot' ? [{ act: 'rest', record }] : []
  })
}

/** It is in the list no more; another one may have its name. */
export function markRemoved(work: string, { id, name }: SnapshotRecord): void {
  const list = readList(work)
  const snapshots = list.snapshots.map((record) =>
    record.id === id ? { ...record, name: `${name} (removed)`, removed: 'snapshot' as const } : record,
  )
  writeList(work, { ...list, snapshots })
}

/** Removes the layer of `record`, on which nothing stands. */
export function dropLayer(work: string, record: SnapshotRecord): void {
  // The list last: a record without its directory can be removed again, a directory without a record cannot.
  moveAside(work, record.id)
  const list = readList(work)
  writeList(work, { ...list, snapshots: list.snapshots.filter(({ id }) => id !== record.id) })
  sweepAside(work)
}
