/**
 * What an unpacked layer may hold and what becomes of the rest: owners, devices, setuid, how much. Who may do
 * everything (root) gets everything an image holds, unless told otherwise; an ordinary user gets what that user can
 * have, with a word about each kind of thing that was left out. Refusals name the entry.
 */
import { StratafsError } from '../../base/failure.js'
import { defaultPrefix } from '../../layers/marks.js'
import { CAP_CHOWN, CAP_MKNOD } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { capable } from '../../syscalls/privilege.js'
import { printable } from '../tar/entry.js'

export interface ApplyPolicy {
  /**
   * `keep`: as the archive says. `mine`: all belong to whoever unpacks, and setuid and setgid go, for they would now
   * lend that user's rights. `xattr`: likewise, and the true owner and mode stand in `user.containers.override_stat`,
   * which a mount with xattr_permissions=2 shows.
   */
  readonly owners: 'keep' | 'mine' | 'xattr'
  readonly devices: 'make' | 'skip' | 'refuse'
  /** setuid and setgid on files, and file capabilities. */
  readonly setid: 'keep' | 'drop' | 'refuse'
  /**
   * An entry of a name that there is already: the last counts, or it is refused. Directories may be repeated in any
   * case.
   */
  readonly repeated: 'refuse' | 'replace'
  /** Most bytes that all files together may have, holes included. */
  readonly maxBytes: number
  readonly maxEntries: number
  /** `trusted.overlay.` or `user.overlay.`: under which name opaque directories are marked. */
  readonly markPrefix: string
}

/** Refuse what a nosuid, nodev place may not hold; a cap on size. */
export interface PolicyOptions {
  readonly owners?: ApplyPolicy['owners']
  readonly nodev?: boolean
  readonly nosuid?: boolean
  readonly replace?: boolean
  readonly userxattr?: boolean
  readonly maxBytes?: number
  readonly maxEntries?: number
}

/** The policy of this process, with what was asked for. */
export function policyOf(wishes: PolicyOptions): ApplyPolicy {
  const owners = wishes.owners ?? (native.hasCapability(CAP_CHOWN) === 1 ? 'keep' : 'mine')
  const mayMake = capable(CAP_MKNOD)
  return {
    owners,
    devices: wishes.nodev ? 'refuse' : mayMake ? 'make' : 'skip',
    setid: wishes.nosuid ? 'refuse' : owners === 'keep' ? 'keep' : 'drop',
    repeated: wishes.replace === false ? 'refuse' : 'replace',
    maxBytes: wishes.maxBytes ?? Number.POSITIVE_INFINITY,
    maxEntries: wishes.maxEntries ?? Number.POSITIVE_INFINITY,
    markPrefix: defaultPrefix(wishes.userxattr === true ? true : null),
  }
}

/** An archive can make up any number of names of attributes. */
const MOST_KINDS = 100
const OTHER = 'something else was left out'

/** What was left out, counted by kind, with the first of each named. */
export class Notes {
  readonly #found = new Map<string, { count: number; first: string }>()

  add(kind: string, name: string): void {
    const known = this.#found.get(kind)
    if (known !== undefined) known.count++
    else if (this.#found.size <= MOST_KINDS || kind === OTHER)
      this.#found.set(kind, { count: 1, first: printable(name) })
    else this.add(OTHER, name)
  }

  /** A sentence for each kind. */
  lines(): string[] {
    return [...this.#found].map(([kind, { count, first }]) =>
      count === 1 ? `${first}: ${kind}` : `${first} and ${count - 1} more: ${kind}`,
    )
  }
}

/** `2G`, `512M`, `100k` or plain bytes. Throws StratafsError for anything else. */
export function parseBytes(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kKmMgGtT]?)(?:i?[bB])?$/.exec(text)
  if (match === null)
    throw new StratafsError(
      `${option} ${text}`,
      'INVALID_ARGUMENT',
      'give a number of bytes such as 500000, 512M or 2G',
    )
  const power = match[2] === '' ? 0 : ' kmgt'.indexOf(match[2]!.toLowerCase())
  return Math.floor(Number(match[1]) * 1024 ** power)
}

/** A whole number above 0. Throws StratafsError for anything else. */
export function parseCount(option: string, text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new StratafsError(`${option} ${text}`, 'INVALID_ARGUMENT', 'give a number above 0')
}
