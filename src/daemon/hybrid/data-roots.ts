/**
 * Which directories the kernel overlay of engine=hybrid gets as its data-only layers. The kernel looks for content in
 * one after the other and takes the first file that it finds, so there are as few as can be: layers on one mount share
 * the directory above them all, and each is reached by its path from there.
 */
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { MetadataView } from '../../union/context/config.js'

/** The view, and a private clone of the mount below each of its roots. */
export interface DataRoots {
  readonly view: MetadataView
  /** Whoever gets them closes them. */
  readonly fds: readonly number[]
}

/** Roots for `paths`, which are absolute and resolved; -errno where one of them cannot be cloned. */
export function dataRootsOf(paths: readonly string[]): DataRoots | number {
  const roots: string[] = []
  const fds: number[] = []
  const places: { root: number; below: string }[] = new Array(paths.length)
  for (const group of byMount(paths)) {
    const found = openShared(group) ?? openApart(group)
    if (typeof found === 'number') {
      for (const fd of fds) native.close(fd)
      return found
    }
    for (const [path, fd] of found) {
      for (const member of group)
        if (places[member.at] === undefined && isWithin(member.path, path))
          places[member.at] = { root: roots.length, below: below(member.path, path) }
      roots.push(path)
      fds.push(fd)
    }
  }
  return { view: { roots, places }, fds }
}

interface Member {
  readonly path: string
  readonly at: number
}

function byMount(paths: readonly string[]): Member[][] {
  const groups = new Map<number, Member[]>()
  for (const [at, path] of paths.entries()) {
    native.statat(AT_FDCWD, path)
    const mount = native.stat[Stat.MOUNT_ID]!
    groups.set(mount, [...(groups.get(mount) ?? []), { path, at }])
  }
  return [...groups.values()]
}

type Opened = (readonly [path: string, fd: number])[]

/** The directory above all of `group`; null where it cannot be cloned or does not lead to each of them. */
function openShared(group: readonly Member[]): Opened | null {
  const above = commonDirectory(group.map(({ path }) => path))
  const fd = clone(above)
  if (fd < 0) return null
  if (group.every(({ path }) => leadsTo(fd, below(path, above), path))) return [[above, fd]]
  native.close(fd)
  return null
}

/** Each layer by itself, but for those that lie in another. */
function openApart(group: readonly Member[]): Opened | number {
  const opened: (readonly [string, number])[] = []
  for (const path of group.map((member) => member.path).sort()) {
    if (opened.some(([root]) => isWithin(path, root))) continue
    const fd = clone(path)
    if (fd < 0) {
      for (const [, other] of opened) native.close(other)
      return fd
    }
    opened.push([path, fd])
  }
  return opened
}

/** As it is: the overlay makes its own copy of it read-only and noatime, also where this process may not. */
function clone(path: string): number {
  return native.cloneMount(path, 0)
}

/** Whether the layer `path` is what `inside` names below `fd`, where the overlay will look. */
function leadsTo(fd: number, inside: string, path: string): boolean {
  const found = native.openBeneath(fd, inside, O_PATH | O_DIRECTORY, 0)
  if (found < 0) return false
  const isSame = identity(found, '') === identity(AT_FDCWD, path)
  native.close(found)
  return isSame
}

function identity(fd: number, name: string): string | null {
  if (native.statat(fd, name) < 0) return null
  const slots = [Stat.DEV_MAJOR, Stat.DEV_MINOR, Stat.INO_HIGH, Stat.INO_LOW]
  return slots.map((slot) => native.stat[slot]).join(':')
}

function commonDirectory(paths: readonly string[]): string {
  const [first = '', ...others] = paths
  let shared = first.split('/')
  for (const path of others) {
    const parts = path.split('/')
    const end = shared.findIndex((part, i) => parts[i] !== part)
    if (end >= 0) shared = shared.slice(0, end)
  }
  return shared.join('/') || '/'
}

function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(root === '/' ? '/' : `${root}/`)
}

function below(path: string, root: string): string {
  return path.slice(root.length).replace(/^\/+/, '')
}
