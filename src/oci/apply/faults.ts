/** What the kernel refuses while a layer is unpacked, in words that name the entry. */
import { Errno, errnoName } from '../../base/errno.js'
import type { StratafsError } from '../../base/failure.js'
import { entryFault } from '../tar/entry.js'

const WORDS: Readonly<Record<number, string>> = {
  [Errno.ENOSPC]: 'no space is left',
  [Errno.EDQUOT]: 'the quota is used up',
  [Errno.ENAMETOOLONG]: 'its name is too long for this filesystem',
  [Errno.EFBIG]: 'it is larger than this filesystem can hold',
  [Errno.EMLINK]: 'there are more links than this filesystem can hold',
  [Errno.EACCES]: 'that is not permitted here',
  [Errno.EPERM]: 'that is not permitted here',
  [Errno.EROFS]: 'the filesystem is read-only',
}

/** A refusal because of what the kernel answered (-errno). */
export function kernelFault(name: string, doing: string, errno: number): StratafsError {
  const words = WORDS[-errno]
  return entryFault(
    name,
    `${doing} failed: ${words === undefined ? errnoName(errno) : `${words} (${errnoName(errno)})`}`,
  )
}
