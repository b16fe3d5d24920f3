import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { openUpper } from '../layers/layer.js'
import { deviceOfStat, type Layer } from '../layers/layer-dir.js'
import { MarkStore, TRUSTED_MARKS, USER_MARKS } from '../layers/marks.js'
import { makeDevice, makeMarked } from '../layers/shared-whiteout.js'
import { AUFS_PREFIX, type WrittenAs } from '../layers/whiteouts.js'
import { Workdir } from '../layers/workdir.js'
import { RENAME_EXCHANGE, RENAME_WHITEOUT } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { UnionConfig } from './context/config.js'
import type { UpperCapabilities, Writable } from './context/union.js'

interface OpenedUpper {
  readonly writable: Writable
  readonly prefix: string
}

/** The upper and its workdir, tried out; null: the mount is read-only. `engine`: what enterEngineThread() said. */
export function openWritable(config: UnionConfig, engine: number): OpenedUpper | StratafsError | null {
  if (config.upper === null || config.work === null || config.readonly) return null
  const roots = openUpper(config.upper, config.work, config.noatime)
  if (roots instanceof StratafsError) return roots
  const work = Workdir.open(roots.layer, roots.workFd, config.work, config.volatile, config.resumed)
  if (work instanceof StratafsError) return work
  const fits = probeMount(work, roots.layer, config)
  if (fits !== null) return fits
  const prefix = probePrefix(work.fd, config.userxattr)
  const form = probeForm(work, prefix)
  if (form === null) return noWhiteouts(config.upper)
  const abilities: UpperCapabilities = {
    whiteouts: form,
    tmpfile: probeTmpfile(work),
    xattrs: prefix !== null,
    changeIds: (engine & 4) !== 0,
  }
  return {
    writable: { layer: roots.layer, work, capabilities: abilities },
    prefix: prefix ?? (config.userxattr ? USER_MARKS : TRUSTED_MARKS),
  }
}

/**
 * What is built in the workdir must be able to move into the upper: both on one mount. Nothing in the upper is touched.
 */
function probeMount(work: Workdir, upper: Layer, config: UnionConfig): StratafsError | null {
  native.statat(upper.rootFd, '')
  const mount = native.stat[Stat.MOUNT_ID]
  const device = deviceOfStat()
  native.statat(work.fd, '')
  if (deviceOfStat() === device && native.stat[Stat.MOUNT_ID] === mount) return probeWritable(work, config)
  return new StratafsError(
    `workdir ${config.work} and upperdir ${config.upper} are not on the same mount`,
    'MOUNT_REFUSED',
    'put them beside each other',
  )
}

function probeWritable(work: Workdir, config: UnionConfig): StratafsError | null {
  const name = work.temporary()
  // Not a directory: to remove one costs a disk filesystem ten times as much.
  const made = work.createFile(name)
  if (made < 0)
    return new StratafsError(
      `workdir ${config.work} is not writable (${errnoWords(made)})`,
      'MOUNT_REFUSED',
      'choose one that is',
    )
  native.close(made)
  native.unlinkat(work.fd, name, 0)
  return null
}

/**
 * The prefix under which marks can be set and read (fuse-overlayfs takes some and hides them), or null where there is
 * none.
 */
function probePrefix(workFd: number, userxattr: boolean | null): string | null {
  const candidates = userxattr === null ? [TRUSTED_MARKS, USER_MARKS] : userxattr ? [USER_MARKS] : [TRUSTED_MARKS]
  for (const prefix of candidates) {
    const attribute = `${prefix}opaque`
    if (native.setxattr(workFd, '', attribute, Buffer.from('n'), 0) < 0) continue
    const kept = typeof native.getxattr(workFd, '', attribute) !== 'number'
    native.removexattr(workFd, '', attribute)
    if (kept) return prefix
  }
  return null
}

function probeWhiteout(work: Workdir): boolean {
  const from = work.temporary()
  const to = work.temporary()
  let errno = makeDevice(work.fd, from)
  if (errno >= 0) errno = native.renameat(work.fd, from, work.fd, to, RENAME_WHITEOUT)
  work.discard(from)
  work.discard(to)
  return errno >= 0
}

/** The first form of a whiteout that the filesystem takes; null where it takes none. */
function probeForm(work: Workdir, prefix: string | null): WrittenAs | null {
  if (probeWhiteout(work)) return 'device'
  const name = `${AUFS_PREFIX}${work.temporary()}`
  const file = work.createFile(name)
  if (file >= 0) {
    native.close(file)
    native.unlinkat(work.fd, name, 0)
    return 'aufs'
  }
  return prefix !== null && probeMarked(work, new MarkStore(prefix)) ? 'xattr' : null
}

/** Whether marked files can be made and exchanged for what they hide. */
function probeMarked(work: Workdir, marks: MarkStore): boolean {
  const [one, two] = [work.temporary(), work.temporary()]
  const made = makeMarked(work.fd, one, marks) >= 0 && native.mkdirat(work.fd, two, 0o700) >= 0
  const swapped = made && native.renameat(work.fd, one, work.fd, two, RENAME_EXCHANGE) >= 0
  work.discard(one)
  work.discard(two)
  return swapped
}

function noWhiteouts(upper: string): StratafsError {
  return new StratafsError(
    `upperdir ${upper} can hold no whiteouts: its filesystem refuses devices 0:0, names that begin with .wh., and ` +
      'extended attributes with RENAME_EXCHANGE',
    'MOUNT_REFUSED',
    'put upperdir and workdir on another filesystem',
  )
}

/** Whether files can be made without a name, and be given one. */
function probeTmpfile(work: Workdir): boolean {
  const fd = work.createFile('')
  if (fd < 0) return false
  const name = work.temporary()
  const errno = native.linkat(fd, '', work.fd, name)
  native.close(fd)
  if (errno >= 0) work.discard(name)
  return errno >= 0
}
