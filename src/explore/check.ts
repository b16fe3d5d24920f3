/**
 * Rules about an image, for those who build them in CI: how much may be wasted, how large it may be, and what may not
 * be in it. Waste is what `explore` and its page call so: bytes of files that a later layer overwrites or deletes.
 */
import { StratafsError } from '../base/failure.js'
import type { Path } from '../library/paths.js'
import { Explorer } from './explorer.js'
import { Query } from './views/query.js'
import { searchView } from './views/search.js'
import type { Found, Waste } from './views/types.js'

/** Breaches of one rule that are told by path. */
const MOST_PATHS = 50

export interface CheckRules {
  /** Bytes that may be overwritten or deleted by later layers. */
  readonly maxWasted?: number | undefined
  /** The same as a part of all bytes of its files, 0 to 1. */
  readonly maxWastedRatio?: number | undefined
  /** Bytes of all files of all layers. */
  readonly maxSize?: number | undefined
  readonly maxLayers?: number | undefined
  /** No setuid or setgid file shows. */
  readonly noSetuid?: boolean | undefined
  /** No file with capabilities (security.capability) shows. */
  readonly noCapabilities?: boolean | undefined
  /** Nothing shows that everybody may write, unless it is sticky. */
  readonly noWorldWritable?: boolean | undefined
  /** Paths that break none of the last three rules; `*` stands for any letters. */
  readonly allow?: readonly string[] | undefined
}

export interface Breach {
  /** The rule's option, such as `max-wasted`. */
  readonly rule: string
  /** What breaks it, in words. */
  readonly words: string
  /** The paths that do, some fifty at most. */
  readonly paths: readonly { readonly path: string; readonly bytes: number; readonly fix: string }[]
}

export interface ImageCheck {
  readonly image: string
  readonly passed: boolean
  readonly bytes: number
  readonly wasted: number
  readonly wastedRatio: number
  readonly layers: number
  readonly breaches: readonly Breach[]
}

/** Holds `image` (LAYOUT:TAG, or an archive) to `rules`. Throws StratafsError where it cannot be read in full. */
export async function checkImage(image: Path, rules: CheckRules, signal?: AbortSignal): Promise<ImageCheck> {
  const explorer = await Explorer.open({ name: image }, { signal })
  try {
    await explorer.filling.read
    const [fault] = explorer.filling.faults
    if (fault !== undefined) throw new StratafsError(`${explorer.source.title}: ${fault}`, 'DAMAGED')
    const waste = explorer.view(`waste?limit=${MOST_PATHS}`) as Waste
    const layers = explorer.source.layers.length
    const breaches = [...sizeBreaches(waste, layers, rules), ...fileBreaches(explorer, rules)]
    const { bytes, wasted, ratio: wastedRatio } = waste
    const facts = { bytes, wasted, wastedRatio, layers }
    return { image: explorer.source.title, passed: breaches.length === 0, ...facts, breaches }
  } finally {
    await explorer.close()
  }
}

function sizeBreaches(waste: Waste, layers: number, rules: CheckRules): Breach[] {
  const { maxWasted, maxWastedRatio, maxSize, maxLayers } = rules
  const { wasted, ratio, bytes, rows } = waste
  const paths = rows.map((row) => ({ path: row.path, bytes: row.bytes, fix: row.fix }))
  const breaches: Breach[] = []
  const judge = (rule: string, is: number, most: number | undefined, unit: string, more: Breach['paths'] = []) => {
    if (most === undefined || is <= most) return
    breaches.push({ rule, words: `${is}${unit} where ${most} are allowed`, paths: more })
  }
  judge('max-wasted', wasted, maxWasted, ' bytes', paths)
  judge(
    'max-wasted-ratio',
    Number(ratio.toFixed(6)),
    maxWastedRatio,
    ' of all bytes',
    breaches.length === 0 ? paths : [],
  )
  judge('max-size', bytes, maxSize, ' bytes')
  judge('max-layers', layers, maxLayers, ' layers')
  return breaches
}

function fileBreaches(explorer: Explorer, rules: CheckRules): Breach[] {
  const allowed = (rules.allow ?? []).map(patternOf)
  const judge = (rule: string, wanted: boolean | undefined, question: string, fix: string): Breach[] => {
    if (wanted !== true) return []
    const found = everyFound(explorer, question).filter((entry) => isBroken(rule, entry))
    const bad = found.filter(({ path }) => !allowed.some((pattern) => pattern.test(path)))
    if (bad.length === 0) return []
    const paths = bad.slice(0, MOST_PATHS).map(({ path, size }) => ({ path, bytes: size, fix }))
    return [{ rule, words: `${bad.length} where none is allowed`, paths }]
  }
  return [
    ...judge('no-setuid', rules.noSetuid, 'setuid=1', 'chmod a-s it in the step that makes it, or --allow it'),
    ...judge('no-capabilities', rules.noCapabilities, 'xattrs=1', 'setcap -r it in the step that makes it'),
    ...judge('no-world-writable', rules.noWorldWritable, 'writable=1', 'chmod o-w it in the step that makes it'),
  ]
}

function isBroken(rule: string, { xattrs }: Found): boolean {
  return rule !== 'no-capabilities' || xattrs.includes('security.capability')
}

/** All that shows and is found. */
function everyFound(explorer: Explorer, question: string): Found[] {
  const found: Found[] = []
  for (;;) {
    const query = Query.parse(`search?${question}&offset=${found.length}&limit=2000`)
    const { rows, total } = searchView(explorer.context, query)
    found.push(...rows)
    if (rows.length === 0 || found.length >= total) return found
  }
}

/** A path with `*` as a pattern. */
function patternOf(text: string): RegExp {
  const escaped = text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*')
  return new RegExp(`^${escaped.startsWith('/') ? '' : '/'}${escaped}$`, 's')
}
