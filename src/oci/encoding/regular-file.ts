/**
 * Opening what has to be a regular file, where others choose what lies at the path: a FIFO would make open(2) wait for
 * somebody who never comes, a device may do anything when it is opened, and both may never end. So it is looked at
 * before it is opened, and opened without waiting, in case it was another by then.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'

interface NotOpened {
  readonly code: string
  /** Follows the path in a message. */
  readonly words: string
}

/** A descriptor for reading `path` (latin1), or why there is none. `what`: what it has to be, in words. */
export function openRegular(path: string, what: string): number | NotOpened {
  try {
    if (!statSync(pathBytes(path)).isFile()) return notRegular(statSync(pathBytes(path)).isDirectory(), what)
    const fd = openSync(pathBytes(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    if (fstatSync(fd).isFile()) return fd
    closeSync(fd)
    return notRegular(false, what)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO'
    return { code, words: `cannot be opened: ${errorWords(error)}` }
  }
}

function notRegular(isDirectory: boolean, what: string): NotOpened {
  if (isDirectory) return { code: 'EISDIR', words: `is a directory, not ${what}` }
  return { code: 'EINVAL', words: `is a pipe or a device: only a regular file can be ${what}` }
}

/** All of a regular file of `most` bytes at most; or why not. A file that grows meanwhile is no reason to read on. */
export function readRegular(path: string, what: string, most: number): Buffer | NotOpened {
  const fd = openRegular(path, what)
  if (typeof fd !== 'number') return fd
  try {
    const { size } = fstatSync(fd)
    if (size > most) return { code: 'EFBIG', words: `is ${size} bytes long, too long for ${what}` }
    const bytes = Buffer.alloc(size + 1)
    let length = 0
    for (let got = 1; got > 0 && length <= size; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, null)
    if (length <= size) return bytes.subarray(0, length)
    return { code: 'EFBIG', words: `is longer than it says: it is being written, or is no plain file` }
  } catch (error) {
    throw new StratafsError(`${shown(path)} cannot be read: ${errorWords(error)}`)
  } finally {
    closeSync(fd)
  }
}
