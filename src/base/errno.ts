/**
 * The table of error numbers. In the engine failure is a negative number (-errno): what a system call, a layer or an
 * operation returns instead of its result, be that a number or an object. Nothing is thrown for an expected error, and
 * nothing allocated. A throw is a bug; the session turns it into EIO. Above the engine, and where a mount is set up,
 * failure is a StratafsError.
 */

/** Linux error numbers (include/uapi/asm-generic/errno*.h), positive. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOVERFLOW: 75,
  EILSEQ: 84,
  EOPNOTSUPP: 95,
  ENOTCONN: 107,
  ESTALE: 116,
  EINPROGRESS: 115,
  ETIMEDOUT: 110,
  EDQUOT: 122,
} as const

/**
 * In place of an error: nothing has been done, because something is on its way that the request needs; it is to be
 * served once more when that has come.
 */
export const PENDING = -65536

/** In place of an error: the transport answers the request when the disk has done what it was asked for. */
export const LATER = -65537

/** The name of an error number, or `errno N`. Takes it positive or negative. */
export function errnoName(errno: number): string {
  const positive = Math.abs(errno)
  for (const [name, value] of Object.entries(Errno)) if (value === positive) return name
  return `errno ${positive}`
}

/** An object, or -errno. */
export type Result<T extends object | string> = T | number
