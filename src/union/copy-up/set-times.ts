/** A file's times as a stat record has them, to the nanosecond. */
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'

export function setTimes(fd: number, name: string, stat: Float64Array): number {
  return native.utimensat(fd, name, stat[Stat.ATIME]!, stat[Stat.ATIME_NS]!, stat[Stat.MTIME]!, stat[Stat.MTIME_NS]!)
}
