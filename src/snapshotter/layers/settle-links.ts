/**
 * Hard links over layers. A name of a lower group that was written to means the upper's inode from then on, and so do
 * the group's other names: the workdir remembers that for a mount. A layer has no workdir, so that before an upper
 * becomes one the other names are put into it.
 */
import { linkSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'
import { defaultPrefix, redirectsOffline } from '../../layers/marks.js'
import { addHiddenLinks } from '../../oci/changes/links.js'
import { type ChangeNode, changeTree } from '../../oci/changes/tree.js'
import { LayerStack, SAME_IDS } from '../../stack/layer-stack.js'
import { dressAs } from './implied.js'

/** An upper with its workdir and the layers below, top first; latin1. */
interface UpperPlaces {
  readonly upper: string
  readonly work: string
  readonly lowers: readonly string[]
}

/** Puts into `upper` what its workdir alone knows. Throws StratafsError. */
export function settleLinks({ upper, work, lowers }: UpperPlaces): void {
  if (groupsIn(work) === 0) return
  const prefix = defaultPrefix(null)
  const redirectDir = redirectsOffline(prefix)
  const stack = LayerStack.open({ upper, work, lowers, prefix, redirectDir, uids: SAME_IDS, gids: SAME_IDS })
  try {
    const root = changeTree(stack, 'whole')
    addHiddenLinks(stack, root)
    linkBelow(stack, root, '', { upper, work, lowers })
  } finally {
    stack.close()
  }
}

function groupsIn(work: string): number {
  try {
    return readdirSync(pathBytes(`${work}/index`)).length
  } catch {
    return 0
  }
}

function linkBelow(stack: LayerStack, node: ChangeNode, path: string, places: UpperPlaces): void {
  for (const [name, child] of node.children) {
    const at = path === '' ? name : `${path}/${name}`
    if (child.present?.dir === stack.links && stack.links !== null) linkOne(at, child.present.name, places)
    linkBelow(stack, child, at, places)
  }
}

function linkOne(path: string, group: string, { upper, work, lowers }: UpperPlaces): void {
  const target = pathBytes(`${upper}/${path}`)
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) return
  const made = makeAbove(upper, path)
  linkSync(pathBytes(`${work}/index/${group}`), target)
  for (const directory of made) dressAs(`${upper}/${directory}`, directory, lowers)
}

/** Makes the directories above `path` that `upper` has not; which they are, the deepest first. */
function makeAbove(upper: string, path: string): string[] {
  const made: string[] = []
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const directory = path.slice(0, slash)
    if (lstatSync(pathBytes(`${upper}/${directory}`), { throwIfNoEntry: false }) !== undefined) continue
    mkdirSync(pathBytes(`${upper}/${directory}`))
    made.unshift(directory)
  }
  return made
}
