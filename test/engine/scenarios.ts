/**
 * What the crash and fault tests put to the engine: one operation each, on a file or directory in each state it can be in
 * (lower, copied up, pure upper, under a whiteout, merged, opaque, one of several hard links). `prepare` brings the upper
 * into that state through the engine; `act` is the operation. See test/engine/layers.ts for what lies in the lowers.
 *
 * An operation is one act on disk wherever the system calls allow it, and then a crash leaves the tree as it was or as it
 * shall be. Where they do not, `passing` names the states in between that may be met, each with the reason.
 */
import { RENAME_EXCHANGE, RENAME_WHITEOUT, S_IFIFO, S_IFREG } from '../../src/syscalls/constants.js'
import type { UnionConfig } from '../../src/union/config.js'
import type { Session } from './session.js'

export interface Passing {
  readonly why: string
  /** Makes the state, on an engine of its own, after `prepare`. */
  readonly make: (s: Session) => void
}

export interface Scenario {
  readonly name: string
  readonly prepare?: (s: Session) => void
  readonly act: (s: Session) => number
  readonly config?: Partial<UnionConfig>
  /** mknod of a device 0:0 is refused, so whiteouts are written as `.wh.NAME`. */
  readonly aufs?: boolean
  readonly passing?: readonly Passing[]
  /** What a new mount counts anew, so that the engine that did it shows another link count. */
  readonly recounted?: string
}

/** A step of `prepare` that has to work. */
function must(...results: number[]): void {
  for (const result of results) if (result < 0) throw new Error(`preparation failed: errno ${-result}`)
}

const metacopy = { metacopy: true }

const copyUps: Scenario[] = [
  { name: 'write to a lower file', act: (s) => s.write('file', 'BOTTOM') },
  { name: 'write to a lower file without an open', act: (s) => s.writeUnopened('file', 'BOTTOM') },
  { name: 'write to a large sparse lower file', act: (s) => s.write('large', 'HEAD') },
  { name: 'write into a deep chain of lower directories', act: (s) => s.write('a/b/c/deep', 'DEEP') },
  { name: 'chmod of a lower file', act: (s) => s.setattr('file', { mode: 0o4701 }) },
  { name: 'chown of a lower setuid file with capabilities', act: (s) => s.setattr('setuid', { uid: 77, gid: 78 }) },
  { name: 'chgrp of a lower file', act: (s) => s.setattr('file', { gid: 78 }) },
  { name: 'times of a lower file', act: (s) => s.setattr('file', { mtime: 5, mtimeNs: 6, atime: 7, atimeNs: 8 }) },
  { name: 'setxattr on a lower file', act: (s) => s.setxattr('file', 'user.new', 'value') },
  { name: 'removexattr on a lower file', act: (s) => s.removexattr('file', 'user.kept') },
  { name: 'fallocate in a lower file', act: (s) => s.fallocate('file', 0, 0, 100) },
  { name: 'chmod of a lower directory', act: (s) => s.setattr('a/b/c', { mode: 0o705 }) },
  { name: 'chmod of a lower directory with a default ACL', act: (s) => s.setattr('shared', { mode: 0o2770 }) },
  { name: 'chown of a lower symlink', act: (s) => s.setattr('symlink', { uid: 77, gid: 78 }) },
  { name: 'chmod of a lower fifo', act: (s) => s.setattr('fifo', { mode: 0o660 }) },
  { name: 'chown of a lower device', act: (s) => s.setattr('null', { uid: 77 }) },
  { name: 'chmod of the root', act: (s) => s.setattr('', { mode: 0o750 }) },
]

/** Copying the content up cuts it to what is left; the truncation that follows sets the time. */
const cut = (size: number): Passing => ({
  why: 'the shortened file comes up in one act with the old times, the time of the truncation follows',
  make: (s) => {
    s.at('large', (id) => s.ops.getattr(id))
    const { mtime, mtimeNs } = s.ops.attr
    must(s.setattr('large', { size }), s.setattr('large', { mtime, mtimeNs }))
  },
})

