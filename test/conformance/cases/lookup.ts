/** Top-down lookup: which layer answers for a name, what a whiteout, an opaque directory or another type ends. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { O } from '../numbers.js'
import { dir, file, opaque, PLANTED, symlink, type Tree, whiteout, xattrWhiteout } from '../tree.js'

const deep: Tree = Object.fromEntries([['a/b/c/d/e/f/g/h/leaf', file('deep')]])

const cases: Case[] = [
  {
    name: 'a lower file is seen with its content, mode and mtime',
    lowers: [{ f: file('content', { mode: 0o640 }) }],
    run({ fs }) {
      assert.equal(fs.read('f'), 'content')
      shows(fs.stat('f'), { type: 'file', mode: 0o640, size: 7, nlink: 1, mtime: PLANTED })
    },
  },
  {
    name: 'an absent name is ENOENT, also below a file ENOTDIR',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fails('ENOENT', () => fs.stat('absent'))
      fails('ENOENT', () => fs.open('absent'))
      fails('ENOENT', () => fs.stat('absent/below'))
      fails('ENOTDIR', () => fs.stat('f/below'))
      fails('ENOTDIR', () => fs.open('f', O.RDONLY | O.DIRECTORY))
    },
  },
  {
    name: 'the upper file wins over the lower one',
    lowers: [{ f: file('lower') }],
    upper: { f: file('upper', { mode: 0o600 }) },
    run({ fs }) {
      assert.equal(fs.read('f'), 'upper')
      shows(fs.stat('f'), { mode: 0o600, size: 5 })
    },
  },
  {
    name: 'of three lower layers the topmost that has the name answers',
    lowers: [{ a: file('0') }, { a: file('1'), b: file('1') }, { a: file('2'), b: file('2'), c: file('2') }],
    run({ fs }) {
      assert.deepEqual(
        ['a', 'b', 'c'].map((name) => fs.read(name)),
        ['0', '1', '2'],
      )
    },
  },
  {
    name: 'directories of all layers merge; the topmost gives owner, mode and mtime',
    lowers: [
      { d: dir({ mode: 0o700, mtime: 5_000_000_001n }), 'd/a': file('a') },
      { d: dir({ mode: 0o777, mtime: 7_000_000_001n }), 'd/b': file('b') },
    ],
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['a', 'b'])
      shows(fs.stat('d'), { type: 'dir', mode: 0o700, mtime: 5_000_000_001n })
    },
  },
  {
    name: 'a file over a directory hides the directory',
    lowers: [{ x: file('file') }, { 'x/inside': file('hidden') }],
    run({ fs }) {
      assert.equal(fs.read('x'), 'file')
      fails('ENOTDIR', () => fs.stat('x/inside'))
    },
  },
  {
    name: 'a directory over a file hides the file',
    lowers: [{ x: dir() }, { x: file('hidden') }],
    run({ fs }) {
      shows(fs.stat('x'), { type: 'dir' })
      assert.deepEqual(fs.names('x'), [])
    },
  },
  {
    name: 'a file between two directories ends the merge',
    lowers: [{ 'x/top': file('1') }, { x: file('wall') }, { 'x/bottom': file('2') }],
    run({ fs }) {
      assert.deepEqual(fs.names('x'), ['top'])
      fails('ENOENT', () => fs.stat('x/bottom'))
    },
  },
  {
    name: 'a symlink to a directory hides the directory below it and leads to its target',
    lowers: [{ x: symlink('y'), 'y/in-y': file('y') }, { 'x/in-x': file('x') }],
    run({ fs }) {
      assert.equal(fs.readlink('x'), 'y')
      assert.deepEqual(fs.names('x/'), ['in-y'])
    },
  },
  {
    name: 'a whiteout device in the upper hides the lower file',
    lowers: [{ f: file('x'), g: file('y') }],
    upper: { f: whiteout() },
    run({ fs }) {
      fails('ENOENT', () => fs.stat('f'))
      assert.deepEqual(fs.names('.'), ['g'])
    },
  },
  {
    name: 'a whiteout in a middle layer hides what is below, not what is above',
    lowers: [{ 'd/top': file('1') }, { d: whiteout() }, { 'd/bottom': file('2') }],
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['top'])
      fails('ENOENT', () => fs.stat('d/bottom'))
    },
  },
  {
    name: 'a whiteout in a lower layer with nothing below it is absent',
    lowers: [{ w: whiteout(), f: file('f') }, {}],
    run({ fs }) {
      fails('ENOENT', () => fs.stat('w'))
      assert.deepEqual(fs.names('.'), ['f'])
    },
  },
  {
    name: 'a whiteout xattr on an empty file hides, in a directory marked opaque=x',
    lowers: [
      { d: dir({ xattrs: { 'overlay.opaque': 'x' } }), 'd/f': xattrWhiteout(), 'd/g': file('g') },
      { 'd/f': file('f') },
    ],
    run({ fs }) {
      fails('ENOENT', () => fs.stat('d/f'))
      assert.deepEqual(fs.names('d'), ['g'])
    },
  },
  {
    name: 'an opaque upper directory shows only itself',
    lowers: [{ 'd/lower': file('l') }],
    upper: { d: opaque(), 'd/upper': file('u') },
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['upper'])
      fails('ENOENT', () => fs.stat('d/lower'))
    },
  },
  {
    name: 'an opaque middle directory cuts off what is below it',
    lowers: [{ 'd/0': file('0') }, { d: opaque(), 'd/1': file('1') }, { 'd/2': file('2') }],
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['0', '1'])
      fails('ENOENT', () => fs.stat('d/2'))
    },
  },
  {
    name: 'what lies below an opaque directory stays hidden in its subdirectories too',
    lowers: [{ d: opaque(), 'd/s/new': file('n') }, { 'd/s/old': file('o') }],
    run({ fs }) {
      assert.deepEqual(fs.names('d/s'), ['new'])
      fails('ENOENT', () => fs.stat('d/s/old'))
    },
  },
  {
    name: 'an opaque mark with a value that is not y or x means nothing',
    lowers: [{ d: dir({ xattrs: { 'overlay.opaque': 'n' } }) }, { 'd/f': file('f') }],
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['f'])
    },
  },
  {
    name: '.wh.NAME in a layer hides NAME below and is not shown',
    needs: ['docker-marks'],
    lowers: [{ 'd/.wh.gone': file(''), 'd/stays': file('s') }, { 'd/gone': file('g') }],
    run({ fs }) {
      fails('ENOENT', () => fs.stat('d/gone'))
      fails('ENOENT', () => fs.stat('d/.wh.gone'))
      assert.deepEqual(fs.names('d'), ['stays'])
    },
  },
  {
    name: '.wh..wh..opq in a layer makes its directory opaque and is not shown',
    needs: ['docker-marks'],
    lowers: [{ 'd/.wh..wh..opq': file(''), 'd/new': file('n') }, { 'd/old': file('o') }],
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['new'])
      fails('ENOENT', () => fs.stat('d/old'))
      fails('ENOENT', () => fs.stat('d/.wh..wh..opq'))
    },
  },
  {
    name: 'fuse-overlayfs marks an opaque directory with user.fuseoverlayfs.opaque',
    needs: ['docker-marks'],
    lowers: [{ d: dir({ xattrs: { 'user.fuseoverlayfs.opaque': 'y' } }), 'd/new': file('n') }, { 'd/old': file('o') }],
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['new'])
      fails('ENOENT', () => fs.stat('d/old'))
    },
  },
  {
    name: 'a path of nine components resolves, with .. and . in it',
    lowers: [deep],
    run({ fs }) {
      assert.equal(fs.read('a/b/c/../c/./d/e/f/g/h/leaf'), 'deep')
      assert.equal(fs.stat('a/b/..').ino, fs.stat('a').ino)
      assert.equal(fs.stat('a/..').ino, fs.stat('.').ino)
    },
  },
  {
    name: 'forty lower layers are all found',
    lowers: Array.from({ length: 40 }, (_, i) => ({ [`f${i}`]: file(String(i)), shared: file(String(i)) })),
    run({ fs }) {
      for (let i = 0; i < 40; i++) assert.equal(fs.read(`f${i}`), String(i))
      assert.equal(fs.read('shared'), '0')
      assert.equal(fs.names('.').length, 41)
    },
  },
  {
    name: 'a mount without an upper refuses every change with EROFS',
    lowers: [{ f: file('x'), d: dir() }, { g: file('y') }],
    upper: null,
    run({ fs }) {
      assert.equal(fs.read('f') + fs.read('g'), 'xy')
      fails('EROFS', () => fs.open('f', O.WRONLY))
      fails('EROFS', () => fs.mkdir('new'))
      fails('EROFS', () => fs.unlink('f'))
      fails('EROFS', () => fs.rename('f', 'h'))
      fails('EROFS', () => fs.chmod('f', 0o600))
      fails('EROFS', () => fs.utimes('f', 'now', 'now'))
      fails('EROFS', () => fs.write('new', ''))
      assert.deepEqual(fs.names('.'), ['d', 'f', 'g'])
    },
  },
  {
    name: 'a negative lookup turns positive once the file is made, and back',
    run({ fs }) {
      fails('ENOENT', () => fs.stat('f'))
      fs.write('f', 'now')
      assert.equal(fs.read('f'), 'now')
      fs.unlink('f')
      fails('ENOENT', () => fs.stat('f'))
    },
  },
]

export const lookup: Family = { name: 'lookup', cases }
