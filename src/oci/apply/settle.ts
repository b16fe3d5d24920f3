/**
 * A moment's wait before a layer gets its name, so that whatever changes in it from then on has another time than what
 * was done while it was made: rows about it (owner-index/layer-rows/) can be believed at once.
 */
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'

/** Clocks of filesystems go on every 10 ms or sooner; some every second or two, which are not waited for. */
const MOST_MS = 30
const pause = new Int32Array(new SharedArrayBuffer(4))

/** Waits until the clock of the filesystem has gone on. `fd`: a directory of ours on it; its times stay. */
export function settle(fd: number): void {
  const before = touched(fd)
  if (before === null) return
  for (let waited = 0; waited < MOST_MS; waited++) {
    Atomics.wait(pause, 0, 0, 1)
    const now = touched(fd)
    if (now === null || now[0] !== before[0] || now[1] !== before[1]) return
  }
}

/** When it was touched, by the filesystem's clock; null where it cannot be. */
function touched(fd: number): readonly [number, number] | null {
  const { stat } = native
  if (native.statat(fd, '') < 0) return null
  const { ATIME, ATIME_NS, MTIME, MTIME_NS, CTIME, CTIME_NS } = Stat
  if (native.utimensat(fd, '', stat[ATIME]!, stat[ATIME_NS]!, stat[MTIME]!, stat[MTIME_NS]!) < 0) return null
  return native.statat(fd, '') < 0 ? null : [stat[CTIME]!, stat[CTIME_NS]!]
}
