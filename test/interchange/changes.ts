/**
 * Changes that leave each kind of mark on disk: whiteouts, opaque directories, redirects, metacopy, hard links, xattrs,
 * special files. One table, put through every pair of filesystems.
 */
import type { MountOptions } from '../conformance/case.js'
import { S } from '../conformance/numbers.js'
import type { Probe } from '../conformance/probe.js'
import { dir, fifo, file, hardlink, symlink, type Tree, whiteout } from '../conformance/tree.js'
import type { Side } from './exchange.js'

export interface Change {
  readonly name: string
  readonly options?: MountOptions
  /** Sides that cannot read what it leaves, and why. */
  readonly unread?: Partial<Record<Side, string>>
  act(fs: Probe): void
}

/** The layers every change starts from, top first. */
export const lowers: readonly Tree[] = [
  {
    etc: dir({ mode: 0o750, xattrs: { 'user.note': 'top' } }),
    'etc/passwd': file('root', { mode: 0o640, uid: 3, gid: 4, xattrs: { 'user.a': '\0\xff' } }),
    'etc/gone': whiteout(),
    'bin/tool': file('#!/bin/sh\n', { mode: 0o4755 }),
    'bin/alias': hardlink('bin/tool'),
    'run/pipe': fifo({ mode: 0o620 }),
    link: symlink('etc/passwd'),
  },
  {
    'etc/gone': file('hidden'),
    'etc/hosts': file('127.0.0.1', { mtime: 1_234_567_890_987_654_321n }),
    'usr/lib/a/b/deep': file('deep'),
    'usr/lib/a/c': file('c'),
    'var/log/old': file('log'),
    'var/empty': dir({ mode: 0o1777 }),
    'b\xff\x80': file('bytes'),
    'opt/one': file('pair'),
    'srv/two': hardlink('opt/one'),
  },
]

export const changes: readonly Change[] = [
  {
    name: 'whiteouts of files, links and directories',
    act(fs) {
      fs.unlink('etc/hosts')
      fs.unlink('link')
      fs.removetree('var/log')
      fs.rmdir('var/empty')
      fs.unlink('b\xff\x80')
    },
  },
  {
    name: 'opaque directories: removed and made anew',
    act(fs) {
      fs.removetree('usr')
      fs.mkdir('usr')
      fs.mkdir('usr/lib')
      fs.write('usr/lib/new', 'new')
      fs.unlink('etc/passwd')
      fs.mkdir('etc/passwd')
    },
  },
  {
    name: 'copy-up by write, chmod, chown, utimes and xattr',
    act(fs) {
      fs.append('etc/passwd', ':x')
      fs.chmod('usr/lib/a/b/deep', 0o2711)
      fs.chown('etc/hosts', 11, 12)
      fs.utimes('usr/lib/a', 'omit', 77_000_000_077n)
      fs.setxattr('var/log/old', 'user.k', 'v')
      fs.setxattr('var/log', 'trusted.overlay.nested', 'n')
    },
  },
  {
    name: 'redirects of directories',
    unread: { 'fuse-overlayfs': 'fuse-overlayfs follows no redirects' },
    act(fs) {
      fs.rename('usr/lib/a', 'usr/lib/z')
      fs.rename('usr/lib/z/b', 'moved')
      fs.rename('etc', 'var/etc')
      fs.unlink('var/etc/hosts')
      fs.mkdir('etc')
      fs.write('etc/only', '')
    },
  },
  {
    name: 'a directory renamed with one name of a lower pair in it',
    unread: { 'fuse-overlayfs': 'fuse-overlayfs follows no redirects' },
    act(fs) {
      fs.rename('opt', 'moved')
    },
  },
  {
    name: 'metacopy of files, one renamed',
    options: { metacopy: 'on' },
    unread: { 'fuse-overlayfs': 'fuse-overlayfs has no metacopy' },
    act(fs) {
      fs.chmod('etc/hosts', 0o600)
      fs.chown('usr/lib/a/c', 5, 6)
      fs.rename('usr/lib/a/c', 'c')
    },
  },
  {
    name: 'hard links of a lower pair and new ones',
    unread: { 'fuse-overlayfs': 'fuse-overlayfs splits the hard links of a lower pair' },
    act(fs) {
      fs.append('bin/tool', 'exit 0\n')
      fs.link('bin/alias', 'third')
      fs.link('etc/hosts', 'hosts')
      fs.append('hosts', ' localhost')
      fs.write('n', '')
      fs.link('n', 'etc/n')
    },
  },
  {
    name: 'hard links losing names',
    unread: { 'fuse-overlayfs': 'fuse-overlayfs splits the hard links of a lower pair' },
    act(fs) {
      fs.link('bin/tool', 'third')
      fs.unlink('bin/tool')
      fs.append('third', 'exit 1\n')
      fs.rename('bin/alias', 'alias')
    },
  },
  {
    name: 'files renamed over others and over whiteouts',
    act(fs) {
      fs.rename('etc/hosts', 'etc/passwd')
      fs.unlink('var/log/old')
      fs.rename('usr/lib/a/c', 'var/log/old')
      fs.rename('link', 'b\xff\x80')
    },
  },
  {
    name: 'a lower FIFO copied up and renamed',
    unread: { 'fuse-overlayfs': 'fuse-overlayfs 1.10 hangs on it: it opens the FIFO' },
    act(fs) {
      fs.chmod('run/pipe', 0o600)
      fs.rename('run/pipe', 'pipe')
    },
  },
  {
    name: 'new files of every type',
    act(fs) {
      fs.mknod('null', S.IFCHR | 0o666, 1, 3)
      fs.mknod('fifo', S.IFIFO | 0o644)
      fs.mknod('socket', S.IFSOCK | 0o600)
      fs.symlink('\xff/target', 'l')
      fs.mkdir('d', 0o2775)
      fs.write('d/f', 'x'.repeat(5000), 0o600)
      fs.write('n'.repeat(255), 'long name')
    },
  },
]
