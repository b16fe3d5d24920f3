/**
 * What all of the library's functions share: its error, and the ways in and out for paths, which callers hand in as
 * strings or buffers and the inside carries as latin1.
 */
import { StratafsError } from '../base/failure.js'
import { fromText, shown } from '../base/text.js'
import { askDaemon } from '../daemon/control/control-client.js'
import type { ControlRequest } from '../daemon/control/control-protocol.js'

export type Path = string | Buffer

/** `result`, unless it is a refusal, which is thrown. */
export function unwrap<T extends object>(result: T): Exclude<T, { readonly error: string; readonly ok?: never }> {
  if ('error' in result && !('ok' in result)) throw new StratafsError(String(result.error))
  return result as Exclude<T, { readonly error: string; readonly ok?: never }>
}

export function toBytes(path: Path): string {
  return typeof path === 'string' ? fromText(path) : path.toString('latin1')
}

export function toText(path: Path): string {
  return shown(toBytes(path))
}

export function absolute(path: Path): string {
  const given = toBytes(path)
  return given.startsWith('/') ? given : `${fromText(process.cwd())}/${given}`
}

/** The daemon's answer; a refusal is thrown, with `about` in front. */
export async function askOf(socket: string, request: ControlRequest, about: string | null): Promise<unknown> {
  const reply = await askDaemon(socket, request)
  if (!reply.ok) throw new StratafsError(about === null ? reply.error : `${about}: ${reply.error}`)
  return reply.result
}
