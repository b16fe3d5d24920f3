/** What `stratafs diff` does: reads the changes and prints them, one a line or as JSON. */
import { printable } from '../../base/text.js'
import { type Change, diffSource } from '../../oci/changes/diff.js'
import type { SourceRequest } from '../../oci/changes/source.js'
import { Exit } from '../terminal/errors.js'
import { jsonText } from '../terminal/print.js'

export interface DiffArguments {
  readonly source: SourceRequest
  readonly json: boolean
  readonly exitCode: boolean
}

/** Prints the changes; the exit code. */
export async function runDiff({ source, json, exitCode }: DiffArguments): Promise<number> {
  const changes = await diffSource(source)
  process.stdout.write(json ? jsonText(changes) : changes.map(lineOf).join(''))
  return exitCode && changes.length > 0 ? Exit.FAILED : Exit.DONE
}

/** `C  file            1234  upper over lower 1     /etc/passwd`, and what else there is to say behind it. */
function lineOf(change: Change): string {
  const { kind, size, layer, path, before } = change
  const layers = change.change === 'C' && before !== undefined ? `${layer} over ${before.layer}` : layer
  const columns = [change.change, kind.padEnd(9), String(size).padStart(12), layers.padEnd(20), printable(path)]
  return `${columns.join('  ')}${remarks(change)}\n`
}

function remarks({ from, link, opaque, metacopy, kind, before, change }: Change): string {
  const words = [
    ...(from === undefined ? [] : [`from ${printable(from)}`]),
    ...(link === undefined ? [] : [`same file as ${printable(link)}`]),
    ...(opaque === true ? ['replaces what was below'] : []),
    ...(metacopy === true ? ['attributes only'] : []),
    ...(change === 'C' && before !== undefined && before.kind !== kind ? [`was a ${before.kind}`] : []),
  ]
  return words.length === 0 ? '' : `  (${words.join('; ')})`
}
