/**
 * Copy-up by every kind of change, truncation, and metacopies.
 */
import type { Session } from '../session.js'
import { must, type Passing, type Scenario } from './scenario.js'

const metacopy = { metacopy: true }

export const copyUps: Scenario[] = [
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

export const truncations: Scenario[] = [
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

export const metacopies: Scenario[] = [
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
