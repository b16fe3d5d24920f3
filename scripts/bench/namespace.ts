/**
 * The surroundings of an ordinary user's mount: a user namespace, in which root has no power over the machine (so no
 * passthrough, no trusted.* attributes, no file handles), with a mount namespace of its own. Every id is mapped to
 * itself, so that the same files can be worked on as on the other sides.
 */
import type { ChildProcess } from 'node:child_process'
import { readlinkSync, writeFileSync } from 'node:fs'
import { pause, start } from './processes.js'

const EVERY_ID = '0 0 4294967295\n'
const TRIES = 400

/**
 * A copy of somebody's FUSE mount would keep its daemon from ending, and once there is a user namespace it could not be
 * unmounted: so they go before that, without the original's noticing.
 */
const KEEP = `awk '$3 ~ /^fuse/ { print $2 }' /proc/self/mounts | xargs -r -n1 umount -l
exec unshare --user --mount --propagation unchanged sleep infinity`

export class Namespace {
  private constructor(private readonly keeper: ChildProcess) {}

  /** Makes the namespaces; they end with `leave`, or with the benchmark. */
  static async make(): Promise<Namespace> {
    const keeper = start(['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', KEEP])
    const own = readlinkSync('/proc/self/ns/user')
    for (let i = 0; i < TRIES && linkOr(`/proc/${keeper.pid}/ns/user`, own) === own; i++) await pause(5)
    writeFileSync(`/proc/${keeper.pid}/uid_map`, EVERY_ID)
    writeFileSync(`/proc/${keeper.pid}/gid_map`, EVERY_ID)
    return new Namespace(keeper)
  }

  /** The command that runs `argv` inside. */
  enter(argv: readonly string[]): string[] {
    return ['nsenter', '-t', String(this.keeper.pid), '--user', '--mount', '--preserve-credentials', '--', ...argv]
  }
}

function linkOr(path: string, otherwise: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return otherwise
  }
}
