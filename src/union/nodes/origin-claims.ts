/**
 * Which inode may have the number that an origin mark names. An upper file that `cp -a` made while nothing was mounted
 * carries the mark of another. Both would get one number, and programs would take them for hard links. So a number from
 * a mark is believed once; the second inode keeps the number it has on disk. A claim lasts as long as its node. One
 * that was ever contested stays, so that the two do not swap numbers when the kernel forgets one of them.
 */
import { Stat } from '../../syscalls/stat.js'

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
