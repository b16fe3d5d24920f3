/** Taking away a snapshot that nothing stands on. */
import { StratafsError } from '../base/failure.js'
import { AT_FDCWD } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { removeAside } from './aside.js'
import { recordOf } from './names.js'
import { chainOf, directoryOf, readList, storeOf, writeList } from './records.js'

/** Removes the snapshot `name` of `work`. Throws StratafsError where something stands on it. */
export function removeSnapshot(work: string, name: string): void {
  const list = readList(work)
  const record = recordOf(list, name)
  const above = list.snapshots.find(({ parent }) => parent === record.id)
  if (chainOf(list).includes(record))
    throw new StratafsError(`the present stands on snapshot ${name}`, 'IN_USE', 'go back to an older one first')
  if (above !== undefined)
    throw new StratafsError(`snapshot ${above.name} stands on snapshot ${name}`, 'IN_USE', 'remove that one first')
  // The list last: a record without its directory can be removed again, a directory without a record cannot.
  native.renameat(AT_FDCWD, directoryOf(work, record.id), AT_FDCWD, `${storeOf(work)}/old-${record.id}`, 0)
  writeList(work, { ...list, snapshots: list.snapshots.filter((each) => each !== record) })
  removeAside(work, [`old-${record.id}`])
}
