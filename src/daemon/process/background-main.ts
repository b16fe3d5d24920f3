/**
 * The background process from its first moment, `MOUNTPOINT [here]`. It closes what it inherited, then starts the
 * engine's thread (unless the engine runs `here`, on the main one), and only then loads the rest, so that both go on
 * side by side. Whatever is imported here delays the mount.
 */
import { closeSync, readdirSync, readFileSync } from 'node:fs'
import { O_CLOEXEC } from '../../syscalls/constants.js'
import { addonObstacle } from '../../syscalls/native.js'
import { enginePool } from '../engine/engine-pool.js'

closeInherited()
if (process.argv[3] !== 'here' && addonObstacle === null) enginePool.begin()
void import('./background-serve.js')

/**
 * Whoever called the command may have left descriptors open over the exec: a pipe whose reader waits for its end, a
 * lock. They are known by not being close-on-exec, which all of Node's own are. 0 to 3 are meant for us.
 */
function closeInherited(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd <= 3) continue
    try {
      const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
      if (flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(fd)
    } catch {
      // The descriptor that listed the directory is gone by now.
    }
  }
}
