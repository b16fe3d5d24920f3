/**
 * The upper that takes the place of a frozen one. It is complete before anybody sees it: a root like the last one's,
 * and the files that stay in the present, as further links, in directories like theirs.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { Layer, LayerDir } from '../../layers/layer-dir.js'
import { originMark } from '../../layers/origin-mark.js'
import { O_DIRECTORY, O_PATH, S_PERMISSIONS } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { markProtection } from '../context/protection.js'
import type { Union } from '../context/union.js'
import { setTimes } from '../copy-up/set-times.js'
import { copyXattrs } from '../copy-up/xattrs.js'
import type { Node } from '../nodes/node.js'
import type { WrittenFile } from './written-files.js'

export interface FreshUpper {
  readonly layer: Layer
  /** Of each directory that has one already, the new upper part. */
  readonly parts: ReadonlyMap<Node, LayerDir>
  /** What it is called in the workdir's `work/` while it is built. */
  readonly temporary: string
}

/** Builds one in the workdir. `id`: the snapshot that it will stand above. */
export function buildFreshUpper(u: Union, files: readonly WrittenFile[], id: number): FreshUpper | StratafsError {
  const { work, layer: last } = u.writable!
  const temporary = work.temporary()
  const made = native.mkdirat(work.fd, temporary, 0o700)
  const fd = made < 0 ? made : native.openat(work.fd, temporary, O_PATH | O_DIRECTORY, 0)
  if (fd < 0) return notMade(fd)
  const layer = new Layer(-1, last.path, fd, last.isPrivate)
  layer.override = last.override
  const builder = new Builder(u, layer)
  let errno = u.marks.set(fd, '', 'stratafs.snapshot', String(id))
  if (errno >= 0) errno = builder.build(files)
  if (errno >= 0) return { layer, parts: builder.parts, temporary }
  layer.close()
  work.discard(temporary)
  return notMade(errno)
}

function notMade(errno: number): StratafsError {
  return new StratafsError(`a new upper directory cannot be made: ${errnoWords(errno)}`)
}

class Builder {
  readonly parts = new Map<Node, LayerDir>()
  readonly #times: [LayerDir, Float64Array][] = []

  constructor(
    private readonly u: Union,
    private readonly layer: Layer,
  ) {}

  build(files: readonly WrittenFile[]): number {
    this.parts.set(this.u.root, this.layer.root)
    let errno = 0
    for (const file of files) if (errno >= 0) errno = this.#link(file)
    // Only now: what is made in a directory with a default ACL inherits it.
    for (const [node, part] of this.parts) if (errno >= 0) errno = this.#dress(node, part)
    for (const [dir, stat] of this.#times.reverse()) if (errno >= 0) errno = setTimes(this.#fd(dir), '', stat)
    return errno
  }

  #fd(dir: LayerDir): number {
    this.u.cache.beginOperation()
    return this.u.cache.fd(dir)
  }

  #link({ names }: WrittenFile): number {
    for (const { parent, dir, name } of names) {
      const part = this.#partOf(parent)
      if (typeof part === 'number') return part
      const to = this.#fd(part)
      const from = this.u.cache.fd(dir)
      const errno = to < 0 || from < 0 ? Math.min(to, from) : native.linkat(from, name, to, name)
      if (errno < 0) return errno
    }
    return 0
  }

  /** The directory `node` in the new upper, made where it is not yet there; or -errno. */
  #partOf(node: Node): LayerDir | number {
    const known = this.parts.get(node)
    if (known !== undefined) return known
    const above = this.#partOf(node.parent!)
    if (typeof above === 'number') return above
    const at = this.#fd(above)
    const errno = at < 0 ? at : native.mkdirat(at, node.name, 0o700)
    if (errno < 0) return errno
    const part = new LayerDir(this.layer, above, node.name)
    this.parts.set(node, part)
    return part
  }

  /** Owner, mode, attributes and marks of what the directory `node` is in the last upper, which is its origin now. */
  #dress(node: Node, part: LayerDir): number {
    const { u } = this
    const { upper, impure } = node.dir!
    const to = this.#fd(part)
    const from = to < 0 ? to : u.cache.fd(upper!)
    let errno = from < 0 ? from : native.statat(from, '')
    if (errno < 0) return errno
    const stat = native.stat.slice()
    errno = native.chownat(to, '', stat[Stat.UID]!, stat[Stat.GID]!)
    if (errno >= 0) errno = copyXattrs(u, from, '', to, '', false)
    const origin = originMark(from, '', upper!)
    if (errno >= 0 && origin !== null) errno = u.marks.set(to, '', 'origin', origin)
    if (errno >= 0) errno = u.marks.set(to, '', 'stratafs.ino', String(node.ino))
    if (errno >= 0 && impure) errno = u.marks.set(to, '', 'impure', 'y')
    if (errno >= 0 && node.protection !== 0) errno = markProtection(u, to, '', node.protection)
    if (errno >= 0) errno = native.chmodat(to, '', stat[Stat.MODE]! & S_PERMISSIONS)
    this.#times.push([part, stat])
    return errno
  }
}
