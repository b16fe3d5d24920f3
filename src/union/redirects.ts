/**
 * Redirects: when a directory with lower parts is renamed, its upper says where those parts are, as a bare name while it
 * stays in the same parent, else as a path from the root of the layers below. As ovl_set_redirect() and ovl_get_redirect().
 */
import { Errno } from '../base/errno.js'
import type { Node } from './node.js'
import { markOpaque } from './opaque.js'
import { placeOf, type Union } from './union.js'

const LONGEST = 256

/** Where `node`'s lower parts are, in the words of the layers below: names, with those of redirected parents replaced. */
export function redirectPath(node: Node): string | null {
  let path = ''
  for (let at: Node | null = node; at !== null && at.parent !== null; at = at.parent) {
    const name: string = at.dir?.redirect ?? at.name
    path = name.startsWith('/') ? name + path : `/${name}${path}`
    if (name.startsWith('/')) break
  }
  return path.length <= LONGEST ? path : null
}

/** Marks `node`, an upper directory about to be renamed; -EXDEV where it cannot be done. */
export function setRedirect(u: Union, node: Node, sameParent: boolean): number {
  const dir = node.dir!
  if (dir.redirect !== null && (sameParent || dir.redirect.startsWith('/'))) return 0
  const redirect = sameParent ? node.name : redirectPath(node)
  if (redirect === null) return -Errno.EXDEV
  const fd = placeOf(u, node)
  if (fd < 0 || u.marks.set(fd, u.placeName, 'redirect', redirect) < 0) return -Errno.EXDEV
  dir.redirect = redirect
  return 0
}

/** The same for a metacopy, whose content stays below. The path is where that content lies in its layer. */
export function setContentRedirect(u: Union, node: Node): number {
  const above = node.data!.path()
  const redirect = above === '' ? `/${node.dataName}` : `/${above}/${node.dataName}`
  const fd = placeOf(u, node)
  if (fd < 0 || redirect.length > LONGEST) return -Errno.EXDEV
  return u.marks.set(fd, u.placeName, 'redirect', redirect) < 0 ? -Errno.EXDEV : 0
}

/** Nothing below shows through `node`, an upper directory, from now on. */
export function setOpaque(u: Union, node: Node): number {
  const fd = placeOf(u, node)
  return fd < 0 ? fd : markOpaque(u, fd, u.placeName)
}