const truncations: Scenario[] = [
  { name: 'truncate a lower file', act: (s) => s.setattr('large', { size: 20000 }), passing: [cut(20000)] },
  { name: 'truncate a lower file to nothing', act: (s) => s.setattr('large', { size: 0 }), passing: [cut(0)] },
  { name: 'extend a lower file', act: (s) => s.setattr('large', { size: 200000 }) },
  { name: 'open a lower file with O_TRUNC', act: (s) => s.openTruncated('large'), passing: [cut(0)] },
  {
    name: 'truncate, chown, chmod and touch in one request',
    act: (s) => s.setattr('file', { size: 3, uid: 77, mode: 0o604, mtime: 5, mtimeNs: 6 }),
    passing: [
      {
        why: 'a request of several fields is several system calls: the size comes first',
        make: (s) => {
          s.at('file', (id) => s.ops.getattr(id))
          const { mtime, mtimeNs } = s.ops.attr
          must(s.setattr('file', { size: 3 }), s.setattr('file', { mtime, mtimeNs }))
        },
      },
      { why: 'then its time', make: (s) => must(s.setattr('file', { size: 3 })) },
      { why: 'then the owner', make: (s) => must(s.setattr('file', { size: 3 }), s.setattr('file', { uid: 77 })) },
      {
        why: 'then the mode',
        make: (s) => must(s.setattr('file', { size: 3 }), s.setattr('file', { uid: 77, mode: 0o604 })),
      },
    ],
  },
]

const contentTime: Passing = {
  why: 'content that follows a metacopy is written in place: the time moves with it, the write that asked for it follows',
  make: (s) => must(s.setattr('large', { mtimeNow: true })),
}
const metacopied = (s: Session): void => must(s.setattr('large', { mode: 0o4711 }))

const metacopies: Scenario[] = [
  { name: 'chmod with metacopy', config: metacopy, act: (s) => s.setattr('large', { mode: 0o611 }) },
  { name: 'setxattr with metacopy', config: metacopy, act: (s) => s.setxattr('large', 'user.new', 'value') },
  {
    name: 'write to a metacopy',
    config: metacopy,
    prepare: metacopied,
    act: (s) => s.write('large', 'HEAD'),
    passing: [contentTime],
  },
  {
    name: 'truncate a metacopy',
    config: metacopy,
    prepare: metacopied,
    act: (s) => s.setattr('large', { size: 20000 }),
    passing: [contentTime, cut(20000)],
  },
  {
    name: 'open a metacopy with O_TRUNC',
    config: metacopy,
    prepare: metacopied,
    act: (s) => s.openTruncated('large'),
    passing: [contentTime, cut(0)],
  },
  {
    name: 'rename a metacopy into another directory',
    config: metacopy,
    prepare: metacopied,
    act: (s) => s.rename('large', 'bare/large'),
  },
  { name: 'rename a lower file with metacopy', config: metacopy, act: (s) => s.rename('large', 'bare/large') },
  { name: 'link to a metacopy', config: metacopy, prepare: metacopied, act: (s) => s.link('large', 'bare/large') },
]

const hideGoner = (s: Session): void => must(s.unlink('goner'))
const hideShared = (s: Session): void => must(s.unlink('shared/gone'))
const opaque = (s: Session): void =>
  must(s.unlink('hidden/old'), s.rmdir('hidden'), s.mkdir('hidden'), s.createOld('hidden/mine', 'mine'))

const creations: Scenario[] = [
  { name: 'create a file', act: (s) => s.create('dir/new') },
  { name: 'create in a deep chain of lower directories', act: (s) => s.create('a/b/c/new') },
  { name: 'create over a whiteout', prepare: hideGoner, act: (s) => s.create('goner') },
  { name: 'create in a SGID directory with a default ACL', act: (s) => s.create('shared/new') },
  { name: 'create over a whiteout there', prepare: hideShared, act: (s) => s.create('shared/gone') },
  { name: 'create in an opaque directory', prepare: opaque, act: (s) => s.create('hidden/old') },
  { name: 'create over what a lower whiteout hides', act: (s) => s.create('shadow') },
  { name: 'mknod over a whiteout', prepare: hideGoner, act: (s) => s.mknod('goner', S_IFIFO | 0o666) },
  { name: 'mknod of a regular file', act: (s) => s.mknod('dir/new', S_IFREG | 0o666) },
  { name: 'symlink', act: (s) => s.symlink('to\xfe', 'dir/new') },
  { name: 'symlink over a whiteout', prepare: hideGoner, act: (s) => s.symlink('to', 'goner') },
  { name: 'mkdir', act: (s) => s.mkdir('dir/new') },
  { name: 'mkdir in a SGID directory with a default ACL', act: (s) => s.mkdir('shared/new') },
  { name: 'mkdir over the whiteout of a file', prepare: hideGoner, act: (s) => s.mkdir('goner') },
  { name: 'mkdir over a whiteout in a SGID directory', prepare: hideShared, act: (s) => s.mkdir('shared/gone') },
  {
    name: 'mkdir over the whiteout of a directory with files',
    prepare: (s) => must(s.unlink('hidden/old'), s.rmdir('hidden')),
    act: (s) => s.mkdir('hidden'),
  },
  { name: 'mkdir over what a lower whiteout hides', act: (s) => s.mkdir('shadow') },
]

