/**
 * Sibling read-ahead. When directories are looked up by name in random order, their siblings are read on worker threads
 * while the disk is busy. siblings.ts says how many.
 */
import { DT_DIR } from '../../syscalls/constants.js'
import { viewOf } from '../context/search.js'
import type { Siblings } from '../context/siblings.js'
import type { Union } from '../context/union.js'
import type { DirState, Node } from '../nodes/node.js'
import { isEnteredOnDisk, PREFETCHED_PARTS, prefetchDirectory, SEARCHED } from './walk.js'

/** Names of a directory that are gone through in one request to find the directories among them. */
const LOOKED_AT = 256
/** Parts of directories that are begun in one request, unless it is a single directory's. */
const PARTS = 512

/** The directory `name` in `node` has been looked up by its name: others beside it may be, too. */
export function prefetchSiblings(u: Union, node: Node, name: string): void {
  const dir = node.dir!
  // Where the index tells the owners this gained nothing (docs/decisions/0019-work-ahead.md).
  if (dir.lowers.length < PREFETCHED_PARTS || viewOf(u, dir) !== null || !isEnteredOnDisk(u)) return
  const siblings = u.walk.siblings.of(dir.lowers)
  const wanted = siblings.enter(name)
  begin(dir, siblings, Math.min(wanted, Math.max(1, Math.floor(PARTS / dir.lowers.length))))
}

/** Begins up to `count` directories in `dir` that nobody knows yet, from where it ended last. */
function begin(dir: DirState, siblings: Siblings, count: number): void {
  const { listing } = dir
  if (listing === null) return
  for (let looked = 0, left = count; left > 0 && looked < LOOKED_AT; looked++) {
    const next = listing.next(siblings.cursor)
    siblings.isDone = next < 0
    if (next < 0) return
    const name = listing.name(next)
    if (listing.type(next) === DT_DIR && dir.children.get(name) === undefined) {
      if (!warmAll(dir, name)) return
      siblings.begin(name)
      left--
    }
    siblings.cursor = next
  }
}

/** Has the directory `name` read in all parts of `dir`; false where too much is waiting. */
function warmAll({ lowers }: DirState, name: string): boolean {
  for (const lower of lowers) if (!prefetchDirectory(lower, name, SEARCHED)) return false
  return true
}
