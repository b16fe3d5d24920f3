/**
 * What all of the library's functions share: its error, and the ways in and out for paths, which callers hand in as
 * strings or buffers and the inside carries as latin1.
 */
import { realpathSync } from 'node:fs'
import { posix } from 'node:path'
import { callersDirectory } from '../base/caller.js'
import { type FailureCode, StratafsError } from '../base/failure.js'
import { fromText, pathBytes, shown } from '../base/text.js'
import { askDaemon } from '../daemon/control/control-client.js'
import type { ControlRequest } from '../daemon/control/control-protocol.js'

/** A path: text, or bytes where it is no UTF-8. Relative ones are taken from the current directory. */
export type Path = string | Buffer

/** `result`, unless it is a failure, which is thrown, with `code` where one is given. */
export function unwrap<T>(result: T, code?: FailureCode): Exclude<T, StratafsError> {
  if (!(result instanceof StratafsError)) return result as Exclude<T, StratafsError>
  throw code === undefined ? result : new StratafsError(result.fault, code, result.remedy)
}

export function toBytes(path: Path): string {
  return typeof path === 'string' ? fromText(path) : path.toString('latin1')
}

export function toText(path: Path): string {
  return shown(toBytes(path))
}

/** `path` from the current directory, latin1. */
export function absolute(path: Path): string {
  const given = toBytes(path)
  return given.startsWith('/') ? given : `${callersDirectory()}/${given}`
}

/** `path` absolute and without links, latin1; the last component may be missing. */
export function resolved(path: Path): string {
  const plain = posix.normalize(absolute(path)).replace(/(.)\/+$/, '$1')
  return real(plain) ?? posix.join(real(posix.dirname(plain)) ?? posix.dirname(plain), posix.basename(plain))
}

function real(path: string): string | null {
  try {
    return realpathSync.native(pathBytes(path), { encoding: 'buffer' }).toString('latin1')
  } catch {
    return null
  }
}

/** The daemon's answer; a refusal is thrown, with `about` in front. */
export async function askOf(socket: string, request: ControlRequest, about: string | null): Promise<unknown> {
  const reply = await askDaemon(socket, request)
  if (!reply.ok) throw new StratafsError(about === null ? reply.error : `${about}: ${reply.error}`, 'DAEMON_SILENT')
  return reply.result
}
