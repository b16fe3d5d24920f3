/**
 * Paths below the root of a layer, '' for the root itself, and how they are resolved while the layer grows. A tree may
 * be some two thousand levels deep, and each of its entries spells all of them. So the directory at which the known
 * part of a path ends is found by halving, not by asking level after level. Pure.
 */
import { PATH_MAX } from '../../syscalls/constants.js'

/** Links followed on the way to one name, as Linux counts them. */
const MOST_LINKS = 40

/** Paths of directories; with one, those above it are known too. The root need not be in it. */
type Known = Pick<ReadonlySet<string>, 'has'>

/** The directory that `path` lies in; '' for the root's. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function joined(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`
}

/** The last component of `path`. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The components of `path` below the directory `above`, which is on its way. */
export function partsBelow(above: string, path: string): string[] {
  if (path.length <= above.length) return []
  return path.slice(above === '' ? 0 : above.length + 1).split('/')
}

/** The deepest directory on the way to `path`, itself included, that is known; '' where only the root is. */
export function deepestKnown(path: string, known: Known): string {
  if (known.has(path)) return path
  const ends: number[] = []
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) ends.push(at)
  let low = 0
  for (let high = ends.length; low < high; ) {
    const middle = (low + high + 1) >> 1
    if (known.has(path.slice(0, ends[middle - 1]))) low = middle
    else high = middle - 1
  }
  return low === 0 ? '' : path.slice(0, ends[low - 1])
}

/**
 * `path` with its links followed from the layer's root and never above it. `linkAt` tells the target of the link `name`
 * in the known directory `at`; null where it is none. Null where Linux would follow no further.
 */
export function resolveIn(
  path: string,
  known: Known,
  linkAt: (at: string, name: string) => string | null,
): string | null {
  const ahead = path.split('/').reverse()
  let at = ''
  let links = 0
  for (let leap = true; ahead.length > 0; ) {
    if (leap) at = leapOver(at, ahead, known)
    const part = ahead.pop()
    if (part === undefined) break
    // What is in a directory that is not there is not there.
    const target = part !== '..' && (at === '' || known.has(at)) ? linkAt(at, part) : null
    leap = part === '..' || target !== null
    if (target === null) at = part === '..' ? parentOf(at) : joined(at, part)
    else {
      if (target.startsWith('/')) at = ''
      ahead.push(...target.split('/').filter(isStep).reverse())
      links++
    }
    if (links > MOST_LINKS || ahead.length > PATH_MAX || at.length >= PATH_MAX) return null
  }
  return at
}

function isStep(part: string): boolean {
  return part !== '' && part !== '.'
}

/** Takes from `ahead` (the next one last) what leads from `at` through known directories; where that ends. */
function leapOver(at: string, ahead: string[], known: Known): string {
  const run: string[] = []
  for (let i = ahead.length - 1; i >= 0 && ahead[i] !== '..'; i--) run.push(ahead[i]!)
  if (run.length === 0) return at
  const found = deepestKnown(joined(at, run.join('/')), known)
  if (found.length <= at.length) return at
  ahead.length -= partsBelow(at, found).length
  return found
}
