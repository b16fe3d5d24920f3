/** `stratafs bundle`: reads who is to run what, and prints where the bundle is and what runs it. */
import { pathBytes } from '../../base/text.js'
import { bundle } from '../../library/layers.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { print } from '../terminal/print.js'

/** The command's arguments, latin1. */
export interface BundleArguments {
  readonly merged: string
  readonly directory: string
  readonly command: readonly string[]
  /** `UID` or `UID:GID`. */
  readonly user: string | undefined
  readonly terminal: boolean
  readonly readonly: boolean
  readonly json: boolean
}

/** Writes the bundle; the exit code. */
export async function runBundle(given: BundleArguments): Promise<number> {
  const user = parseUser(given.user ?? '0')
  if (user === null) {
    printError(`--user ${given.user} is no UID or UID:GID: names are not known before the container runs, give numbers`)
    return Exit.USAGE
  }
  const { terminal, readonly } = given
  const command = given.command.map(pathBytes)
  const made = await bundle(pathBytes(given.merged), pathBytes(given.directory), {
    command,
    terminal,
    readonly,
    ...user,
  })
  if (given.json) {
    const { root: mountpoint, ...bundled } = made
    return printDocument('bundle', { schemaVersion: 1, ...bundled, mountpoint })
  }
  print(`${made.config}: run it with \`runc run -b ${made.directory} NAME\``)
  return Exit.DONE
}

/** The ids; a missing group is the user's number. Null when they are none. */
export function parseUser(text: string): { uid: number; gid: number } | null {
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text)
  if (match === null) return null
  const uid = Number(match[1])
  const gid = Number(match[2] ?? match[1])
  return Math.max(uid, gid) < 0xffffffff ? { uid, gid } : null
}
