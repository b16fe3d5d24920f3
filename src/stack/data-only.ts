/**
 * Data-only lower layers (`lowerdir=A::D`): no name of theirs shows. A metacopy whose content is in no other layer has
 * it there, under the path of its absolute redirect. The first of them that has a regular file there counts. Neither
 * marks nor whiteouts mean anything in them, and no symbolic link is followed. Mirrors ovl_lookup_data_layer() in
 * fs/overlayfs/namei.c.
 */

import { LayerDir } from '../layers/layer-dir.js'
import { S_IFDIR, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { SearchContext } from './found.js'

/** The directory that holds the content at `path` (names from the layers' roots); null where none does, or -errno. */
export function findData(u: SearchContext, path: readonly string[]): LayerDir | number | null {
  for (const layer of u.dataLayers ?? []) {
    const found = findIn(u, layer.root, path)
    if (found !== null) return found
  }
  return null
}

function findIn(u: SearchContext, root: LayerDir, path: readonly string[]): LayerDir | number | null {
  let dir = root
  for (const [i, name] of path.entries()) {
    const fd = u.cache.fd(dir)
    if (fd < 0) return fd
    const isLast = i + 1 === path.length
    if (native.statat(fd, name) < 0) return null
    if ((native.stat[Stat.MODE]! & S_IFMT) !== (isLast ? S_IFREG : S_IFDIR)) return null
    if (!isLast) dir = new LayerDir(dir.layer, dir, name)
  }
  return dir
}
