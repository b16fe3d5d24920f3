/** What `stratafs explore` does: opens what was named, and shows it in the browser, the terminal, or as JSON. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { Explorer, type OpenOptions, type Target } from '../../explore/explorer.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { splitNamed } from '../terminal/named-layer.js'
import { isTerminal } from '../terminal/output.js'
import { absolutePath } from '../terminal/paths.js'
import { hasDisplay } from './browser.js'
import type { ExploreRequest } from './request.js'

/** The exit code. Throws StratafsError. */
export async function runExplore(request: ExploreRequest): Promise<number> {
  const target = targetOf(request)
  if (target === null) {
    printError(
      'name what to explore: a mount, LAYOUT:TAG, an archive, or --lower DIR (stratafs explore --help shows how)',
    )
    return Exit.USAGE
  }
  const kept = request.index === undefined ? null : shown(absolutePath(request.index))
  if (request.json)
    return interruptible((signal) =>
      withExplorer(target, { kept, signal }, (explorer) => printView(explorer, request.view)),
    )
  if (inTerminal(request)) {
    const { runTerminal } = await import('./terminal-run.js')
    return withExplorer(target, { kept }, (explorer) => runTerminal(explorer))
  }
  const { runPage } = await import('./page-run.js')
  return withExplorer(target, { kept }, (explorer) => runPage(explorer, request))
}

function targetOf({ target, lower, upper }: ExploreRequest): Target | null {
  if (target !== undefined && lower.length > 0)
    throw new StratafsError(`${shown(target)} and --lower: name one or the other`, 'INVALID_ARGUMENT')
  if (target !== undefined) return { name: pathBytes(target) }
  if (lower.length === 0) return null
  const named = lower.map(splitNamed)
  return {
    lower: named.map(({ path }) => pathBytes(path)),
    names: named.map(({ name }) => name),
    ...(upper === undefined ? {} : { upper: pathBytes(upper) }),
  }
}

/** Where a person sits at a terminal and no browser can be shown. */
function inTerminal({ terminal, open, address }: ExploreRequest): boolean {
  return terminal || (open && address === undefined && isTerminal() && !hasDisplay())
}

async function withExplorer(
  target: Target,
  options: OpenOptions,
  work: (explorer: Explorer) => Promise<number>,
): Promise<number> {
  const explorer = await Explorer.open(target, options)
  try {
    return await work(explorer)
  } finally {
    await explorer.close()
  }
}

async function printView(explorer: Explorer, view: string | undefined): Promise<number> {
  const wanted = view === undefined ? 'overview' : shown(view)
  await explorer.filling.read
  if (wanted.startsWith('waste')) await explorer.filling.hash()
  printDocument('explore', { schemaVersion: 1, view: wanted, result: explorer.view(wanted) })
  for (const fault of explorer.filling.faults) printError(fault)
  return explorer.filling.faults.length === 0 ? Exit.DONE : Exit.FAILED
}
