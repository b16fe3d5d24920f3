/**
 * For whom this process does something. A command does it for who called it; a host carries out commands of others
 * (src/cli/snapshot/hosted-run.ts): their relative paths begin elsewhere, and what is printed goes to them.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { readlinkSync } from 'node:fs'

interface Caller {
  /** Latin1. */
  readonly cwd: string
  /** Takes what would be printed: `1` standard output, `2` standard error. */
  print(fd: 1 | 2, text: string | Uint8Array): void
}

/** Nobody: then the process itself is meant. */
export const caller = new AsyncLocalStorage<Caller>()

/** From where relative paths count, latin1. Throws when it was removed. */
export function callersDirectory(): string {
  return caller.getStore()?.cwd ?? readlinkSync('/proc/self/cwd', 'latin1')
}
