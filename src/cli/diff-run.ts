/** What `stratafs diff` does: reads the changes and prints them, one a line or as JSON. */
import { type Change, diffSource } from '../oci/diff.js'
import type { SourceWish } from '../oci/diff-source.js'
import { Exit } from './complain.js'
import { jsonText } from './print.js'

export interface DiffArguments {
  readonly source: SourceWish
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
  const columns = [change.change, kind.padEnd(9), String(size).padStart(12), layers.padEnd(20), printablePath(path)]
  return `${columns.join('  ')}${remarks(change)}\n`
}

/** A path may hold what would move the cursor or look like another line. */
function printablePath(path: string): string {
  return path.replace(/[\p{Cc}\p{Cf}]/gu, (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`)
}

function remarks({ from, link, opaque, metacopy, kind, before, change }: Change): string {
  const words = [
    ...(from === undefined ? [] : [`from ${printablePath(from)}`]),
    ...(link === undefined ? [] : [`same file as ${printablePath(link)}`]),
    ...(opaque === true ? ['replaces what was below'] : []),
    ...(metacopy === true ? ['attributes only'] : []),
    ...(change === 'C' && before !== undefined && before.kind !== kind ? [`was a ${before.kind}`] : []),
  ]
  return words.length === 0 ? '' : `  (${words.join('; ')})`
}
