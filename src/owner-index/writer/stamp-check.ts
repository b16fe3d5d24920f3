/**
 * Directories that join many layers are held against their stamps by the writer's thread, as soon as the mount stands:
 * on their first visit the engine would have to look into every layer, and needs not when it has been done. Only wide
 * directories, and only so many looks: those make the difference, and a mount that is hardly used should cost little.
 * What is found changed is left to the engine, which meets it on its way.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { unpackLayers } from '../../stack/layer-list.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { O_DIRECTORY, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { PathsOf } from '../database/paths-of.js'
import { DirFlag, Sql } from '../database/schema.js'
import { setVerified } from '../database/shared-state.js'
import { isStamped } from '../database/stamps.js'
import type { IndexStore } from '../database/store.js'

/** A directory with fewer parts is compared soon enough on its first visit. */
export const WIDE = 8
/** Looks into layers, in one mount. */
const LOOKS = 30_000

type WideRow = [id: number, layers: Buffer, stamps: Buffer]

/** Compares the wide directories of `store`; the number that are as they were. */
export function verifyStamps(stack: LowerStack, store: IndexStore, shared: Int32Array, wide: number): number {
  const rows = store
    .statement(Sql.wideDirs)
    .raw()
    .all(wide * 2, DirFlag.REDIRECTED | DirFlag.UNUSABLE) as WideRow[]
  const roots = new Map(stack.roots.map((root) => [root.layer.position, root]))
  let looks = 0
  let same = 0
  const paths = new PathsOf(store.db)
  for (const [id, packed, stamps] of rows) {
    const layers = unpackLayers(packed)
    looks += layers.length
    if (looks > LOOKS) break
    const path = paths.at(id)
    if (!layers.every((layer, part) => isSame(roots.get(layer), path, stamps, part))) continue
    setVerified(shared, id, true)
    same++
  }
  return same
}

function isSame(root: LayerDir | undefined, path: string, stamps: Buffer, part: number): boolean {
  if (root === undefined) return false
  const fd = native.openBeneath(root.layer.rootFd, path, O_PATH | O_DIRECTORY, 0)
  if (fd < 0) return false
  const same = native.statat(fd, '') >= 0 && isStamped(stamps, part)
  native.close(fd)
  return same
}
