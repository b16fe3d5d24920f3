/**
 * Clients that name a path, or nothing, as `:authority`: Node's HTTP/2 refuses their calls before gRPC hears of them,
 * and all they are told is PROTOCOL_ERROR. So it is said here. containerd names `localhost`.
 */
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import type { Server } from '@grpc/grpc-js'
import type { Log } from '../base/log.js'

/** A refused call is there at once; the connection stays. */
const LOOK_MS = 300

/** Logs connections of which every call so far was refused. */
export function watchAuthority(server: Server, log: Log): void {
  // gRPC keeps it to itself; without it nothing is logged.
  const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> }
  for (const http of http2Servers?.keys() ?? []) http.on('session', (session) => watch(session, log))
}

function watch(session: ServerHttp2Session, log: Log): void {
  let isHeard = false
  session.once('stream', () => {
    isHeard = true
  })
  const look = () => {
    if (isHeard || !((session.state.lastProcStreamID ?? 0) > 0)) return
    const advice = 'a gRPC client on a unix socket has to name a host: set its authority to localhost'
    log('warn', 'calls were refused: their :authority is a path, or empty', { advice })
  }
  setTimeout(look, LOOK_MS).unref()
}
