/** Error numbers for a person: `ENOENT` and its number say little, `no such file or directory` says what there is. */
import { getSystemErrorMap } from 'node:util'

/** What `errno` means in a few words, `permission denied`. Takes it positive or negative. */
export function errnoWords(errno: number): string {
  const positive = Math.abs(errno)
  return getSystemErrorMap().get(-positive)?.[1] ?? `error ${positive}`
}

/** The same for an error of Node's own; its message where it has no number. */
export function errorWords(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  return typeof errno === 'number' ? errnoWords(errno) : (message ?? String(error))
}