const links: Scenario[] = [
  { name: 'link to a lower file', act: (s) => s.link('file', 'dir/new') },
  { name: 'link to a lower file over a whiteout', prepare: hideGoner, act: (s) => s.link('file', 'goner') },
  {
    name: 'link to a pure upper file',
    prepare: (s) => must(s.createOld('mine', 'mine')),
    act: (s) => s.link('mine', 'a/b/new'),
  },
  { name: 'link to a lower symlink', act: (s) => s.link('symlink', 'dir/new') },
  { name: 'link to one of several lower hard links', act: (s) => s.link('links/one', 'dir/new') },
]

const copiedLinks = (s: Session): void => must(s.setattr('links/one', { mode: 0o640 }))

const recounted = 'nothing of the group is in the upper, so nothing there can note that a name is hidden'

const hardLinks: Scenario[] = [
  { name: 'write to one of several lower hard links', act: (s) => s.write('links/one', 'HARD') },
  { name: 'chmod of one of several lower hard links', act: (s) => s.setattr('dir/three', { mode: 0o600 }) },
  { name: 'write to a copied-up hard link', prepare: copiedLinks, act: (s) => s.write('links/two', 'HARD') },
  { name: 'unlink one of several lower hard links', act: (s) => s.unlink('links/one'), recounted },
  { name: 'unlink the copied-up one of several hard links', prepare: copiedLinks, act: (s) => s.unlink('links/one') },
  { name: 'unlink another of them', prepare: copiedLinks, act: (s) => s.unlink('links/two') },
  {
    name: 'unlink the last of them',
    prepare: (s) => must(s.setattr('links/one', { mode: 0o640 }), s.unlink('links/two'), s.unlink('dir/three')),
    act: (s) => s.unlink('links/one'),
  },
  { name: 'rename one of several lower hard links', act: (s) => s.rename('links/one', 'dir/one') },
  { name: 'rename another of them', prepare: copiedLinks, act: (s) => s.rename('links/two', 'links/four') },
  { name: 'rename over one of several lower hard links', act: (s) => s.rename('file', 'links/two'), recounted },
  { name: 'rename over another of them', prepare: copiedLinks, act: (s) => s.rename('file', 'links/two') },
  { name: 'rename over a copied-up one', prepare: copiedLinks, act: (s) => s.rename('file', 'links/one') },
]

const removals: Scenario[] = [
  { name: 'unlink a lower file', act: (s) => s.unlink('goner') },
  { name: 'unlink a deep lower file', act: (s) => s.unlink('a/b/c/deep') },
  {
    name: 'unlink a copied-up file',
    prepare: (s) => must(s.setattr('goner', { mode: 0o600 })),
    act: (s) => s.unlink('goner'),
  },
  { name: 'unlink a pure upper file', prepare: (s) => must(s.createOld('mine', 'm')), act: (s) => s.unlink('mine') },
  { name: 'unlink a file in an opaque directory', prepare: opaque, act: (s) => s.unlink('hidden/mine') },
  {
    name: 'unlink an upper file over a whiteout in a lower layer',
    prepare: (s) => must(s.createOld('shadow', 'mine')),
    act: (s) => s.unlink('shadow'),
  },
  { name: 'rmdir of a lower directory', act: (s) => s.rmdir('bare') },
  {
    name: 'rmdir of a merge directory with whiteouts in it',
    prepare: (s) => must(s.unlink('hollow/one'), s.unlink('hollow/two')),
    act: (s) => s.rmdir('hollow'),
  },
  {
    name: 'rmdir of a copied-up empty directory',
    prepare: (s) => must(s.setattr('bare', { mode: 0o711 })),
    act: (s) => s.rmdir('bare'),
  },
  { name: 'rmdir of a pure upper directory', prepare: (s) => must(s.mkdir('mine')), act: (s) => s.rmdir('mine') },
  {
    name: 'rmdir of a renamed directory with whiteouts in it',
    prepare: (s) => must(s.rename('hollow', 'moved'), s.unlink('moved/one'), s.unlink('moved/two')),
    act: (s) => s.rmdir('moved'),
  },
  {
    name: 'rmdir of an opaque directory',
    prepare: (s) => must(s.unlink('hidden/old'), s.rmdir('hidden'), s.mkdir('hidden')),
    act: (s) => s.rmdir('hidden'),
  },
]

const createMine = (s: Session): void => must(s.createOld('mine', 'mine'))

