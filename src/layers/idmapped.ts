/**
 * Whether a directory lies on an idmapped mount: there the kernel itself has mapped the owners already. podman, as root
 * with `--uidmap`, hands its lower layers over in this way and asks for `uidmapping=` all the same; mapped twice, every
 * file would belong to nobody.
 */
import { readFileSync } from 'node:fs'
import { AT_FDCWD } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'

/**
 * Of each of `paths` (absolute, resolved, latin1) whether the mount that it lies on is idmapped; false where that
 * cannot be told.
 */
export function idmappedAmong(paths: readonly string[]): boolean[] {
  const answers = paths.map((path) => native.isIdmapped(path))
  return answers.every((answer) => answer >= 0) ? answers.map((answer) => answer === 1) : byTable(paths)
}

function byTable(paths: readonly string[]): boolean[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'latin1')
  // Nearly never, and then nothing has to be asked about any of them.
  if (!mountinfo.includes('idmapped')) return paths.map(() => false)
  return paths.map(
    (path) => native.statat(AT_FDCWD, path) >= 0 && hasIdmappedMount(mountinfo, native.stat[Stat.MOUNT_ID]!),
  )
}

/** Whether the mount of this number is idmapped, by a mountinfo file's text. Pure. */
export function hasIdmappedMount(mountinfo: string, mountId: number): boolean {
  const fields = mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .find(([id]) => id === String(mountId))
  return fields?.[5]?.split(',').includes('idmapped') ?? false
}
