/**
 * Whether an upper can lie over the FUSE lower of engine=hybrid, and how. The kernel's overlay keeps hard links of
 * lower files together in `index/`, by file handles of the lower, and notes the lower's root on the upper. Ours are
 * handles of FUSE inodes. Entries that another engine made are under other handles: the kernel would not find them, and
 * remove some. So such an upper is left to engine=fuse, which reads both.
 */
import { fuseMark, isFuseIndexName, readFuseMark } from '../../layers/fuse-handle.js'
import { openLower, Refusal } from '../../layers/layer.js'
import { MarkStore } from '../../layers/marks.js'
import { originMark } from '../../layers/origin-mark.js'
import { FUSE_ROOT_ID } from '../../protocol/opcodes.js'
import { AT_FDCWD, AT_REMOVEDIR, O_DIRECTORY, O_PATH, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { Refused } from '../mount/directories.js'

const FILEID_INO32_GEN = 1
const HANDLE_BYTES = 8
const ROOT: Uint8Array = fuseMark({ nodeid: FUSE_ROOT_ID, generation: 0 })

/** Whether the filesystem of `lower` gives an inode by its number alone, as ext4 does; else no handle of ours lasts. */
export function handlesLast(lower: string): boolean {
  const fd = native.openat(AT_FDCWD, lower, O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) return false
  const handle = native.nameToHandle(fd, '')
  let opened = -1
  if (typeof handle !== 'number' && handle.type === FILEID_INO32_GEN && handle.bytes.length === HANDLE_BYTES) {
    const anyGeneration = new Uint8Array(HANDLE_BYTES)
    anyGeneration.set(handle.bytes.subarray(0, 4))
    opened = native.openByHandle(fd, handle.type, anyGeneration, O_PATH)
    if (opened >= 0) native.close(opened)
  }
  native.close(fd)
  return opened >= 0
}

/** Makes `upper` ready for the kernel's index; or says why it is left to engine=fuse. Null: it is. */
export function fitUpper(upper: string, work: string, prefix: string, index: boolean): Refused | null {
  const entries = indexEntries(work)
  if (entries.some((name) => !isFuseIndexName(name)))
    return { error: 'the upper has hard links of lower files that another engine keeps together (workdir’s index/)' }
  if (!index && entries.length > 0)
    return { error: 'the upper has hard links of lower files, and handles of these layers do not last' }
  if (index) noteRoot(upper, prefix, ROOT, () => true)
  return null
}

/**
 * After the end: notes the topmost lower as every other engine does. An upper whose index only this one and engine=fuse
 * can read keeps our note, by which the kernel knows not to touch it.
 */
export function leaveUpper(upper: string, work: string, prefix: string, lower: string): void {
  if (indexEntries(work).length > 0) return
  const layer = openLower(lower, 0)
  if (layer instanceof Refusal) return
  const mark = originMark(layer.rootFd, '', layer.root)
  layer.close()
  noteRoot(upper, prefix, mark, (noted) => readFuseMark(noted) !== null)
}

/** The clean end of a volatile mount: what was written is on disk, and the kernel's mark that it may not be goes. */
export function settleVolatile(upper: string, work: string): void {
  const fd = native.openat(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0)
  const synced = fd >= 0 && native.syncfs(fd) >= 0
  if (fd >= 0) native.close(fd)
  if (!synced) return
  for (const name of ['incompat/volatile', 'incompat']) native.unlinkat(AT_FDCWD, `${work}/work/${name}`, AT_REMOVEDIR)
}

/** Writes `mark` (null: none) in place of the note on the upper's root where `replaces` says so. */
function noteRoot(upper: string, prefix: string, mark: Uint8Array | null, replaces: (noted: Uint8Array) => boolean) {
  const fd = native.openat(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) return
  const marks = new MarkStore(prefix)
  const noted = marks.get(fd, '', 'origin')
  if (typeof noted !== 'number' && replaces(noted)) {
    if (mark === null) marks.remove(fd, '', 'origin')
    else marks.set(fd, '', 'origin', mark)
  }
  native.close(fd)
}

/** Files by their marks; what the kernel has in hand there begins with `#`. */
function indexEntries(work: string): readonly string[] {
  const fd = native.openat(AT_FDCWD, `${work}/index`, O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) return []
  const entries = native.readDirectory(fd, '')
  native.close(fd)
  return typeof entries === 'number' ? [] : entries.names.filter((name) => !name.startsWith('#'))
}
