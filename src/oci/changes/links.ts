/**
 * Names that an upper changes without holding them. When one name of a lower hard-link group is written to, all of them
 * mean the new inode, which the workdir's index keeps under the group's origin; the other names exist in the lower
 * layers alone. A diff and a layer have to name them. And where a layer brings a lower inode anew, because its
 * directory was renamed, the inode's other names have to come along, or they would be another file. Nothing says where
 * such names are, so they are looked for: only when a link count says that some are missing, which is rare, and until
 * all are found.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { indexName } from '../../layers/file-handle.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import type { Marks } from '../../layers/marks.js'
import { originMark } from '../../layers/origin-mark.js'
import type { LayerStack } from '../../stack/layer-stack.js'
import type { Found, SearchedDirectory } from '../../stack/search.js'
import { DT_DIR, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { inodeKey } from '../../union/nodes/inode-numbers.js'
import { mergedNames, partsOf } from './names.js'
import { type Before, type ChangeNode, directoryOf, newNode, type Present, presentOf } from './tree.js'

/** How many names are missing: by an inode's key, or of groups with names outside the upper by name in the index. */
type Missing = Map<string, number>

/** Adds to `root` the names of lower hard-link groups whose inode is in the upper. Throws StratafsError. */
export function addHiddenLinks(stack: LayerStack, root: ChangeNode): void {
  if (stack.links === null) return
  const missing = missingLinks(stack, stack.links)
  if (missing.size > 0) new LinkSearch(stack, root, sum(missing), groupsIn(stack, stack.links, missing)).run()
}

/** Adds to `root` the other names of lower inodes that it brings anew. Throws StratafsError. */
export function addLeftLinks(stack: LayerStack, root: ChangeNode): void {
  const missing = leftBehind(stack, root)
  if (missing.size === 0) return
  new LinkSearch(stack, root, sum(missing), {
    takes: (_part, _name, known) => known?.present == null && missing.has(inodeKey(native.stat)),
    present: (found) => presentOf(stack, found),
  }).run()
}

/** Inodes in lower layers that have more names than stand in the tree: how many, by the inode's key. */
function leftBehind(stack: LayerStack, root: ChangeNode): Missing {
  const missing: Missing = new Map()
  const visit = ({ present, children }: ChangeNode): void => {
    if (present !== null && present.type !== S_IFDIR && !stack.holdsChanges(present.dir.layer)) {
      const links = present.stat[Stat.NLINK]!
      const key = inodeKey(present.stat)
      if (links > 1) missing.set(key, (missing.get(key) ?? links) - 1)
    }
    for (const child of children.values()) visit(child)
  }
  visit(root)
  for (const [key, count] of missing) if (count <= 0) missing.delete(key)
  return missing
}

function sum(missing: Missing): number {
  return [...missing.values()].reduce((all, count) => all + count, 0)
}

function missingLinks(stack: LayerStack, links: LayerDir): Missing {
  const missing: Missing = new Map()
  const entries = native.readDirectory(links.fd, '')
  if (typeof entries === 'number') throw new StratafsError(`the workdir’s index cannot be read: ${errnoWords(entries)}`)
  for (const name of entries.names) {
    if (native.statat(links.fd, name) < 0 || (native.stat[Stat.MODE]! & S_IFMT) === S_IFDIR) continue
    const marks = stack.marks.read(links.fd, name)
    const count = typeof marks === 'number' ? 0 : missingOf(marks)
    if (count > 0) missing.set(name, count)
  }
  return missing
}

/**
 * The upper inode has a link for each name in the upper and one in the index; `U+N` says how many names there are
 * beyond its links.
 */
function missingOf(marks: Marks): number {
  const match = /^([UL])([+-]\d+)$/.exec(marks.nlink ?? '')
  if (match === null) return 0
  return match[1] === 'U' ? Number(match[2]) + 1 : Number.POSITIVE_INFINITY
}

/** Which names are looked for among those that a lower layer shows, and what each is. */
interface Claim {
  /** `part`: the directory that has it; its record is in `native.stat`. `known`: what the tree has of it. */
  takes(part: LayerDir, name: string, known: ChangeNode | undefined): boolean
  /** `found`: what was just found under the name that was taken. */
  present(found: Found): Present
}

/** Takes the names of `missing` groups: each means the inode that the index holds. */
function groupsIn(stack: LayerStack, links: LayerDir, missing: Missing): Claim {
  let group = ''
  return {
    takes: (part, name) => {
      const mark = originMark(stack.fd(part), name, part)
      group = mark === null ? '' : indexName(mark)
      return missing.has(group)
    },
    present: (found) => {
      native.statat(links.fd, group)
      stack.topStat.set(native.stat)
      stack.showOwner(links, group)
      const marks = stack.marks.read(links.fd, group)
      const isMetacopy = typeof marks !== 'number' && marks.metacopy
      return {
        type: stack.topStat[Stat.MODE]! & S_IFMT,
        stat: stack.topStat.slice(),
        dir: links,
        name: group,
        data: isMetacopy ? (found.contentDir ?? found.inodeDir!) : null,
        dataName: !isMetacopy ? '' : found.contentDir === null ? found.inodeName : found.contentName,
        redirect: null,
      }
    },
  }
}

class LinkSearch {
  /** `left`: how many names there can be. */
  constructor(
    readonly stack: LayerStack,
    readonly root: ChangeNode,
    private left: number,
    readonly claim: Claim,
  ) {}

  run(): void {
    this.#visit(this.stack.root(), [])
  }

  /** Looks through the merged directory at `path`. */
  #visit(dir: SearchedDirectory, path: readonly string[]): void {
    const parts = partsOf(dir)
    for (const [name, { part, type }] of mergedNames(this.stack, dir)) {
      if (this.left <= 0) return
      if (type === DT_DIR) {
        const found = this.stack.search(dir, name, part)
        if (found.type === S_IFDIR) this.#visit(directoryOf(found), [...path, name])
      } else if (!parts[part]!.layer.isUpper) this.#look(dir, parts[part]!, path, name)
    }
  }

  #look(dir: SearchedDirectory, part: LayerDir, path: readonly string[], name: string): void {
    const fd = this.stack.fd(part)
    if (native.statat(fd, name) < 0 || native.stat[Stat.NLINK]! < 2) return
    if (!this.claim.takes(part, name, this.#known(path)?.children.get(name))) return
    this.left--
    const found = this.stack.search(dir, name)
    const before: Before = {
      type: found.type,
      layer: part.layer,
      stat: this.stack.topStat.slice(),
      dir: found.inodeDir!,
      name: found.inodeName,
    }
    const present = this.claim.present(found)
    const parent = this.#parentNode(path)
    const known = parent.children.get(name)
    parent.children.set(name, newNode(name, present, known?.present === undefined ? before : known.before))
  }

  /** The node of the directory at `path`, where the tree has it. */
  #known(path: readonly string[]): ChangeNode | undefined {
    let node: ChangeNode | undefined = this.root
    for (const name of path) node = node?.children.get(name)
    return node
  }

  /** The node of the directory at `path`; those that are missing are what they were. */
  #parentNode(path: readonly string[]): ChangeNode {
    let node = this.root
    let dir = this.stack.root()
    for (const name of path) {
      const found = this.stack.search(dir, name)
      let child = node.children.get(name)
      if (child === undefined) {
        const present = presentOf(this.stack, found)
        child = newNode(name, present, { ...present, layer: present.dir.layer })
        node.children.set(name, child)
      }
      dir = directoryOf(found)
      node = child
    }
    return node
  }
}
