/**
 * The inode number that the union shows for an upper file: what its marks say, where that is believed
 * (origin-claims.ts), or the number that it has on disk.
 */
import type { Marks } from '../../layers/marks.js'
import type { Union } from './union.js'

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
