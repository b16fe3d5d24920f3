/**
 * Names that come and go: creation, links, hard links of a lower layer, removal.
 */
import { S_IFIFO, S_IFREG } from '../../../src/syscalls/constants.js'
import type { Session } from '../session.js'
import { hideGoner, hideShared, must, opaque, type Scenario } from './scenario.js'

export const creations: Scenario[] = [
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

export const links: Scenario[] = [
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

export const hardLinks: Scenario[] = [
  { name: 'write to one of several lower hard links', act: (s) => s.write('links/one', 'HARD') },
  { name: 'chmod of one of several lower hard links', act: (s) => s.setattr('dir/three', { mode: 0o600 }) },
  { name: 'write to a copied-up hard link', prepare: copiedLinks, act: (s) => s.write('links/two', 'HARD') },
  { name: 'unlink one of several lower hard links', act: (s) => s.unlink('links/one') },
  { name: 'unlink the copied-up one of several hard links', prepare: copiedLinks, act: (s) => s.unlink('links/one') },
  { name: 'unlink another of them', prepare: copiedLinks, act: (s) => s.unlink('links/two') },
  {
    name: 'unlink the last of them',
    prepare: (s) => must(s.setattr('links/one', { mode: 0o640 }), s.unlink('links/two'), s.unlink('dir/three')),
    act: (s) => s.unlink('links/one'),
  },
  { name: 'rename one of several lower hard links', act: (s) => s.rename('links/one', 'dir/one') },
  { name: 'rename another of them', prepare: copiedLinks, act: (s) => s.rename('links/two', 'links/four') },
  { name: 'rename over one of several lower hard links', act: (s) => s.rename('file', 'links/two') },
  { name: 'rename over another of them', prepare: copiedLinks, act: (s) => s.rename('file', 'links/two') },
  { name: 'rename over a copied-up one', prepare: copiedLinks, act: (s) => s.rename('file', 'links/one') },
]

export const removals: Scenario[] = [
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
