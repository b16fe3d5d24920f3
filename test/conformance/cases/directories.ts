/** Renames of directories: redirects, opaque marks, EXDEV without redirects, and what shows after a remount. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { O, RENAME } from '../numbers.js'
import { dir, file, PLANTED, whiteout } from '../tree.js'

const cases: Case[] = [
  {
    name: 'a new directory renamed keeps what is in it',
    run({ fs, remount }) {
      fs.mkdir('d')
      fs.write('d/f', 'x')
      fs.rename('d', 'e')
      assert.deepEqual(fs.names('.'), ['e'])
      remount()
      assert.equal(fs.read('e/f'), 'x')
    },
  },
  {
    name: 'a lower directory renamed keeps its content, mode, mtime and inode number, also after a remount',
    lowers: [{ d: dir({ mode: 0o750 }), 'd/a': file('a'), 'd/s/b': file('b') }],
    run({ fs, remount }) {
      const { ino } = fs.stat('d')
      fs.rename('d', 'e')
      const look = () => {
        assert.deepEqual(fs.names('.'), ['e'])
        assert.deepEqual(fs.names('e'), ['a', 's'])
        assert.equal(fs.read('e/s/b'), 'b')
        shows(fs.stat('e'), { mode: 0o750, mtime: PLANTED, ino })
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'a lower directory moved into another lower directory, and its file into a third',
    lowers: [{ 'a/x/f': file('f'), 'b/y': file('y') }, { 'a/x/g': file('g') }],
    run({ fs, remount }) {
      fs.rename('a/x', 'b/x')
      fs.rename('b/x/g', 'g')
      const look = () => {
        assert.deepEqual(fs.names('a'), [])
        assert.deepEqual(fs.names('b'), ['x', 'y'])
        assert.deepEqual(fs.names('b/x'), ['f'])
        assert.equal(fs.read('g'), 'g')
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'the redirect on disk is absolute after a move between directories',
    needs: ['kernel-marks'],
    lowers: [{ 'a/x/f': file('f'), b: dir() }],
    run({ fs, disk, upper, mark }) {
      fs.rename('a/x', 'b/z')
      assert.equal(disk.getxattr(`${upper}/b/z`, `${mark}redirect`), '/a/x')
    },
  },
  {
    name: 'a directory renamed three times still finds its lower part',
    lowers: [{ 'd/f': file('f') }],
    run({ fs, remount }) {
      fs.rename('d', 'e')
      fs.mkdir('p')
      fs.rename('e', 'p/g')
      remount()
      fs.rename('p/g', 'h')
      assert.equal(fs.read('h/f'), 'f')
      remount()
      assert.deepEqual(fs.names('.'), ['h', 'p'])
      assert.equal(fs.read('h/f'), 'f')
    },
  },
  {
    name: 'a subdirectory of a renamed directory renamed in turn',
    lowers: [{ 'a/b/c/f': file('f') }],
    run({ fs, remount }) {
      fs.rename('a', 'A')
      fs.rename('A/b', 'B')
      fs.rename('B/c', 'A/C')
      const look = () => {
        assert.equal(fs.read('A/C/f'), 'f')
        assert.deepEqual(fs.names('B'), [])
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'a new directory under the old name does not show the old content',
    lowers: [{ 'd/old': file('x') }],
    run({ fs, remount }) {
      fs.rename('d', 'e')
      fs.mkdir('d')
      assert.deepEqual(fs.names('d'), [])
      fs.write('d/new', '')
      remount()
      assert.deepEqual(fs.names('d'), ['new'])
      assert.deepEqual(fs.names('e'), ['old'])
    },
  },
  {
    name: 'a new directory moved over the place of a removed lower one stays unmerged',
    lowers: [{ 'd/old': file('x') }],
    run({ fs, remount }) {
      fs.removetree('d')
      fs.mkdir('n')
      fs.write('n/new', '')
      fs.rename('n', 'd')
      assert.deepEqual(fs.names('d'), ['new'])
      remount()
      assert.deepEqual(fs.names('d'), ['new'])
    },
  },
  {
    name: 'a new directory renamed over an empty lower one, and a lower one over a new empty one',
    lowers: [{ empty: dir(), 'd/f': file('f') }],
    run({ fs, remount }) {
      fs.mkdir('n')
      fs.write('n/in', 'n')
      fs.rename('n', 'empty')
      fs.mkdir('m')
      fs.rename('d', 'm')
      const look = () => {
        assert.deepEqual(fs.names('.'), ['empty', 'm'])
        assert.deepEqual(fs.names('empty'), ['in'])
        assert.deepEqual(fs.names('m'), ['f'])
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'a directory renamed over one that holds only whiteouts',
    lowers: [{ 'd/x': file('x'), 'e/f': file('f') }],
    run({ fs, remount }) {
      fs.unlink('d/x')
      fs.rename('e', 'd')
      assert.deepEqual(fs.names('d'), ['f'])
      remount()
      assert.deepEqual(fs.names('.'), ['d'])
      assert.deepEqual(fs.names('d'), ['f'])
    },
  },
  {
    name: 'changes inside a renamed directory are there after a remount',
    lowers: [{ 'd/keep': file('k'), 'd/gone': file('g'), 'd/s/deep': file('d') }],
    run({ fs, remount }) {
      fs.rename('d', 'e')
      fs.unlink('e/gone')
      fs.append('e/keep', '+')
      fs.write('e/new', 'n')
      fs.unlink('e/s/deep')
      const look = () => {
        assert.deepEqual(fs.names('e'), ['keep', 'new', 's'])
        assert.equal(fs.read('e/keep'), 'k+')
        assert.deepEqual(fs.names('e/s'), [])
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'EXCHANGE of two lower directories',
    lowers: [{ 'a/1': file('1'), 'b/2': file('2') }],
    run({ fs, remount }) {
      fs.rename('a', 'b', RENAME.EXCHANGE)
      const look = () => {
        assert.deepEqual(fs.names('a'), ['2'])
        assert.deepEqual(fs.names('b'), ['1'])
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'EXCHANGE of a lower directory with a lower file',
    lowers: [{ 'd/1': file('1'), f: file('f') }],
    run({ fs, remount }) {
      fs.rename('d', 'f', RENAME.EXCHANGE)
      remount()
      assert.equal(fs.read('d'), 'f')
      assert.deepEqual(fs.names('f'), ['1'])
    },
  },
  {
    name: 'with redirect_dir=off a lower directory is EXDEV, a new one is renamed',
    options: { redirect_dir: 'off' },
    lowers: [{ 'd/f': file('f') }],
    run({ fs }) {
      fails('EXDEV', () => fs.rename('d', 'e'))
      assert.deepEqual(fs.names('d'), ['f'])
      fs.mkdir('n')
      fs.rename('n', 'm')
      assert.deepEqual(fs.names('.'), ['d', 'm'])
    },
  },
  {
    name: 'a redirect written in the upper is followed: a bare name and an absolute path',
    needs: ['kernel-marks'],
    lowers: [{ 'd/old/f': file('f'), 'x/y/g': file('g') }],
    upper: {
      'd/old': whiteout(),
      'd/new': dir({ xattrs: { 'overlay.redirect': 'old' } }),
      z: dir({ xattrs: { 'overlay.redirect': '/x/y' } }),
    },
    run({ fs }) {
      assert.deepEqual(fs.names('d'), ['new'])
      assert.equal(fs.read('d/new/f'), 'f')
      assert.equal(fs.read('z/g'), 'g')
    },
  },
  {
    name: 'a redirect in a middle layer is followed in the layers below it',
    needs: ['kernel-marks'],
    lowers: [
      { 'new/top': file('t') },
      { old: whiteout(), new: dir({ xattrs: { 'overlay.redirect': '/old' } }) },
      { 'old/bottom': file('b'), 'new/hidden': file('h') },
    ],
    run({ fs }) {
      assert.deepEqual(fs.names('new'), ['bottom', 'top'])
      fails('ENOENT', () => fs.stat('old'))
      fails('ENOENT', () => fs.stat('new/hidden'))
    },
  },
  {
    name: 'a descriptor of a directory follows it over a rename',
    lowers: [{ 'd/f': file('f') }],
    run({ fs }) {
      const fd = fs.open('d', O.RDONLY | O.DIRECTORY)
      fs.rename('d', 'e')
      assert.deepEqual(fs.names(`/proc/self/fd/${fd}`), ['f'])
      fs.write(`/proc/self/fd/${fd}/new`, 'n')
      assert.equal(fs.read('e/new'), 'n')
      fs.shut(fd)
    },
  },
  {
    name: 'a directory of another owner without write access cannot be moved to another parent',
    needs: ['owners'],
    lowers: [{ t: dir({ mode: 0o777 }), u: dir({ mode: 0o777 }), 't/d': dir({ uid: 1002, mode: 0o755 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => {
        fails('EACCES', () => fs.rename('t/d', 'u/d'))
        fs.rename('t/d', 't/e')
      })
      assert.deepEqual(fs.names('t'), ['e'])
    },
  },
]

export const directories: Family = { name: 'rename of directories', cases }
