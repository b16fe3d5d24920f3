/**
 * The control socket's language: one JSON object a line each way. `{"command":"inspect"}` → `{"ok":true,"result":…}`,
 * or `{"ok":false,"error":"…"}`. Commands: inspect, stats, which (`path`, relative to the mount's root), owners (`path`
 * of a directory, `after`: where the page before ended, 0 at first), limit (`change`: `size` and `inodes`, where they
 * change, 0 for none, `recount`, and `count`: also without a limit), changelog (what was recorded is in the database
 * when the reply comes), index (`action`: fill, drop), level (`level`),
 * hold (`seconds`: no request of the mount is served from the reply on, until release, the end of the connection, or so
 * many seconds), snapshot (`name` and `message`, text or null; answered when it is made), restore (`name`; `keep`: what
 * was done since, as a snapshot), forget (`name` of a snapshot), merging (what becomes of those), layers (`from`: the
 * lower layers as they are, `lowers` and `layerNames`: as they are to be, top first), release and end (unmount, as
 * SIGTERM does: the connection closes when the daemon has gone). Paths in it are latin1 strings, as everywhere inside.
 */

import type { LimitChange } from '../../operations/change-limit.js'

export type ControlRequest =
  | { readonly command: 'inspect' }
  | { readonly command: 'stats' }
  | { readonly command: 'which'; readonly path: string }
  | { readonly command: 'owners'; readonly path: string; readonly after: number }
  | { readonly command: 'changelog' }
  | { readonly command: 'limit'; readonly change: LimitChange }
  | { readonly command: 'index'; readonly action: 'fill' | 'drop' }
  | { readonly command: 'level'; readonly level: string }
  | { readonly command: 'snapshot'; readonly name: string | null; readonly message: string | null }
  | { readonly command: 'restore'; readonly name: string; readonly keep: boolean }
  | { readonly command: 'forget'; readonly name: string }
  | { readonly command: 'merging' }
  | {
      readonly command: 'layers'
      readonly from: readonly string[]
      readonly lowers: readonly string[]
      readonly layerNames: readonly string[]
    }
  | { readonly command: 'hold'; readonly seconds: number }
  | { readonly command: 'release' }
  | { readonly command: 'end' }

export type ControlReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: string }

/** Longest line taken from a peer, in characters: a path and its frame. */
export const MAX_LINE = 64 * 1024

/** Splits a stream into lines; `take` gets each without its newline. False when a line grows too long. */
export function lineReader(take: (line: string) => void): (chunk: string) => boolean {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
    return rest.length <= MAX_LINE
  }
}

/** The request in `line`, or null when it is none. */
export function parseRequest(line: string): ControlRequest | null {
  try {
    const value = JSON.parse(line) as Record<string, unknown>
    const { command, path, after, action } = value
    if (command === 'inspect' || command === 'stats') return { command }
    if (command === 'release' || command === 'end') return { command }
    if (command === 'which' && typeof path === 'string') return { command, path }
    if (command === 'owners' && typeof path === 'string' && typeof after === 'number') return { command, path, after }
    if (command === 'index' && (action === 'fill' || action === 'drop')) return { command, action }
    if (command === 'changelog') return { command }
    if (command === 'limit') return limitRequest(value.change)
    if (command === 'hold' && isSeconds(value.seconds)) return { command, seconds: value.seconds }
    if (command === 'snapshot' && isText(value.name) && isText(value.message))
      return { command, name: value.name, message: value.message }
    if (command === 'restore' && typeof value.name === 'string' && typeof value.keep === 'boolean')
      return { command, name: value.name, keep: value.keep }
    if (command === 'forget' && typeof value.name === 'string') return { command, name: value.name }
    if (command === 'merging') return { command }
    if (command === 'layers') return layersRequest(value)
    if (command === 'level' && typeof value.level === 'string') return { command, level: value.level }
    return null
  } catch {
    return null
  }
}

function layersRequest({ from, lowers, layerNames }: Record<string, unknown>): ControlRequest | null {
  if (!isTexts(from) || !isTexts(lowers) || !isTexts(layerNames)) return null
  return { command: 'layers', from, lowers, layerNames }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function limitRequest(change: unknown): ControlRequest | null {
  if (typeof change !== 'object' || change === null) return null
  const { size, inodes, recount = false, count = false } = change as Record<string, unknown>
  if (!isLimit(size) || !isLimit(inodes)) return null
  if (typeof recount !== 'boolean' || typeof count !== 'boolean') return null
  return { command: 'limit', change: { size, inodes, recount, count } }
}

function isLimit(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

/** The longest that a mount is held. */
const LONGEST_HOLD_SECONDS = 3600

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= LONGEST_HOLD_SECONDS
}
