/**
 * A host must not die with whoever made its first mount: it leaves that one's control group, in which a service manager
 * ends all processes together. Under systemd it becomes a scope of its own; elsewhere it makes a group beside the
 * root's others. What it carries is worth more than one program, which the kernel is told for when memory runs out.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs'
import { isMachineRoot } from '../../syscalls/privilege.js'

const ROOT = '/sys/fs/cgroup'
const OWN = `${ROOT}/stratafs-host`
/** Of -1000 to 1000; what dockerd takes for itself. */
const OOM_SCORE = '-500'
const PATIENCE_MS = 2_000

/** Null where this process is now in nobody's group but its own, or why it is not. */
export async function leaveCaller(): Promise<string | null> {
  write('/proc/self/oom_score_adj', OOM_SCORE)
  const group = groupOf()
  if (group === null || group === '/' || group.startsWith('/stratafs-host')) return null
  if (existsSync('/run/systemd/system')) return becomeScope()
  return enterOwnGroup() ? null : `it cannot leave the control group ${group}`
}

/** The first mount namespace that a kernel makes: its number before Linux 6.17, and MNT_NS_INIT_INO since. */
const FIRST_NAMESPACES = ['mnt:[4026531840]', 'mnt:[4026531841]', 'mnt:[4026531832]']

/** Whether this process lives in another mount namespace than the machine, or the container, began with. */
export function isApart(): boolean {
  const own = readlinkSync('/proc/self/ns/mnt')
  try {
    return own !== readlinkSync('/proc/1/ns/mnt')
  } catch {
    // Who may not look at process 1 goes by the number.
    return !FIRST_NAMESPACES.includes(own)
  }
}

/** This process's group of the unified hierarchy; null where there is none. */
function groupOf(): string | null {
  try {
    return /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1] ?? null
  } catch {
    return null
  }
}

function enterOwnGroup(): boolean {
  try {
    mkdirSync(OWN)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
  }
  return write(`${OWN}/cgroup.procs`, String(process.pid))
}

/** The group goes with the last host in it. */
export function leaveNothing(): void {
  if (!write(`${ROOT}/cgroup.procs`, String(process.pid))) return
  try {
    rmdirSync(OWN)
  } catch {
    // Another host is in it, or there was none.
  }
}

function write(path: string, text: string): boolean {
  try {
    writeFileSync(path, text)
    return true
  } catch {
    return false
  }
}

/** As `systemd-run --scope` does, of this process. */
function becomeScope(): Promise<string | null> {
  const manager = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager']
  const unit = [`stratafs-host-${process.pid}.scope`, 'fail', '1', 'PIDs', 'au', '1', String(process.pid), '0']
  const words = ['call', ...manager, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', ...unit]
  return new Promise((resolve) => {
    execFile('busctl', [...(isMachineRoot() ? [] : ['--user']), ...words], { timeout: PATIENCE_MS }, (error) =>
      resolve(error === null ? null : 'systemd gave it no scope of its own'),
    )
  })
}
