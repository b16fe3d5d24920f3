/**
 * A file's content over HTTP: always as bytes that no browser runs or shows as a page, piece by piece as they come out
 * of the layer.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { shown } from '../../base/text.js'
import type { Explorer } from '../explorer.js'
import type { Query } from '../views/query.js'
import { beginStream } from './send.js'

/** Answers `content?path=…&layer=…&offset=…&limit=…`; with `download` a browser saves it. Throws StratafsError. */
export async function sendContent(explorer: Explorer, query: Query, response: ServerResponse): Promise<void> {
  const content = explorer.content(query)
  const offset = query.number('offset', 0)
  const limit = query.number('limit', content.size)
  const pieces = content.bytes(offset, limit)
  // What cannot be read is said before the answer begins.
  const first = await pieces.next()
  const name = encodeURIComponent(shown(query.path.slice(query.path.lastIndexOf('/') + 1)))
  const kept = query.flag('download') ? { 'Content-Disposition': `attachment; filename*=UTF-8''${name}` } : {}
  beginStream(response, 'application/octet-stream', { 'X-Size': String(content.size), ...kept } as Record<
    string,
    string
  >)
  for (let next = first; next.done !== true; next = await pieces.next()) {
    if (response.destroyed) return void (await pieces.return(undefined))
    if (!response.write(Buffer.from(next.value))) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.end()
}
