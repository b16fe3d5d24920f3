/**
 * The commands that ask about a mount or end it: unmount, inspect, stats. Each asks through the library, prints for a
 * reader or as JSON, and leaves what went wrong to be told in one line.
 */
import { pathBytes } from '../../base/text.js'
import { type InspectDocument, inspect, inspectAll, stats, unmount } from '../../index.js'
import { Exit, printError } from '../terminal/errors.js'
import { formatDocument } from '../terminal/format.js'
import { print, printJson, printValue } from '../terminal/print.js'

/** Unmounts `merged` (latin1); the exit code. */
export async function runUnmount(merged: string, lazy: boolean): Promise<number> {
  await unmount(pathBytes(merged), { lazy, notice: printError })
  return Exit.DONE
}

/** Prints one document in an array, or every one; with a format one line for each. */
export async function runInspect(
  merged: string | undefined,
  all: boolean,
  format: string | undefined,
): Promise<number> {
  if ((merged === undefined) !== all) {
    printError(all ? 'inspect: give a mountpoint or --all, not both' : 'inspect: name a mountpoint, or give --all')
    return Exit.USAGE
  }
  const documents = merged === undefined ? await inspectAll() : [await inspect(pathBytes(merged))]
  return format === undefined ? printJson(documents) : printFormatted(documents, format)
}

function printFormatted(documents: readonly InspectDocument[], format: string): number {
  for (const document of documents) {
    const text = formatDocument(format, document)
    if (typeof text !== 'string') {
      printError(text.error)
      return Exit.FAILED
    }
    printValue(text)
  }
  return Exit.DONE
}

/** Prints the counters, one a line. */
export async function runStats(merged: string, json: boolean): Promise<number> {
  const counters = await stats(pathBytes(merged))
  if (json) return printJson(counters)
  for (const [name, value] of flatten('', counters)) print(`${name.padEnd(28)} ${value}`)
  return Exit.DONE
}

function flatten(prefix: string, value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'object' && inner !== null
      ? flatten(`${prefix}${name}.`, inner as Record<string, unknown>)
      : [[`${prefix}${name}`, inner] as [string, unknown]],
  )
}
