/**
 * Files that were written to while they were copied up when the process before this one died. What was written is
 * there, and what was not still comes from the lower file: each goes on where it was.
 */
import { FILLED } from '../../layers/workdir.js'
import { O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { Union } from '../context/union.js'
import { commit, start } from '../copy-up/copy-up.js'
import { type FillNote, mapName, openFillMap, readFillNote, startFill, takeOn } from '../copy-up/kept-fill.js'
import { splitNodeid } from '../data/backing.js'
import type { Node } from '../nodes/node.js'

/** One of them. */
export interface KeptFill extends FillNote {
  /** In the workdir. */
  readonly name: string
}

/** A place in a layer. */
interface Source {
  readonly dir: number
  readonly name: string
}

/** Those that can go on, by nodeid; whatever else is left of such files is removed. */
export function keptFills(u: Union): Map<number, KeptFill> {
  const found = new Map<number, KeptFill>()
  const work = u.writable?.work
  const entries = work === undefined ? -1 : native.readDirectory(work.fd, '')
  if (work === undefined || typeof entries === 'number') return found
  const all = entries.names.filter((name) => name.startsWith(FILLED))
  for (const name of all.filter((each) => !each.endsWith('.map') && all.includes(mapName(each)))) {
    const map = openFillMap(work.fd, mapName(name))
    const note = map < 0 ? null : readFillNote(map)
    if (map >= 0) native.close(map)
    if (note !== null) found.set(note.node, { ...note, name })
  }
  const kept = new Set([...found.values()].flatMap(({ name }) => [name, mapName(name)]))
  for (const name of all) if (!kept.has(name)) work.discard(name)
  return found
}

/** Leads to the file without a name for `fill`; or -errno. */
export function pinOf(u: Union, { name }: KeptFill): number {
  return native.openat(u.writable!.work.fd, name, O_PATH | O_NOFOLLOW, 0)
}

/** `node` goes on being copied up from `from`. False: it cannot be, and what was written to it is lost. */
export function goOnFilling(u: Union, node: Node, fill: KeptFill, from: Source): boolean {
  const { work } = u.writable!
  const job = node.parent === null ? null : start(u, node, -1, false, null)
  const source = native.openFile(from.dir, from.name, O_RDONLY)
  const target = native.openat(work.fd, fill.name, O_RDWR | O_NOFOLLOW, 0)
  const map = openFillMap(work.fd, mapName(fill.name))
  const pin = node.unlinkedFd >= 0 ? node.unlinkedFd : pinOf(u, fill)
  const isThere = typeof job !== 'number' && Math.min(source, target, map, pin) >= 0
  const begun = isThere ? startFill(u, { fd: source, length: fill.size }, target, map, true) : -1
  for (const fd of [source, map]) if (fd >= 0) native.close(fd)
  if (begun < 0) {
    for (const fd of [target, pin]) if (fd >= 0 && fd !== node.unlinkedFd) native.close(fd)
    return false
  }
  const { contentDir, inodeDir } = node
  const lies = contentDir ?? inodeDir
  if (lies !== null) splitNodeid(u, node, lies, contentDir === null ? node.inodeName : node.contentName)
  const finish =
    typeof job === 'number' || job === null ? () => 0 : () => commit({ ...job, temporary: fill.name, file: target })
  takeOn(u, node, { target, temporary: fill.name, commit: finish, stopped: 0 }, pin)
  return true
}
