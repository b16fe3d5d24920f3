/**
 * Renames of files and of directories, and exchanges.
 */
import { RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../../src/syscalls/constants.js'
import { createMine, hideGoner, must, opaque, type Scenario } from './scenario.js'

export const renames: Scenario[] = [
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

export const directoryRenames: Scenario[] = [
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

export const exchanges: Scenario[] = [
  { name: 'exchange two lower files', act: (s) => s.rename('file', 'dir/x', RENAME_EXCHANGE) },
  { name: 'exchange two lower directories', act: (s) => s.rename('a', 'dir', RENAME_EXCHANGE) },
  { name: 'exchange a lower directory and a lower file', act: (s) => s.rename('a', 'dir/x', RENAME_EXCHANGE) },
  {
    name: 'exchange a pure upper directory and a merge directory',
    prepare: (s) => must(s.mkdir('mine'), s.createOld('mine/file', 'mine')),
    act: (s) => s.rename('mine', 'merge', RENAME_EXCHANGE),
  },
]
