/**
 * Random histories of several generations: the upper of one becomes the top lower of the next, so that redirects lead
 * through redirects. Renames prevail, over few names, so that directories move into each other, into opaque ones and
 * back.
 */
import fc from 'fast-check'
import type { MountOptions } from '../conformance/case.js'
import { dir, file, type Tree, whiteout } from '../conformance/tree.js'
import type { Step } from './history.js'

/** What the first generation lies on. */
export const ground: readonly Tree[] = [
  { 'a/b/x': file('abx0'), 'c/y': file('cy0'), 'a/gone': whiteout(), r: file('r0') },
  { 'a/b/c/z': file('abcz1'), 'a/gone/x': file('agx1'), 'b/x': file('bx1'), 'c/b/x': file('cbx1') },
]

/** Layers that may come in between without having been anybody's upper. */
const between: readonly Tree[] = [
  { 'a/b/x': file('between'), c: whiteout() },
  { 'b/c/x': file('new'), 'c/y': file('other'), 'a/c': dir({ mode: 0o700 }) },
]

export interface Generation {
  readonly steps: readonly Step[]
  readonly options: MountOptions
  /** A layer that is laid on top before. */
  readonly inserted: Tree | null
}

const PATHS = [
  'a',
  'b',
  'c',
  'r',
  'a/b',
  'a/c',
  'b/a',
  'b/c',
  'c/a',
  'c/b',
  'a/b/c',
  'b/c/a',
  'c/a/b',
  'a/b/x',
  'b/x',
  'c/y',
]
const RENAMES = 6

const path = fc.constantFrom(...PATHS)
const number = fc.nat({ max: 99 })
const rename = fc.tuple(fc.constant('rename' as const), path, path, number)
const others = [
  'write',
  'append',
  'chmod',
  'mkdir',
  'rmdir',
  'unlink',
  'removetree',
  'read',
  'list',
  'truncate',
] as const
const other = fc.tuple(fc.constantFrom(...others), path, path, number)
const step: fc.Arbitrary<Step> = fc.oneof({ weight: RENAMES, arbitrary: rename }, { weight: 4, arbitrary: other })

const generation: fc.Arbitrary<Generation> = fc.record({
  steps: fc.array(step, { minLength: 3, maxLength: 14 }),
  options: fc.constantFrom<MountOptions>({}, { metacopy: 'on' }),
  inserted: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom(...between) },
  ),
})

/** Kernel overlayfs does not read a metacopy without `metacopy=on`, so that it stays once it was on. */
function settled(history: readonly Generation[]): Generation[] {
  const first = history.findIndex(({ options }) => options.metacopy === 'on')
  return history.map((one, n) => (first >= 0 && n > first ? { ...one, options: { metacopy: 'on' } } : one))
}

/** Histories of three to five generations. */
export const generations: fc.Arbitrary<Generation[]> = fc.array(generation, { minLength: 3, maxLength: 5 }).map(settled)

/** A directory is moved into one that is new, so opaque, and in the next generation out of it. */
export const movedOut: Generation[] = [
  {
    steps: [
      ['mkdir', 'n', '', 0],
      ['rename', 'c', 'n/d', 0],
    ],
    options: {},
    inserted: null,
  },
  { steps: [['rename', 'n/d', 'd', 0]], options: {}, inserted: null },
  { steps: [['read', 'd/y', '', 0]], options: {}, inserted: null },
]
