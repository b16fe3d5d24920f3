/**
 * Descriptors (O_PATH) of the directories that a layer is unpacked into. A few are kept, since archives go through a
 * tree folder by folder. A directory that is none of them is not walked to from the root: the kernel goes most of the
 * way in one call, beneath the root and through no symbolic link, and the last levels are opened one by one and kept.
 */
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { joined, nameOf, parentOf } from './paths.js'

const KEPT = 64
/** Levels that are opened one by one; fewer than are kept. */
const STEPS = 32

export class OpenDirectories {
  readonly #open = new Map<string, number>()

  /** `rootFd` stays the caller's. */
  constructor(private readonly rootFd: number) {}

  /** Of `path`, where it is kept. */
  get(path: string): number | undefined {
    return path === '' ? this.rootFd : this.#open.get(path)
  }

  /** Of `path`, a directory that is there; valid until another is opened. -errno. */
  reach(path: string): number {
    const names: string[] = []
    let at = path
    for (; names.length < STEPS && this.get(at) === undefined; at = parentOf(at)) names.push(nameOf(at))
    let fd = this.get(at) ?? this.#leap(at)
    for (let name = names.pop(); name !== undefined && fd >= 0; name = names.pop()) {
      at = joined(at, name)
      fd = this.enter(fd, name, at)
    }
    return fd
  }

  #leap(path: string): number {
    return this.#keep(path, native.openBeneath(this.rootFd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0))
  }

  /** Of `path`, which is the directory `name` in `parentFd`. -errno. */
  enter(parentFd: number, name: string, path: string): number {
    return this.#keep(path, native.openat(parentFd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0))
  }

  #keep(path: string, fd: number): number {
    if (fd < 0) return fd
    if (this.#open.size >= KEPT) {
      const [oldest, old] = this.#open.entries().next().value as [string, number]
      this.#open.delete(oldest)
      native.close(old)
    }
    this.#open.set(path, fd)
    return fd
  }

  /** Gives up the directory `path` and all in it. */
  release(path: string): void {
    for (const [each, fd] of [...this.#open]) {
      if (each !== path && !each.startsWith(`${path}/`)) continue
      this.#open.delete(each)
      native.close(fd)
    }
  }

  close(): void {
    for (const fd of this.#open.values()) native.close(fd)
    this.#open.clear()
  }
}
