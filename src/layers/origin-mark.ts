/** The origin mark of an inode in a layer: asked of its filesystem here, put together in file-handle. */
import { native } from '../syscalls/native.js'
import { encodeOrigin } from './file-handle.js'
import type { LayerDir } from './layer-dir.js'

/** The origin mark of a lower inode; null where its filesystem hands out no handles or tells no uuid. */
export function originMark(fd: number, name: string, dir: LayerDir): Uint8Array | null {
  return markOf(fd, name, dir, false)
}

/** The same of an inode in the upper, as the mark `upper` has it. */
export function upperMark(fd: number, name: string, dir: LayerDir): Uint8Array | null {
  return markOf(fd, name, dir, true)
}

function markOf(fd: number, name: string, dir: LayerDir, ofUpper: boolean): Uint8Array | null {
  const uuid = dir.layer.uuid
  if (uuid === null) return null
  const handle = native.nameToHandle(fd, name)
  if (typeof handle === 'number') return null
  return encodeOrigin({ type: handle.type, uuid, handle: handle.bytes }, ofUpper)
}
