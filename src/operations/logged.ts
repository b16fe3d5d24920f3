/**
 * The operations of a mount with a change log: what has been done is told to it. What the engine does not see, writes
 * that the kernel passes through or the transport serves by itself, is noticed by the file: when it is closed, and
 * where no close is told, within a moment of the write.
 */

import { ChangeKind } from '../owner-index/database/change-log.js'
import type { ChangeRecorder, Who } from '../owner-index/engine/change-recorder.js'
import { O_ACCMODE, O_CREAT, O_RDONLY, O_TRUNC, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { statNode, type Union } from '../union/context/union.js'
import type { Node } from '../union/nodes/node.js'
import type { Operations } from './contract.js'

const EXCHANGE = 2

/** What is known of a file that was opened for writing, until it is closed. */
interface OpenFile {
  readonly who: Who | null
  readonly ctime: number
  readonly ctimeNs: number
}

/** `plain`, told to `recorder`. */
export function logged(u: Union, plain: Operations, recorder: ChangeRecorder): Operations {
  const it = new Logged(u, recorder)
  return {
    ...plain,
    symlink: (caller, parent, name, target) => it.created(parent, name, plain.symlink(caller, parent, name, target)),
    mknod: (caller, parent, name, mode, major, minor) =>
      it.created(parent, name, plain.mknod(caller, parent, name, mode, major, minor)),
    mkdir: (caller, parent, name, mode) => it.created(parent, name, plain.mkdir(caller, parent, name, mode)),
    create(caller, parent, name, mode, flags) {
      const known = it.isKnown(parent, name)
      const nodeid = plain.create(caller, parent, name, mode, flags)
      if (nodeid > 0) it.opened(nodeid)
      return known ? nodeid : it.created(parent, name, nodeid)
    },
    link: (nodeid, parent, name) => it.created(parent, name, plain.link(nodeid, parent, name)),
    unlink: (parent, name) => it.removed(parent, name, () => plain.unlink(parent, name)),
    rmdir: (parent, name) => it.removed(parent, name, () => plain.rmdir(parent, name)),
    rename: (from, oldName, to, newName, flags) =>
      it.renamed([from, oldName, to, newName], flags, () => plain.rename(from, oldName, to, newName, flags)),
    open(nodeid, flags) {
      const result = plain.open(nodeid, flags)
      if (result >= 0 && (flags & O_TRUNC) !== 0) it.changed(nodeid, result)
      if (result >= 0 && (flags & (O_ACCMODE | O_CREAT)) !== O_RDONLY) it.opened(nodeid)
      return result
    },
    release(nodeid, fh) {
      it.closing(nodeid)
      return plain.release(nodeid, fh)
    },
    write: (nodeid, length, offset, kill, port, whole) =>
      it.changed(nodeid, plain.write(nodeid, length, offset, kill, port, whole)),
    setattr: (nodeid, changes) => it.changed(nodeid, plain.setattr(nodeid, changes)),
    setxattr: (nodeid, attribute, value, flags, kill) =>
      it.changed(nodeid, plain.setxattr(nodeid, attribute, value, flags, kill)),
    removexattr: (nodeid, attribute) => it.changed(nodeid, plain.removexattr(nodeid, attribute)),
    setFlags: (nodeid, flags) => it.changed(nodeid, plain.setFlags(nodeid, flags)),
    fallocate: (nodeid, mode, offset, length) => it.changed(nodeid, plain.fallocate(nodeid, mode, offset, length)),
    copyFileRange: (from, offsetIn, to, offsetOut, length) =>
      it.changed(to, plain.copyFileRange(from, offsetIn, to, offsetOut, length)),
    forget(nodeid, count) {
      it.written(nodeid)
      plain.forget(nodeid, count)
    },
  }
}

/** Files that were written beside the engine since the last call are told. */
export function logWritten(u: Union, recorder: ChangeRecorder): void {
  for (const node of u.files.nodes) if (node.dataWritable && u.binding.changed(node.id)) tell(u, recorder, node)
}

function tell(u: Union, recorder: ChangeRecorder, node: Node, who: Who | null = null): void {
  const path = pathOf(u, node)
  if (path !== null) recorder.record(ChangeKind.CHANGED, path, null, who)
}

class Logged {
  readonly #open = new Map<number, OpenFile>()

  constructor(
    private readonly u: Union,
    private readonly recorder: ChangeRecorder,
  ) {}

  isKnown(parent: number, name: string): boolean {
    return this.u.nodes.get(parent)?.dir?.children.get(name) !== undefined
  }

  created(parent: number, name: string, result: number): number {
    const path = result >= 0 ? this.#pathIn(parent, name) : null
    if (path !== null) this.recorder.record(ChangeKind.CREATED, path)
    return result
  }

  removed(parent: number, name: string, act: () => number): number {
    const path = this.#pathIn(parent, name)
    const node = this.u.nodes.get(parent)?.dir?.children.get(name)
    if (node !== undefined) this.written(node.id)
    const result = act()
    if (result >= 0 && path !== null) this.recorder.record(ChangeKind.REMOVED, path)
    return result
  }

  renamed([from, oldName, to, newName]: [number, string, number, string], flags: number, act: () => number): number {
    const paths = [this.#pathIn(from, oldName), this.#pathIn(to, newName)] as const
    const result = act()
    if (result < 0 || paths[0] === null || paths[1] === null) return result
    this.recorder.record(ChangeKind.RENAMED, paths[0], paths[1])
    if ((flags & EXCHANGE) !== 0) this.recorder.record(ChangeKind.RENAMED, paths[1], paths[0])
    return result
  }

  changed(nodeid: number, result: number): number {
    const node = result >= 0 ? this.u.nodes.get(nodeid) : undefined
    if (node !== undefined) tell(this.u, this.recorder, node, this.recorder.who())
    return result
  }

  /** A file may be written to from now on without a word to the engine. */
  opened(nodeid: number): void {
    const node = this.u.nodes.get(nodeid)
    if (node === undefined || node.type !== S_IFREG || this.#open.has(nodeid)) return
    if (node.backing === 0 || statNode(this.u, node) < 0) return
    const { stat } = native
    this.#open.set(nodeid, { who: this.recorder.who(), ctime: stat[Stat.CTIME]!, ctimeNs: stat[Stat.CTIME_NS]! })
  }

  /** Before an open file is let go of: whether its content or attributes are other than they were. */
  closing(nodeid: number): void {
    const node = this.u.nodes.get(nodeid)
    if (node === undefined) return
    this.written(nodeid)
    const known = this.#open.get(nodeid)
    if (known === undefined || statNode(this.u, node) < 0) return
    const { stat } = native
    const [ctime, ctimeNs] = [stat[Stat.CTIME]!, stat[Stat.CTIME_NS]!]
    if (ctime !== known.ctime || ctimeNs !== known.ctimeNs) tell(this.u, this.recorder, node, known.who)
    if (node.writers > 1) this.#open.set(nodeid, { ...known, ctime, ctimeNs })
    else this.#open.delete(nodeid)
  }

  /** Before a file is forgotten. */
  written(nodeid: number): void {
    const node = this.u.nodes.get(nodeid)
    if (node?.dataWritable && this.u.binding.changed(nodeid)) tell(this.u, this.recorder, node)
  }

  #pathIn(parent: number, name: string): string | null {
    const node = this.u.nodes.get(parent)
    const above = node === undefined ? null : pathOf(this.u, node)
    return above === null ? null : above === '' ? name : `${above}/${name}`
  }
}

/** One path of `node` from the root, '' for that; null: it has no name. */
function pathOf(u: Union, node: Node): string | null {
  let path = ''
  for (let at = node; at !== u.root; at = at.parent) {
    if (at.parent === null) return null
    path = path === '' ? at.name : `${at.name}/${path}`
  }
  return path
}
