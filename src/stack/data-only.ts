/**
 * Data-only lower layers (`lowerdir=A::D`): no name of theirs shows. A metacopy whose content is in no other layer has
 * it there, under the path of its absolute redirect. The first of them that has a regular file there counts. Neither
 * marks nor whiteouts mean anything in them, and no symbolic link is followed. Mirrors ovl_lookup_data_layer() in
 * fs/overlayfs/namei.c. Where none has it, the name is there all the same, as in the kernel, which looks for data at
 * the first open: that fails with ENOENT.
 */

import { Errno } from '../base/errno.js'
import { type Layer, LayerDir } from '../layers/layer-dir.js'
import { S_IFDIR, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { SearchContext } from './found.js'

/**
 * The directory that holds the content at `path` (names from the layers' roots), or would hold it: there it is not
 * found. null: there are no such layers. -errno.
 */
export function findData(u: SearchContext, path: readonly string[]): LayerDir | number | null {
  const layers = u.dataLayers ?? []
  let without = layers.at(-1)
  for (const layer of layers) {
    const found = findIn(u, layer.root, path)
    if (typeof found !== 'number') return found
    if (found === -Errno.ENOENT) without = layer
    else if (found !== OTHER_TYPE) return found
  }
  return without === undefined ? null : placeIn(without, path)
}

/** A directory, symbolic link or the like, where a file is due, or no directory on the way. */
const OTHER_TYPE = 0

function findIn(u: SearchContext, root: LayerDir, path: readonly string[]): LayerDir | number {
  let dir = root
  for (const [i, name] of path.entries()) {
    const fd = u.cache.fd(dir)
    if (fd < 0) return fd
    const isLast = i + 1 === path.length
    if (native.statat(fd, name) < 0) return -Errno.ENOENT
    if ((native.stat[Stat.MODE]! & S_IFMT) !== (isLast ? S_IFREG : S_IFDIR)) return OTHER_TYPE
    if (!isLast) dir = new LayerDir(dir.layer, dir, name)
  }
  return dir
}

function placeIn(layer: Layer, path: readonly string[]): LayerDir {
  return path.slice(0, -1).reduce((dir, name) => new LayerDir(layer, dir, name), layer.root)
}
