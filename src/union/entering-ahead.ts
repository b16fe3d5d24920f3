/**
 * Who enters directories by name, in any order, waits in each for the disk: for its parts, and for what is in them. While the disk is
 * read, those beside it are read before anybody asks for them, as many as siblings.ts says.
 */
import { DT_DIR } from '../syscalls/constants.js'
import type { Node } from './node.js'
import { viewOf } from './search.js'
import type { Union } from './union.js'
import { isOnDisk, MANY, SEARCHED, warm } from './walk-ahead.js'

/** Names of a directory that are gone through in one request to find the directories among them. */
const LOOKED_AT = 256

/** The directory `name` in `node` has been looked up by its name: others beside it may be, too. */
export function aheadOfEntering(u: Union, node: Node, name: string): void {
  const dir = node.dir!
  // Where the index tells the owners this gained nothing (docs/decisions/0019-work-ahead.md).
  if (dir.lowers.length < MANY || viewOf(u, dir) !== null || !isOnDisk(u)) return
  const siblings = u.walk.siblings.of(node)
  let left = siblings.enter(name)
  const { listing } = dir
  if (listing === null) return
  for (let looked = 0; left > 0 && looked < LOOKED_AT && !siblings.isDone; looked++) {
    const next = listing.next(siblings.cursor)
    siblings.isDone = next < 0
    if (next < 0) return
    siblings.cursor = next
    const beside = listing.name(next)
    if (listing.type(next) !== DT_DIR || dir.children.get(beside) !== undefined) continue
    for (const lower of dir.lowers) warm(lower, beside, SEARCHED)
    siblings.begin(beside)
    left--
  }
}
