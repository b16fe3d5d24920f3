/**
 * The commands that ask about a mount or end it: unmount, inspect, stats. Each asks through the library, prints for a
 * reader or as JSON, and leaves what went wrong to be told in one line.
 */
import { pathBytes, shown } from '../../base/text.js'
import { listMounts } from '../../daemon/mount/run-directory.js'
import { type InspectDocument, inspect, inspectAll, unmount } from '../../library/mount.js'
import { printDocument } from '../documents/documents.js'
import type { InspectedMount } from '../documents/mounts.js'
import { Exit, printError } from '../terminal/errors.js'
import { formatDocument, formatFault } from '../terminal/format.js'
import { absolutePath } from '../terminal/paths.js'
import { printValue } from '../terminal/print.js'
import { wordsOfStack } from './layer-words.js'

/** Unmounts `merged` (latin1); the exit code. */
export async function runUnmount(merged: string, lazy: boolean, json: boolean): Promise<number> {
  await unmount(pathBytes(merged), { lazy, notice: printError })
  if (!json) return Exit.DONE
  return printDocument('unmount', { schemaVersion: 1, mountpoint: shown(absolutePath(merged)), lazy })
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
  const asked = merged === undefined ? await inspectAll() : [await inspect(pathBytes(merged))]
  const documents = asked.map(withNames)
  return format === undefined ? printDocument('inspect', documents) : printFormatted(documents, format)
}

/** With the names of its layers, which the daemon does not know. */
function withNames(document: InspectDocument): InspectedMount {
  const { pid, mountpoint } = { pid: document.Pid, mountpoint: document.GraphDriver.Data.MergedDir }
  const found = listMounts().find(({ state }) => state.pid === pid && shown(state.mountpoint) === mountpoint)
  const versioned = { SchemaVersion: 1 as const, ...document }
  if (found === undefined) return { ...versioned, Image: null, Layers: [] }
  const { lowers, layerNames, upper } = found.state.config
  const words = wordsOfStack(lowers, upper, layerNames)
  const layers = words.every().map(({ position: Position, role: Role, name: Name, path: Path }) => {
    return { Position, Role, Name, Path }
  })
  return { ...versioned, Image: words.image, Layers: layers }
}

function printFormatted(documents: readonly object[], format: string): number {
  const fault = formatFault(format)
  if (fault !== null) printError(fault)
  if (fault !== null) return Exit.USAGE
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
