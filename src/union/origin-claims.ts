/**
 * Whose an inode number is. An upper file that `cp -a` made while nothing was mounted carries the origin mark of another, so
 * both would get one number, and programs would take them for hard links. A number from a mark is believed once: the
 * second inode keeps the number it has on disk. A claim lasts as long as its node, but one that was ever contested stays,
 * so that the two do not change places when the kernel forgets one of them.
 */
import type { Marks } from '../layers/marks.js'
import { Stat } from '../syscalls/stat.js'
import type { Union } from './union.js'

const LOW_UNIT = 2 ** 32
/** Contested numbers that are remembered, 64 bytes each. */
const CONTESTED_MAX = 65_536
/** Of so many files the log tells. */
const TOLD_MAX = 10

export class OriginClaims {
  /** Merged number to the upper inode that has it. */
  readonly #owners = new Map<number, number>()
  readonly #contested = new Set<number>()
  /** The last claim was refused for the first time. */
  isNews = false

  /** Whether `number` may be that of the upper inode which `stat` describes. Hard links of one inode share it. */
  claim(number: number, stat: Float64Array): boolean {
    const inode = stat[Stat.INO_HIGH]! * LOW_UNIT + stat[Stat.INO_LOW]!
    const owner = this.#owners.get(number)
    if (owner === undefined) this.#owners.set(number, inode)
    return owner === undefined || owner === inode || this.#refuse(number)
  }

  /** Whether an upper inode has taken `number`, which is that of a file with no such mark. */
  isTaken(number: number): boolean {
    return this.#owners.size > 0 && this.#owners.has(number) && !this.#refuse(number)
  }

  #refuse(number: number): false {
    this.isNews = this.#contested.size < TOLD_MAX && !this.#contested.has(number)
    if (this.#contested.size < CONTESTED_MAX) this.#contested.add(number)
    return false
  }

  /** Its owner is no longer known, so whoever comes next may have it. */
  release(number: number): void {
    if (!this.#contested.has(number)) this.#owners.delete(number)
  }
}

/** The number for what `u.topStat` and its marks describe; `marked`: what the marks say, or null. */
export function believedNumber(u: Union, marked: number | null): number {
  const own = u.inodes.ofStat(u.topStat)
  if (marked === null) {
    if (!u.claims.isTaken(own)) return own
    tell(u, own, 'a file below keeps its number for itself no more: an upper file has the mark of it')
    return u.inodes.besides(u.topStat)
  }
  if (u.claims.claim(marked, u.topStat)) return marked
  tell(u, marked, 'two upper files have the mark of one lower file: the second has its own inode number')
  return own
}

/** The number that an upper's marks tell; null: none. */
export function markedNumber(u: Union, marks: Marks, type: number): number | null {
  return marks.inode ?? (marks.origin === null ? null : u.inodes.ofOrigin(marks.origin, type))
}

function tell(u: Union, inode: number, message: string): void {
  if (u.claims.isNews) u.log('warn', message, { inode })
}
