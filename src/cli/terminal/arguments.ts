/**
 * The arguments as bytes. Node decodes argv as UTF-8 and loses what is none, but a path may be anything; the kernel
 * still has the original, so names come from there as latin1 strings.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { fromText } from '../../base/text.js'

/** The arguments after the script's name. */
export function rawArguments(): string[] {
  const count = process.argv.length - 2
  const all = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1)
  const own = count === 0 ? [] : all.slice(-count)
  return own.length === count ? own : process.argv.slice(2).map(fromText)
}

/** The current directory. Throws when it was removed. */
export function currentDirectory(): string {
  return readlinkSync('/proc/self/cwd', 'latin1')
}
