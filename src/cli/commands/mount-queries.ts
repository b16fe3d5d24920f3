/**
 * The commands that ask about a mount or end it: unmount, inspect, stats. Each asks through the library, prints for a
 * reader or as JSON, and leaves what went wrong to be told in one line.
 */
import { pathBytes, shown } from '../../base/text.js'
import { listMounts } from '../../daemon/mount/run-directory.js'
import { nameLayers } from '../../library/layer-names.js'
import { type InspectDocument, inspect, inspectAll, unmount } from '../../library/mount.js'
import { Exit, printError } from '../terminal/errors.js'
import { formatDocument, formatFault } from '../terminal/format.js'
import { absolutePath } from '../terminal/paths.js'
import { printJson, printValue } from '../terminal/print.js'

/** Unmounts `merged` (latin1); the exit code. */
export async function runUnmount(merged: string, lazy: boolean, json: boolean): Promise<number> {
  await unmount(pathBytes(merged), { lazy, notice: printError })
  return json ? printJson({ merged: shown(absolutePath(merged)), lazy }) : Exit.DONE
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
  return format === undefined ? printJson(documents) : printFormatted(documents, format)
}

/** With the names of its layers, which the daemon does not know. */
function withNames(document: InspectDocument) {
  const { pid, mountpoint } = { pid: document.Pid, mountpoint: document.GraphDriver.Data.MergedDir }
  const found = listMounts().find(({ state }) => state.pid === pid && shown(state.mountpoint) === mountpoint)
  if (found === undefined) return { ...document, Image: null, Layers: [] }
  const { lowers, layerNames } = found.state.config
  const { image, names } = nameLayers(lowers, layerNames)
  return { ...document, Image: image, Layers: lowers.map((path, at) => ({ Name: names[at], Path: shown(path) })) }
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
