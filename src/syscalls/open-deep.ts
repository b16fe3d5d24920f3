/** Opening what lies deeper than a path can say: openat2(2) takes 4,095 bytes at a time. */
import { O_DIRECTORY, O_PATH } from './constants.js'
import { native } from './native.js'

const LONGEST = 4095

/** A descriptor (O_PATH) of the directory at `path` below `fd`, through no symbolic link; or -errno. */
export function openDeep(fd: number, path: string): number {
  let at = -1
  for (const piece of pieces(path)) {
    const next = native.openBeneath(at < 0 ? fd : at, piece, O_PATH | O_DIRECTORY, 0)
    if (at >= 0) native.close(at)
    if (next < 0) return next
    at = next
  }
  return at
}

/** `path` cut at slashes. A single name that is too long stays so: the kernel says what is wrong with it. */
function* pieces(path: string): Generator<string> {
  let rest = path
  while (rest.length > LONGEST) {
    const before = rest.lastIndexOf('/', LONGEST)
    const cut = before > 0 ? before : rest.indexOf('/', LONGEST)
    if (cut < 0) break
    yield rest.slice(0, cut)
    rest = rest.slice(cut + 1)
  }
  yield rest
}
