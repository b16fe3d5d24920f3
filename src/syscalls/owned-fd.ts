/**
 * Who closes a descriptor, said by a type. What outlives a function is an OwnedFd, or a field of one of the classes
 * that scripts/structure/descriptors.ts lists. What a function opens for itself it opens by `withFd`, or closes on
 * each of its ways where a closure would cost a request time. Whoever only uses a descriptor takes the bare number.
 * Numbers are used again by the kernel at once, so a descriptor closed twice would close another's.
 */
import { Errno, type Result } from '../base/errno.js'
import { native } from './native.js'

export class OwnedFd {
  #fd: number

  /** Takes over `fd`, which is >= 0. */
  constructor(fd: number) {
    if (!(fd >= 0)) throw new RangeError(`not a descriptor: ${fd}`)
    this.#fd = fd
  }

  /** What a call answered that opens: owned, or the -errno it was. */
  static from(answer: number): Result<OwnedFd> {
    return answer < 0 ? answer : new OwnedFd(answer)
  }

  /** The number, or -1 (a call with it fails with EBADF) once it was closed or given away. */
  get fd(): number {
    return this.#fd
  }

  get closed(): boolean {
    return this.#fd < 0
  }

  /** Closes it: 0, what close(2) failed with (the descriptor is gone all the same), or 0 when it was closed already. */
  close(): number {
    if (this.#fd < 0) return 0
    return native.close(this.release())
  }

  /** Gives the number away: from here on somebody else closes it. */
  release(): number {
    const fd = this.#fd
    if (fd < 0) throw new Error('descriptor released after it was closed')
    this.#fd = -1
    return fd
  }

  /** A second descriptor of the same file, opened anew through /proc with `flags`; owned apart. */
  reopen(flags: number): Result<OwnedFd> {
    if (this.#fd < 0) return -Errno.EBADF
    return OwnedFd.from(native.openat(this.#fd, '', flags, 0))
  }
}

/**
 * What `use` makes of the descriptor `opened`, which is closed afterwards, however that ends. `opened` is what a call
 * that opens answered: a failure (-errno) is handed on.
 */
export function withFd<T>(opened: number, use: (fd: number) => T): T | number {
  if (opened < 0) return opened
  try {
    return use(opened)
  } finally {
    native.close(opened)
  }
}
