/**
 * Whose an inode number is. An upper file that `cp -a` made while nothing was mounted carries the origin mark of another, so
 * both would get one number, and programs would take them for hard links. A number from a mark is believed once: the
 * second inode keeps the number it has on disk.
 */
import { Stat } from '../syscalls/stat.js'

/** Inode numbers below 2^16 of the high half fit beside the low one in a number. */
const LOW_UNIT = 2 ** 32

export class OriginClaims {
  /** Merged number to the upper inode that has it. */
  readonly #owners = new Map<number, number>()

  /** Whether `number` may be that of the upper inode which `stat` describes. Hard links of one inode share it. */
  claim(number: number, stat: Float64Array): boolean {
    const inode = stat[Stat.INO_HIGH]! * LOW_UNIT + stat[Stat.INO_LOW]!
    const owner = this.#owners.get(number)
    if (owner === undefined) this.#owners.set(number, inode)
    return owner === undefined || owner === inode
  }

  /** Whether an upper inode has `number`. */
  has(number: number): boolean {
    return this.#owners.size > 0 && this.#owners.has(number)
  }
}