const renames: Scenario[] = [
  { name: 'rename a lower file', act: (s) => s.rename('file', 'renamed') },
  { name: 'rename a lower file into another lower directory', act: (s) => s.rename('dir/x', 'a/b/c/x') },
  { name: 'rename a lower file over a lower file', act: (s) => s.rename('file', 'other') },
  { name: 'rename a lower file over a whiteout', prepare: hideGoner, act: (s) => s.rename('file', 'goner') },
  { name: 'rename a lower file over a lower whiteout', act: (s) => s.rename('file', 'shadow') },
  { name: 'rename an upper file', prepare: createMine, act: (s) => s.rename('mine', 'dir/mine') },
  { name: 'rename an upper file over a lower file', prepare: createMine, act: (s) => s.rename('mine', 'other') },
  {
    name: 'rename an upper file over an upper file',
    prepare: (s) => must(s.createOld('mine', 'mine'), s.createOld('yours', 'yours')),
    act: (s) => s.rename('mine', 'yours'),
  },
  {
    name: 'rename an upper file over a whiteout',
    prepare: (s) => must(s.createOld('mine', 'mine'), s.unlink('goner')),
    act: (s) => s.rename('mine', 'goner'),
  },
  {
    name: 'rename a copied-up file over a copied-up file',
    prepare: (s) => must(s.setattr('file', { mode: 0o600 }), s.setattr('other', { mode: 0o600 })),
    act: (s) => s.rename('file', 'other'),
  },
  {
    name: 'rename an upper file that covers a lower one',
    prepare: (s) => must(s.unlink('goner'), s.createOld('goner', 'mine')),
    act: (s) => s.rename('goner', 'renamed'),
  },
  { name: 'rename a lower symlink', act: (s) => s.rename('symlink', 'dir/symlink') },
  {
    name: 'rename and leave a whiteout',
    prepare: createMine,
    act: (s) => s.rename('mine', 'dir/mine', RENAME_WHITEOUT),
  },
]

const directoryRenames: Scenario[] = [
  { name: 'rename a lower directory in its parent', act: (s) => s.rename('a', 'moved') },
  { name: 'rename a merge directory into another', act: (s) => s.rename('merge', 'dir/sub/merge') },
  { name: 'rename a deep lower directory', act: (s) => s.rename('a/b/c', 'dir/c') },
  {
    name: 'rename a renamed directory again',
    prepare: (s) => must(s.rename('a', 'moved')),
    act: (s) => s.rename('moved', 'dir/again'),
  },
  {
    name: 'rename a directory in a renamed one',
    prepare: (s) => must(s.rename('a', 'moved')),
    act: (s) => s.rename('moved/b', 'b'),
  },
  {
    name: 'rename a directory over an empty one that holds whiteouts',
    prepare: (s) => must(s.unlink('hollow/one'), s.unlink('hollow/two')),
    act: (s) => s.rename('a', 'hollow'),
  },
  { name: 'rename a directory over an empty lower one', act: (s) => s.rename('a', 'bare') },
  { name: 'rename a directory over a whiteout', prepare: hideGoner, act: (s) => s.rename('a', 'goner') },
  {
    name: 'rename a pure upper directory over a whiteout',
    prepare: (s) => must(s.mkdir('mine'), s.createOld('mine/file', 'mine'), s.unlink('hidden/old'), s.rmdir('hidden')),
    act: (s) => s.rename('mine', 'hidden'),
  },
  {
    name: 'rename a pure upper directory into a lower one',
    prepare: (s) => must(s.mkdir('mine'), s.createOld('mine/file', 'mine')),
    act: (s) => s.rename('mine', 'dir/mine'),
  },
  { name: 'rename an opaque directory', prepare: opaque, act: (s) => s.rename('hidden', 'dir/seen') },
]

const exchanges: Scenario[] = [
  { name: 'exchange two lower files', act: (s) => s.rename('file', 'dir/x', RENAME_EXCHANGE) },
  { name: 'exchange two lower directories', act: (s) => s.rename('a', 'dir', RENAME_EXCHANGE) },
  { name: 'exchange a lower directory and a lower file', act: (s) => s.rename('a', 'dir/x', RENAME_EXCHANGE) },
  {
    name: 'exchange a pure upper directory and a merge directory',
    prepare: (s) => must(s.mkdir('mine'), s.createOld('mine/file', 'mine')),
    act: (s) => s.rename('mine', 'merge', RENAME_EXCHANGE),
  },
]

const plain: Scenario[] = [
  ...copyUps,
  ...truncations,
  ...metacopies,
  ...creations,
  ...links,
  ...hardLinks,
  ...removals,
  ...renames,
  ...directoryRenames,
  ...exchanges,
]

/** The same with `.wh.NAME`, where whiteouts matter. */
const dotted = [...creations, ...links, ...hardLinks, ...removals, ...renames, ...directoryRenames, ...exchanges]
  .filter((scenario) => !scenario.name.includes('leave a whiteout'))
  .map((scenario) => ({ ...scenario, name: `${scenario.name} [.wh.]`, aufs: true }))

export const scenarios: readonly Scenario[] = [...plain, ...dotted]

export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no scenario ${name}`)
  return found
}
