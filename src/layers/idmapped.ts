/**
 * Whether a directory lies on an idmapped mount: there the kernel itself has mapped the owners already. podman, as root
 * with `--uidmap`, hands its lower layers over in this way and asks for `uidmapping=` all the same; mapped twice, every file
 * would belong to nobody.
 */
import { readFileSync } from 'node:fs'
import { AT_FDCWD } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'

/** Whether the mount that `path` (absolute, resolved, latin1) lies on is idmapped. False where that cannot be told. */
export function isIdmapped(path: string): boolean {
  if (native.statat(AT_FDCWD, path) < 0) return false
  return hasIdmappedMount(readFileSync('/proc/self/mountinfo', 'latin1'), native.stat[Stat.MOUNT_ID]!)
}

/** The same of a mountinfo file's text and a mount's number. Pure. */
export function hasIdmappedMount(mountinfo: string, mountId: number): boolean {
  const fields = mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .find(([id]) => id === String(mountId))
  return fields?.[5]?.split(',').includes('idmapped') ?? false
}
