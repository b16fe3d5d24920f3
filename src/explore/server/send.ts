/** How the server answers: browsers keep nothing, run nothing that is not the page's own, and ask no other host. */
import type { ServerResponse } from 'node:http'

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const

type Headers = Readonly<Record<string, string>>

/** Answers in full. */
export function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  more: Headers = {},
) {
  const length = String(Buffer.byteLength(body))
  response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': length, ...more })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(value))
}

export function sendText(response: ServerResponse, status: number, words: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${words}\n`)
}

/** Begins an answer that is written piece by piece. */
export function beginStream(response: ServerResponse, type: string, more: Headers = {}): void {
  response.writeHead(200, { ...HEADERS, 'Content-Type': type, ...more })
}
