/**
 * Where an error came from, in terms of the sources. What runs are compiled files, some of them many modules joined
 * into a few long lines. Beside each lies the map that leads back. The map is read when there is an error to tell, and
 * not before.
 */
import { readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'

/** A place in a line of a stack: the path, with or without `file://`, line and column from 1. */
const PLACE = /(?:file:\/\/)?(\/[^\s():]+\.c?js):(\d+):(\d+)/g

/** The stack of `error`, or what it is in words; with the places of sources wherever a compiled file has a map. */
export function sourceStack(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const maps = new Map<string, SourceMap | null>()
  return text.replace(PLACE, (place, path: string, line: string, column: string) => {
    if (!maps.has(path)) maps.set(path, readMap(`${path}.map`))
    const entry = maps.get(path)?.findEntry(Number(line) - 1, Number(column) - 1)
    if (entry === undefined || !('originalSource' in entry)) return place
    return `${resolve(dirname(path), entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  })
}

function readMap(path: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload)
  } catch {
    return null
  }
}
