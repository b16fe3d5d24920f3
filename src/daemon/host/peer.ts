/**
 * Who may have a host mount for them: a process that could have been the host. Same user, groups, capabilities,
 * namespaces and root directory, as the kernel tells them; what the caller says of itself counts for nothing. The pid
 * cannot have passed on to somebody else meanwhile, because a pidfd holds it.
 */
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { native } from '../../syscalls/native.js'

/** Lines of /proc/PID/status that say what a process may do. */
const POWERS = /^(?:Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp):.*$/gm
const NAMESPACES = ['user', 'mnt', 'pid'] as const

/** Null where the process behind `fd` may use this host, or why not. */
export function peerObstacle(fd: number): string | null {
  const peer = native.peerOf(fd)
  if (typeof peer !== 'string') return 'the caller cannot be told'
  const [pid, uid, gid] = peer.split(' ').map(Number)
  if (uid !== process.geteuid?.() || gid !== process.getegid?.()) return 'the caller is another user'
  const pidfd = native.peerPidfd(fd)
  try {
    const differs = difference(`/proc/${pid}`)
    if (differs !== null) return `the caller has other ${differs}`
    return pidfd < 0 || native.isRunning(pidfd) === 1 ? null : 'the caller has ended'
  } catch {
    return 'the caller cannot be looked at'
  } finally {
    if (pidfd >= 0) native.close(pidfd)
  }
}

function difference(peer: string): string | null {
  if (powersOf(peer) !== powersOf('/proc/self')) return 'powers'
  for (const name of NAMESPACES)
    if (readlinkSync(`${peer}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`)) return `namespaces (${name})`
  const [theirs, own] = [statSync(`${peer}/root/`), statSync('/proc/self/root/')]
  return theirs.dev === own.dev && theirs.ino === own.ino ? null : 'root directories'
}

function powersOf(process: string): string {
  return readFileSync(`${process}/status`, 'latin1').match(POWERS)?.join('\n') ?? ''
}
