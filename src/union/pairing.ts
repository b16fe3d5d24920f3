/**
 * Whether lower, upper and workdir belong together: noted and compared with the notes, as kernel overlayfs does with
 * index=on. The upper's root carries the topmost lower's handle (`origin`), the index directory that of the upper
 * (`upper`). The kernel refuses the mount where one differs. We do where `index=on` was given. Else it is said in the
 * log and in `inspect`, and an index that belongs to another upper is not used: its links are that upper's files.
 */
import { Errno } from '../base/errno.js'
import { StratafsError } from '../base/failure.js'
import { sameBytes } from '../layers/file-handle.js'
import { originMark, upperMark } from '../layers/origin-mark.js'
import type { Union, Writable } from './context/union.js'

type Verdict = 'fits' | 'differs'

/** Notes and checks both pairs of a mount whose `index/` is open; why it is refused, or null. */
export function checkPairing(u: Union, writable: Writable): StratafsError | null {
  const strict = u.config.checkPairing ?? false
  const lower = u.lowers[0]!
  const { layer, work } = writable
  const origin = originMark(lower.rootFd, '', lower.root)
  // Another process may have died right before or after it put the mount on other layers.
  if (u.config.resumed === true && origin !== null) u.marks.set(layer.rootFd, '', 'origin', origin)
  if (verify(u, layer.rootFd, 'origin', origin) === 'differs') {
    const what = `upperdir ${layer.path} was made over another lower layer than ${lower.path}`
    if (strict) return refused(what, 'name that one first in lowerdir, or mount without index=on')
    u.degrade(`${what}: what it hides or replaces may not fit`)
  }
  const own = upperMark(layer.rootFd, '', layer.root)
  if (verifyIndex(u, work.index!.fd, own) === 'fits') return null
  const what = `workdir ${u.config.work} holds the hard-link index of another upperdir than ${layer.path}`
  if (strict) return refused(what, 'name the workdir that belongs to it, or remove the directory index in this one')
  u.degrade(`${what}: hard links of lower layers stay together only until the next mount`)
  work.closeIndex()
  return null
}

function refused(fault: string, remedy: string): StratafsError {
  return new StratafsError(fault, 'MOUNT_REFUSED', remedy)
}

/** Older kernels called the mark on the index `origin`. */
function verifyIndex(u: Union, fd: number, own: Uint8Array | null): Verdict {
  const older = u.marks.get(fd, '', 'origin')
  if (typeof older !== 'number' && own !== null && !sameBytes(older, own)) return 'differs'
  return verify(u, fd, 'upper', own)
}

/** Compares the mark of the directory `fd` with `due`, and sets it where there is none. */
function verify(u: Union, fd: number, mark: 'origin' | 'upper', due: Uint8Array | null): Verdict {
  if (due === null) return 'fits'
  const noted = u.marks.get(fd, '', mark)
  if (typeof noted !== 'number') return sameBytes(noted, due) ? 'fits' : 'differs'
  if (noted === -Errno.ENODATA) u.marks.set(fd, '', mark, due)
  return 'fits'
}
