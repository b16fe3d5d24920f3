/**
 * From the paths that libfuse's high-level interface speaks to the engine's nodes. A path is walked from the root by
 * lookups, so every rule about names stays the engine's. libfuse never says that it has forgotten a path, so the most
 * recently used nodes are held, each counted once.
 *
 * Two things of libfuse end here. Names come as JavaScript text: one that is no UTF-8 arrives with U+FFFD in it and
 * could mean any of several files, so whatever it is asked for is refused. And a file that is removed while it is open
 * is first renamed to `.fuse_hidden…`: no such file is ever made; the name is remembered as standing for the open node.
 */
import { Errno } from '../../base/errno.js'
import { fromText } from '../../base/text.js'
import type { Operations } from '../../operations/contract.js'

const ROOT = 1
const REPLACEMENT = '\ufffd'
const HIDDEN = /^\.fuse_hidden[0-9a-f]{16,}$/
/** More than any path has components. */
const HELD = 8192

/** Where something is or will be: `parent` counted by the walk. */
export interface Spot {
  /** -errno where the way to it fails. */
  parent: number
  /** latin1; '' for the root itself. */
  name: string
}

export class Paths {
  readonly #held = new Map<number, true>()
  /** Hidden names and the open nodes they stand for. */
  readonly #hidden = new Map<string, number>()

  constructor(private readonly operations: Operations) {}

  /** How many nodes are held. */
  get size(): number {
    return this.#held.size
  }

  /** The node of `path`, `operations.attr` filled; or -errno. */
  find(path: string): number {
    const hidden = this.#hidden.size === 0 ? undefined : this.#hidden.get(lastOf(path))
    if (hidden !== undefined) return this.#known(hidden)
    const { parent, name } = this.spot(path)
    if (parent < 0 || name !== '') return parent < 0 ? parent : this.child(parent, name)
    return this.#known(ROOT)
  }

  #known(nodeid: number): number {
    const errno = this.operations.getattr(nodeid)
    return errno < 0 ? errno : nodeid
  }

  /** The parent directory of `path` and the last name. */
  spot(path: string): Spot {
    if (path.includes(REPLACEMENT)) return { parent: -Errno.EILSEQ, name: '' }
    const parts = fromText(path).split('/')
    const name = parts.pop() as string
    let parent = ROOT
    for (const part of parts) {
      if (part !== '') parent = this.child(parent, part)
      if (parent < 0) return { parent, name: '' }
    }
    return { parent, name }
  }

  /** The child `name`, held; or -errno. */
  child(parent: number, name: string): number {
    const found = this.operations.lookup(parent, name)
    if (found === 0) return -Errno.ENOENT
    return found < 0 ? found : this.hold(found)
  }

  /** Takes over one count of `nodeid`. */
  hold(nodeid: number): number {
    if (this.#held.delete(nodeid)) this.operations.forget(nodeid, 1)
    this.#held.set(nodeid, true)
    if (this.#held.size > HELD) {
      for (const oldest of this.#held.keys()) {
        this.#let(oldest)
        break
      }
    }
    return nodeid
  }

  /** The name is about to mean nothing, or something else: its node should live only as long as it is open. */
  leave(spot: Spot): void {
    const nodeid = this.operations.lookup(spot.parent, spot.name)
    if (nodeid <= 0) return
    this.operations.forget(nodeid, 1)
    if (this.#held.has(nodeid)) this.#let(nodeid)
  }

  #let(nodeid: number): void {
    this.#held.delete(nodeid)
    this.operations.forget(nodeid, 1)
  }

  /** Gives back every node. */
  leaveAll(): void {
    for (const nodeid of [...this.#held.keys()]) this.#let(nodeid)
  }

  /** Whether libfuse renames to `path` in order to remove an open file. */
  isHiding(from: string, to: string): boolean {
    return HIDDEN.test(lastOf(to)) && from.slice(0, from.lastIndexOf('/')) === to.slice(0, to.lastIndexOf('/'))
  }

  hide(path: string, nodeid: number): void {
    this.#hidden.set(lastOf(path), nodeid)
  }

  /** libfuse removes a hidden name: true when it was one. */
  unhide(path: string): boolean {
    return this.#hidden.size > 0 && this.#hidden.delete(lastOf(path))
  }
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
