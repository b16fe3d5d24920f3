/**
 * Redirects: when a directory with lower parts is renamed, a mark on its upper says where those parts are. It is a bare
 * name within the same parent, else a path from the root of the layers below. As ovl_set_redirect() and
 * ovl_get_redirect().
 */
import { Errno } from '../../base/errno.js'
import { latin1 } from '../../layers/marks.js'
import { locate, type Union } from '../context/union.js'
import { copyUp } from '../copy-up/copy-up.js'
import type { Node } from '../nodes/node.js'
import { markOpaque } from './opaque.js'

const LONGEST = 256

/**
 * Where `node`'s lower parts are, in the words of the layers below: names, with those of redirected parents replaced.
 * `own`: the redirect that it has itself.
 */
export function redirectPath(node: Node, own = node.dir?.redirect ?? null): string | null {
  let path = ''
  for (let at: Node | null = node; at !== null && at.parent !== null; at = at.parent) {
    const name: string = (at === node ? own : at.dir?.redirect) ?? at.name
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
  const fd = locate(u, node)
  if (fd < 0 || u.marks.set(fd, u.locatedName, 'redirect', redirect) < 0) return -Errno.EXDEV
  u.limit?.marked(fd, u.locatedName)
  dir.redirect = redirect
  return 0
}

/**
 * Before a metacopy gets or changes a name: its content is still found, by a redirect in the words of the layers below,
 * or, where that cannot be, by bringing it along. A redirect it has already says it for every name.
 */
export function keepMetacopyReachable(u: Union, node: Node): number {
  if (node.contentDir === null) return 0
  const fd = locate(u, node)
  if (fd < 0) return fd
  const name = u.locatedName
  const mark = u.marks.get(fd, name, 'redirect')
  const known = typeof mark === 'number' ? null : latin1(mark)
  if (known?.startsWith('/')) return 0
  const path = u.redirects ? redirectPath(node, known) : null
  if (path === null || u.marks.set(fd, name, 'redirect', path) < 0) return copyUp(u, node)
  u.limit?.marked(fd, name)
  return 0
}

/** Nothing below shows through `node`, an upper directory, from now on. */
export function setOpaque(u: Union, node: Node): number {
  const fd = locate(u, node)
  if (fd < 0) return fd
  const swept = u.whiteouts.removeMarked(node.dir!.upper!)
  const errno = swept < 0 ? swept : markOpaque(u, fd, '')
  if (errno >= 0) node.dir!.upper!.xattrWhiteouts = false
  u.limit?.marked(fd, '')
  return errno
}
