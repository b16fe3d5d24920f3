/** Metrics over HTTP: /metrics, and /healthz for those who only want to know whether there is somebody. */
import { createServer, type Server } from 'node:http'
import { StratafsError } from '../../base/failure.js'
import type { Metrics } from './metrics.js'

type Address = { readonly path: string } | { readonly host: string; readonly port: number }

/** `PORT` (of 127.0.0.1), `HOST:PORT` or `unix:PATH`. Throws StratafsError. */
export function metricsAddress(text: string): Address {
  if (/^unix:\/./.test(text)) return { path: text.slice('unix:'.length) }
  const [, host, port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65535)
    throw new StratafsError(`--metrics ${text}`, 'INVALID_ARGUMENT', 'give PORT, HOST:PORT or unix:PATH')
  return { host: host?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1', port: Number(port) }
}

/** Serves `metrics` at `address`. Throws StratafsError where that cannot be had. */
export function serveMetrics(address: Address, metrics: Metrics): Promise<Server> {
  const server = createServer((request, response) => {
    const send = (code: number, type: string, body: string) =>
      response.writeHead(code, { 'content-type': type }).end(body)
    if (request.url === '/healthz') return send(200, 'text/plain', 'ok\n')
    if (request.url !== '/metrics') return send(404, 'text/plain', '/metrics or /healthz\n')
    metrics.text().then(
      ({ type, body }) => send(200, type, body),
      (error) => send(500, 'text/plain', `${error}\n`),
    )
  })
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new StratafsError(`--metrics cannot be served: ${error.message}`)))
    server.listen(address, () => resolve(server))
  })
}
