/** `stratafs index build|verify|status|drop`: through the library, with a bar on a terminal while a build goes on. */

import { fromText } from '../../base/text.js'
import {
  buildIndex,
  dropIndex,
  type IndexStatus,
  indexStatus,
  type LayerTarget,
  type VerifiedIndex,
  verifyIndex,
} from '../../library/owner-index.js'
import { printDocument } from '../documents/documents.js'
import type { IndexDifference, IndexStatusDocument } from '../documents/owners.js'
import { Exit } from '../terminal/errors.js'
import { print } from '../terminal/print.js'
import { sizeText } from '../terminal/units.js'
import { wordsOfStack } from './layer-words.js'

export type IndexAction = 'build' | 'verify' | 'status' | 'drop'

/** Carries `action` out; the exit code. */
export function runIndex(action: IndexAction, target: LayerTarget, json: boolean): Promise<number> {
  const run = { build, verify, status, drop }[action]
  return run(target, json)
}

async function build(target: LayerTarget, json: boolean): Promise<number> {
  const bar = json || !process.stderr.isTTY ? null : new Bar()
  try {
    const built = await buildIndex(target, (so) => bar?.show(so))
    bar?.end()
    if (json) return printDocument('index build', { schemaVersion: 1, ...built })
    const { directories, entries, seconds, bytes, path, image } = built
    print(`${entries} entries in ${directories} directories, ${seconds.toFixed(1)} s, ${sizeText(bytes)}: ${path}`)
    if (image !== null) print(`metadata image: ${image}`)
    return Exit.DONE
  } finally {
    bar?.end()
  }
}

/**
 * One line that is written over again. How many directories there are is not known before the end, so it may step back.
 */
class Bar {
  #shown = false

  show({ directories, entries, waiting }: { directories: number; entries: number; waiting: number }): void {
    const width = 30
    const done = Math.round((width * directories) / Math.max(1, directories + waiting))
    process.stderr.write(
      `\r[${'#'.repeat(done).padEnd(width)}] ${entries} entries, ${waiting} directories waiting\x1b[K`,
    )
    this.#shown = true
  }

  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K')
    this.#shown = false
  }
}

async function verify(target: LayerTarget, json: boolean): Promise<number> {
  const { path, differences, directories, unread } = await verifyIndex(target)
  if (json)
    printDocument('index verify', { schemaVersion: 1, path, directories, unread, differences: differences.map(told) })
  else {
    for (const { path: at, what, column, index, layers } of differences) {
      const values = column === undefined ? '' : ` in ${column}: index ${index}, layers ${layers}`
      print(`/${at}: ${what}${values}`)
    }
    const words = unread === 0 ? '' : ` (${unread} not read yet)`
    print(`${differences.length} differences in ${directories} directories${words}: ${path}`)
  }
  return differences.length === 0 ? Exit.DONE : Exit.FAILED
}

function told({ path, what, column, index, layers }: VerifiedIndex['differences'][number]): IndexDifference {
  return { path, what, column: column ?? null, inIndex: index ?? null, inLayers: layers ?? null }
}

async function status(target: LayerTarget, json: boolean): Promise<number> {
  const so = await indexStatus(target)
  if (json) printDocument('index status', documentOf(so))
  else if (!so.exists) print(`no index at ${so.path}`)
  else if (so.fault !== null) print(`${so.path} cannot be used (${so.fault})`)
  else {
    const { entries, directories, upperEntries, bytes, complete } = so
    print(
      `${so.path}: ${entries} entries in ${directories} directories, ${upperEntries} of the upper, ${sizeText(bytes)}`,
    )
    print(`${complete ? 'complete' : 'not complete yet'}, ${stateOf(so)}`)
    for (const { ord, root, edited } of so.layers) {
      print(`  lower ${ord} ${root}${edited === 0 ? '' : ` (found edited ${edited} times)`}`)
    }
  }
  return so.exists && so.fault === null ? Exit.DONE : Exit.FAILED
}

function documentOf({ layers, ...so }: IndexStatus): IndexStatusDocument {
  const lowers = layers.map(({ root }) => fromText(root))
  const words = wordsOfStack(lowers, null)
  const told = layers.map(({ edited }, at) => ({ layer: words.layer(at), edited }))
  return { schemaVersion: 1, ...so, layers: told }
}

function stateOf({ mounted, dirty }: { mounted: boolean; dirty: string | null }): string {
  if (mounted) return 'in use by its mount'
  return dirty === 'clean' || dirty === null ? 'ended well' : 'the next mount reads the upper again'
}

async function drop(target: LayerTarget, json: boolean): Promise<number> {
  const dropped = await dropIndex(target)
  if (json) return printDocument('index drop', { schemaVersion: 1, dropped })
  print(dropped ? 'dropped' : 'there was none')
  return Exit.DONE
}
