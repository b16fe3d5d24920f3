/** What `stratafs limit` does: tells the limit and the use, after a change where one is wanted. */
import { pathBytes, shown } from '../../base/text.js'
import { byteCount, Expectation, wholeNumber } from '../../daemon/options/values.js'
import { limit, type UpperLimitReport } from '../../library/limit.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { absolutePath } from '../terminal/paths.js'
import { print } from '../terminal/print.js'
import { sizeText } from '../terminal/units.js'

interface LimitArguments {
  /** Latin1. */
  readonly merged: string
  readonly size: string | undefined
  readonly inodes: string | undefined
  readonly recount: boolean
  readonly json: boolean
}

/** Prints the limit; the exit code. */
export async function runLimit({ merged, size, inodes, recount, json }: LimitArguments): Promise<number> {
  const bytes = size === undefined ? undefined : byteCount(size)
  const count = inodes === undefined ? undefined : wholeNumber(inodes, Number.MAX_SAFE_INTEGER)
  for (const [name, value] of [['size', bytes] as const, ['inodes', count] as const])
    if (value instanceof Expectation) {
      printError(`limit: --${name} ${value.words}`)
      return Exit.USAGE
    }
  const report = await limit(pathBytes(merged), { size: bytes as number | undefined, inodes: count as number, recount })
  const mountpoint = shown(absolutePath(merged))
  if (json) return printDocument('limit', { schemaVersion: 1, mountpoint, ...report })
  printReport(report)
  return Exit.DONE
}

function printReport({ size, inodes, usedBytes, usedInodes, counting }: UpperLimitReport): void {
  if (usedBytes === null && counting === null && size === null && inodes === null)
    return print('no limit, and nobody counts; --size or --inodes sets one')
  print(`size    ${part(usedBytes, size, sizeText)}`)
  print(`inodes  ${part(usedInodes, inodes, String)}`)
  if (counting !== null) print(`counting what is there: ${counting} entries so far`)
}

function part(used: number | null, most: number | null, text: (number: number) => string): string {
  const now = used === null ? 'not counted yet' : `${text(used)} used`
  if (most === null) return `${now}, no limit`
  return used === null ? `${now}, of ${text(most)}` : `${now} of ${text(most)}, ${Math.round((100 * used) / most)} %`
}
