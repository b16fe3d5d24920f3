/** What snapshots may be called. */
import { StratafsError } from '../base/failure.js'
import { printable } from '../base/text.js'
import { listed, type SnapshotList, type SnapshotRecord } from './records.js'

const LONGEST = 128

/** Why nothing can be called `name`, or null. */
function nameFault(name: string): StratafsError | null {
  const isPlain = /^[^\s/:,@-][^\s/:,@]*$/u.test(name) && printable(name) === name
  if (isPlain && name.length <= LONGEST) return null
  return new StratafsError(
    `${printable(name) || 'an empty name'} cannot be the name of a snapshot`,
    'INVALID_ARGUMENT',
    `give one of 1 to ${LONGEST} characters without spaces and / : , @, that does not begin with -`,
  )
}

/** `name`, or where none is given the time, as a name that none of `list` has; or why that cannot be. */
export function freeName(list: SnapshotList, name: string | null, now: Date): string | StratafsError {
  const has = (each: string): boolean => list.snapshots.some((record) => record.name === each)
  if (name !== null) {
    const taken = new StratafsError(`there is a snapshot ${name} already`, 'EXISTS', 'choose another name')
    return nameFault(name) ?? (has(name) ? taken : name)
  }
  const time = now.toISOString().slice(0, 19).replaceAll(':', '.')
  if (!has(time)) return time
  for (let count = 2; ; count++) if (!has(`${time}-${count}`)) return `${time}-${count}`
}

/** What is made before `act` is done with `name` is called so: a name that none of `all` has. */
export function nameBefore(all: readonly { readonly name: string }[], act: 'restore' | 'merge', name: string): string {
  const first = `before-${act}-${name}`.slice(0, 120)
  let free = first
  for (let count = 2; all.some((each) => each.name === free); count++) free = `${first}-${count}`
  return free
}

/** The one called `name`. Throws StratafsError. */
export function recordOf(list: SnapshotList, name: string): SnapshotRecord {
  const found = listed(list).find((record) => record.name === name)
  if (found !== undefined) return found
  throw new StratafsError(`there is no snapshot ${printable(name)}`, 'NOT_FOUND', '`stratafs snapshot list` shows them')
}
