/** Random layers with every spelling of whiteout, opaque, redirect and metacopy, and random edits of them. */
import fc from 'fast-check'
import type { Planting } from './stage.js'

export const NAMES = ['a', 'b', 'c', 'd\xff']
const name = fc.constantFrom(...NAMES)
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const content = fc.constantFrom('', 'x', 'yy')
const target = fc.oneof(
  name,
  path.map((p) => `/${p}`),
)

const planting: fc.Arbitrary<Planting> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('file' as const), path, content }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('directory' as const), path }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('symlink' as const), path, content: name }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('whiteout' as const, 'aufs-whiteout' as const), path }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('xattr-whiteout' as const, 'metacopy' as const), path }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('opaque' as const, 'aufs-opaque' as const), path }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('redirect' as const), path, content: target }) },
)
const edit: fc.Arbitrary<Planting> = fc.oneof(planting, fc.record({ what: fc.constant('remove' as const), path }))
export const layers = fc.array(fc.array(planting, { maxLength: 12 }), { minLength: 2, maxLength: 5 })
export const edits = fc.array(fc.tuple(fc.nat({ max: 4 }), edit), { minLength: 1, maxLength: 4 })
