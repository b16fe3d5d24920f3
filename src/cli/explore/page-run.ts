/** The page: served until Ctrl-C, opened in a browser where there is one. */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { Explorer } from '../../explore/explorer.js'
import { checkPage } from '../../explore/server/page-files.js'
import { ExploreServer } from '../../explore/server/server.js'
import { Exit, printError } from '../terminal/errors.js'
import { print } from '../terminal/print.js'
import { hasDisplay, openBrowser } from './browser.js'
import type { ExploreRequest } from './request.js'

/** Serves until a signal; the exit code. Throws StratafsError. */
export async function runPage(explorer: Explorer, { address, open, view }: ExploreRequest): Promise<number> {
  checkPage()
  const place = addressOf(address === undefined ? '' : shown(address))
  const server = await ExploreServer.start(explorer, place)
  const url = view === undefined ? server.url : `${server.url}#${shown(view)}`
  if (!/^(127\.|localhost$|::1$)/.test(place.host ?? '127.0.0.1'))
    printError(`${place.host}: others on the network can reach this address, and read what is sent`)
  print(`${explorer.source.title} is shown at ${url}`)
  print('Ctrl-C ends it.')
  explorer.filling.done.then(
    () => explorer.filling.faults.forEach(printError),
    (error) => printError((error as Error).message),
  )
  if (open && hasDisplay()) openBrowser(url)
  await ended()
  await server.close()
  return Exit.DONE
}

function ended(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

/** HOST, :PORT, HOST:PORT, [::1]:PORT. */
export function addressOf(text: string): { host?: string; port?: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port ?? 0) > 65535)
    throw new StratafsError(`--address ${text}: give it as HOST, :PORT, HOST:PORT or [::1]:PORT`, 'INVALID_ARGUMENT')
  return { ...(host === '' ? {} : { host }), ...(port === undefined ? {} : { port: Number(port) }) }
}
