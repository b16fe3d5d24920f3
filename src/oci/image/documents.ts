/**
 * The documents of images as somebody else wrote them: what is read from a layout passes here, so that all code behind
 * it finds the types that types.ts promises. `null` stands for a field that is not there, as Go programs write it.
 */
import { StratafsError } from '../../base/failure.js'
import type { ImageConfig, ImageIndex, Manifest } from './types.js'

/** Deeper ones cannot be printed again. */
const DEEPEST = 200

/** What is wrong with a value at the path `at`; null: nothing. */
type Check = (value: unknown, at: string) => string | null

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const text: Check = (value, at) => (typeof value === 'string' ? null : `${at} is no text`)
const flag: Check = (value, at) => (typeof value === 'boolean' ? null : `${at} is neither true nor false`)
const size: Check = (value, at) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? null : `${at} is no number of bytes`
const anyObject: Check = (value, at) => (isObject(value) ? null : `${at} is no object`)

const maybe =
  (check: Check): Check =>
  (value, at) =>
    value === undefined || value === null ? null : check(value, at)

const list =
  (check: Check): Check =>
  (value, at) =>
    Array.isArray(value) ? first(value.map((each, i) => check(each, `${at}[${i}]`))) : `${at} is no list`

const texts: Check = (value, at) =>
  isObject(value)
    ? first(Object.entries(value).map(([key, each]) => text(each, `${at}[${JSON.stringify(key)}]`)))
    : `${at} is no object`

function first(faults: readonly (string | null)[]): string | null {
  return faults.find((fault) => fault !== null) ?? null
}

const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value, at) =>
    isObject(value)
      ? first(Object.entries(checks).map(([name, check]) => check(value[name], at === '' ? name : `${at}.${name}`)))
      : `${at === '' ? 'it' : at} is no object`

const platform = fields({ architecture: maybe(text), os: maybe(text), variant: maybe(text) })
const descriptor = fields({
  mediaType: maybe(text),
  digest: text,
  size,
  annotations: maybe(texts),
  platform: maybe(platform),
})
const index = fields({ mediaType: maybe(text), manifests: list(descriptor), annotations: maybe(texts) })
const imageDocument = fields({
  mediaType: maybe(text),
  manifests: maybe(list(descriptor)),
  layers: maybe(list(descriptor)),
  config: maybe(descriptor),
  annotations: maybe(texts),
})
const step = fields({
  created: maybe(text),
  created_by: maybe(text),
  author: maybe(text),
  comment: maybe(text),
  empty_layer: maybe(flag),
})
const config = fields({
  created: maybe(text),
  author: maybe(text),
  architecture: maybe(text),
  os: maybe(text),
  config: maybe(anyObject),
  rootfs: fields({ diff_ids: list(text) }),
  history: maybe(list(step)),
})

function checked<T>(check: Check, value: unknown, what: string): T {
  const fault = check(value, '')
  if (fault === null) return value as T
  throw new StratafsError(`${what}: ${fault}`, 'DAMAGED')
}

/** The index of a layout. Each of these throws StratafsError with `what` and the field that is wrong. */
export function asIndex(value: unknown, what: string): ImageIndex {
  return checked(index, value, what)
}

/** A manifest, or an index of manifests. */
export function asImageDocument(value: unknown, what: string): Manifest | ImageIndex {
  return checked(imageDocument, value, what)
}

export function asConfig(value: unknown, what: string): ImageConfig {
  return checked(config, value, what)
}

/** The version in `oci-layout`; null where there is none. */
export function layoutVersion(value: unknown): string | null {
  return isObject(value) && typeof value.imageLayoutVersion === 'string' ? value.imageLayoutVersion : null
}

/** What `json` holds. Throws StratafsError that names `what`. */
export function parsed(json: string, what: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new StratafsError(`${what} is not JSON`, 'DAMAGED')
  }
  if (typeof value !== 'object' || value === null) throw new StratafsError(`${what} is not a JSON object`, 'DAMAGED')
  if (depthOf(value) > DEEPEST) throw new StratafsError(`${what} is nested deeper than ${DEEPEST} levels`, 'DAMAGED')
  return value
}

function depthOf(value: object): number {
  let depth = 0
  for (let level: object[] = [value]; level.length > 0 && depth <= DEEPEST; depth++) {
    level = level.flatMap((each) => Object.values(each)).filter((each) => typeof each === 'object' && each !== null)
  }
  return depth
}
