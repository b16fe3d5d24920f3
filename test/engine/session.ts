/**
 * The engine asked by path, as a program asks a filesystem: each method looks the path up, does one thing and forgets
 * again. Results are the engine's: >= 0 or -errno. No mount is involved.
 */

import { StratafsError } from '../../src/base/failure.js'
import type { Caller, DataBinding, DataPort, Operations, SetAttr } from '../../src/operations/contract.js'
import { createEngine, type Engine } from '../../src/operations/engine.js'
import { O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import type { UnionConfig } from '../../src/union/context/config.js'

export const ROOT = 1
const OLD_TIME = 900_000_000

/** A caller who is neither the daemon nor an owner of anything. */
const SOMEBODY: Caller = { uid: 2000, gid: 2001, pid: 1, umask: 0o027 }

/** No transport serves by itself. */
export const unbound: DataBinding = {
  wakeFd: -1,
  bind: () => undefined,
  unbind: () => undefined,
  used: () => false,
  openBacking: () => -1,
  closeBacking: () => undefined,
  forgetAttributes: () => undefined,
  storeContent: () => undefined,
  readAhead: () => undefined,
  changed: () => false,
  count: () => undefined,
  settleWritten: () => undefined,
  sync: (fd, dataOnly) => (dataOnly ? native.fdatasync(fd) : native.fsync(fd)),
}

/** Starts an engine; throws where it refuses. */
export function startEngine(config: UnionConfig, binding = unbound): Engine {
  const engine = createEngine(config, binding, () => undefined)
  if (engine instanceof StratafsError) throw new Error(engine.message)
  return engine
}

/** Bytes of one READ or WRITE. */
class Bytes implements DataPort {
  constructor(readonly bytes: Uint8Array) {}

  read(fd: number, length: number, offset: number): number {
    return native.pread(fd, this.bytes, 0, length, offset)
  }

  write(fd: number, length: number, offset: number): number {
    return native.pwrite(fd, this.bytes, 0, length, offset)
  }
}

export class Session {
  readonly ops: Operations

  constructor(readonly engine: Engine) {
    this.ops = engine.operations
  }

  /** Runs `act` on the node of `path`, looked up name by name and forgotten after; -ENOENT when it is absent. */
  at(path: string, act: (nodeid: number) => number): number {
    const known: number[] = []
    let nodeid = ROOT
    for (const name of path.split('/').filter((part) => part !== '')) {
      nodeid = this.ops.lookup(nodeid, name)
      if (nodeid <= 0) break
      known.push(nodeid)
    }
    const result = nodeid > 0 ? act(nodeid) : nodeid === 0 ? -2 : nodeid
    for (const id of known.reverse()) this.ops.forget(id, 1)
    return result
  }

  /** Runs `act` on the directory that holds `path`, and its last name. */
  in(path: string, act: (parent: number, name: string) => number): number {
    const cut = path.lastIndexOf('/')
    return this.at(path.slice(0, Math.max(0, cut)), (parent) => act(parent, path.slice(cut + 1)))
  }

  /** As the kernel forgets a node it was told of by the answer. */
  #told(nodeid: number): number {
    if (nodeid > 0) this.ops.forget(nodeid, 1)
    return Math.min(nodeid, 0)
  }

  create(path: string, content = '', caller = SOMEBODY, mode = 0o664): number {
    return this.in(path, (parent, name) => {
      const nodeid = this.ops.create(caller, parent, name, mode, O_RDWR | O_EXCL)
      if (nodeid < 0) return nodeid
      const written = content === '' ? 0 : this.#write(nodeid, content, 0)
      this.ops.release(nodeid, this.ops.opened.fh)
      this.#told(nodeid)
      return Math.min(written, 0)
    })
  }

  /** A file with a time of its own, that the tests can tell was kept. */
  createOld(path: string, content: string): number {
    const made = this.create(path, content, { ...SOMEBODY, umask: 0 }, 0o646)
    return made < 0 ? made : this.setattr(path, { mtime: OLD_TIME, mtimeNs: 987_654_321, atime: OLD_TIME, atimeNs: 1 })
  }

  mkdir(path: string, mode = 0o775): number {
    return this.in(path, (parent, name) => this.#told(this.ops.mkdir(SOMEBODY, parent, name, mode)))
  }

  mknod(path: string, mode: number): number {
    return this.in(path, (parent, name) => this.#told(this.ops.mknod(SOMEBODY, parent, name, mode, 0, 0)))
  }

  symlink(target: string, path: string): number {
    return this.in(path, (parent, name) => this.#told(this.ops.symlink(SOMEBODY, parent, name, target)))
  }

  link(from: string, to: string): number {
    return this.at(from, (nodeid) => this.in(to, (parent, name) => this.#told(this.ops.link(nodeid, parent, name))))
  }

  unlink(path: string): number {
    return this.in(path, (parent, name) => this.ops.unlink(parent, name))
  }

  rmdir(path: string): number {
    return this.in(path, (parent, name) => this.ops.rmdir(parent, name))
  }

  rename(from: string, to: string, flags = 0): number {
    return this.in(from, (oldParent, oldName) =>
      this.in(to, (newParent, newName) => this.ops.rename(oldParent, oldName, newParent, newName, flags)),
    )
  }

  setattr(path: string, changes: SetAttr): number {
    return this.at(path, (nodeid) => this.ops.setattr(nodeid, changes))
  }

  setxattr(path: string, name: string, value: string | Uint8Array): number {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
    return this.at(path, (nodeid) => this.ops.setxattr(nodeid, name, bytes, 0, false))
  }

  removexattr(path: string, name: string): number {
    return this.at(path, (nodeid) => this.ops.removexattr(nodeid, name))
  }

  /** open(2), write(2), close(2). */
  write(path: string, content: string, offset = 0): number {
    return this.at(path, (nodeid) => this.#opened(nodeid, O_WRONLY, () => this.#write(nodeid, content, offset)))
  }

  /** A write to what has no name, perhaps. */
  writeTo(nodeid: number, content: string, offset: number): number {
    return this.#write(nodeid, content, offset)
  }

  /** A write that no OPEN came before. */
  writeUnopened(path: string, content: string): number {
    return this.at(path, (nodeid) => Math.min(0, this.#write(nodeid, content, 0)))
  }

  /** open(2) with O_TRUNC. */
  openTruncated(path: string): number {
    return this.at(path, (nodeid) => this.#opened(nodeid, O_WRONLY | O_TRUNC, () => 0))
  }

  fallocate(path: string, mode: number, offset: number, length: number): number {
    return this.at(path, (nodeid) => this.ops.fallocate(nodeid, mode, offset, length))
  }

  #opened(nodeid: number, flags: number, act: () => number): number {
    const errno = this.ops.open(nodeid, flags)
    if (errno < 0) return errno
    const fh = this.ops.opened.fh
    const result = act()
    this.ops.release(nodeid, fh)
    return Math.min(result, 0)
  }

  #write(nodeid: number, content: string, offset: number): number {
    const bytes = Buffer.from(content, 'latin1')
    return this.ops.write(nodeid, bytes.length, offset, false, new Bytes(bytes))
  }

  /** The whole content, or -errno. */
  read(nodeid: number, size: number): Uint8Array | number {
    const bytes = new Uint8Array(size)
    const got = this.ops.read(nodeid, size, 0, new Bytes(bytes))
    return got < 0 ? got : bytes.subarray(0, got)
  }
}
