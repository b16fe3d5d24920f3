/** The mounts of a process that has died, as orders for this one. */
import { keeper } from '../keeper/keeper.js'
import { legacyOf } from '../service/legacy.js'
import type { BackgroundOrder } from './background-mount.js'

/** What the keeper at the other end of `line` hands over. */
export function legacies(line: number): BackgroundOrder[] {
  return keeper.resume(line).flatMap(({ mount, fds }) => {
    const legacy = legacyOf(mount, fds)
    if (typeof legacy === 'string') {
      process.stderr.write(`stratafs: a mount is lost: ${legacy}\n`)
      return []
    }
    return [{ plan: legacy.plan, warnings: [], journal: false, legacy }]
  })
}
