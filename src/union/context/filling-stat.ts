/**
 * What a stat record says of a file that is being filled. It has no name yet, its blocks come one by one, and the
 * copier's writes move its times; shown are those of the file that it will be.
 */
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'

const shown = new Float64Array(6)

/** The mtime (seconds, nanoseconds) of the file that is being filled by the descriptor `target`, and bytes copied. */
export function filledSoFar(target: number): { mtime: number; mtimeNs: number; copied: number } {
  native.fillShown(target, shown)
  return { mtime: shown[0]!, mtimeNs: shown[1]!, copied: shown[5]! }
}

/** Puts into `record`, that of `target` itself, what is not its own doing. */
export function correctFilling(record: Float64Array, target: number): void {
  if (native.fillShown(target, shown) < 0) return
  record[Stat.NLINK] = 1
  record[Stat.MTIME] = shown[0]!
  record[Stat.MTIME_NS] = shown[1]!
  record[Stat.CTIME] = shown[2]!
  record[Stat.CTIME_NS] = shown[3]!
  // As many as there will be; a file that was cut off has fewer.
  const most = Math.ceil(record[Stat.SIZE]! / 4096) * 8
  record[Stat.BLOCKS] = Math.max(record[Stat.BLOCKS]!, Math.min(shown[4]!, most))
}
