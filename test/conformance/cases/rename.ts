/** Renames of files: every mix of lower and upper, over whiteouts, with the flags of renameat2. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { O, RENAME } from '../numbers.js'
import { device, dir, fifo, file, hardlink, PLANTED, symlink, whiteout } from '../tree.js'

const cases: Case[] = [
  {
    name: 'a lower file renamed keeps content, mode, mtime and inode number',
    lowers: [{ f: file('content', { mode: 0o640 }) }],
    run({ fs, remount }) {
      const { ino } = fs.stat('f')
      fs.rename('f', 'g')
      fails('ENOENT', () => fs.stat('f'))
      assert.equal(fs.read('g'), 'content')
      shows(fs.stat('g'), { mode: 0o640, mtime: PLANTED, ino })
      remount()
      assert.deepEqual(fs.names('.'), ['g'])
      shows(fs.stat('g'), { mode: 0o640, mtime: PLANTED, ino })
    },
  },
  {
    name: 'rename over a lower file replaces it',
    lowers: [{ a: file('a'), b: file('b') }],
    run({ fs, remount }) {
      fs.rename('a', 'b')
      assert.deepEqual(fs.names('.'), ['b'])
      assert.equal(fs.read('b'), 'a')
      remount()
      assert.deepEqual(fs.names('.'), ['b'])
      assert.equal(fs.read('b'), 'a')
    },
  },
  {
    name: 'an upper file renamed over a lower one, and back away: nothing reappears',
    lowers: [{ b: file('lower') }],
    run({ fs, remount }) {
      fs.write('a', 'upper')
      fs.rename('a', 'b')
      assert.equal(fs.read('b'), 'upper')
      fs.rename('b', 'c')
      assert.deepEqual(fs.names('.'), ['c'])
      remount()
      assert.deepEqual(fs.names('.'), ['c'])
    },
  },
  {
    name: 'a lower file renamed into another lower directory',
    lowers: [{ 'd/f': file('x'), 'e/g': file('y') }],
    run({ fs, remount }) {
      fs.rename('d/f', 'e/f')
      assert.deepEqual(fs.names('d'), [])
      assert.deepEqual(fs.names('e'), ['f', 'g'])
      remount()
      assert.deepEqual(fs.names('d'), [])
      assert.equal(fs.read('e/f'), 'x')
    },
  },
  {
    name: 'rename of a lower symlink, FIFO and hard link',
    lowers: [{ l: symlink('target'), p: fifo({ mode: 0o620 }), h: file('h'), h2: hardlink('h') }],
    run({ fs }) {
      fs.rename('l', 'l1')
      fs.rename('p', 'p1')
      fs.rename('h2', 'h3')
      assert.deepEqual(fs.names('.'), ['h', 'h3', 'l1', 'p1'])
      assert.equal(fs.readlink('l1'), 'target')
      shows(fs.stat('p1'), { type: 'fifo', mode: 0o620, mtime: PLANTED })
      assert.equal(fs.read('h3'), 'h')
      assert.equal(fs.stat('h3').ino, fs.stat('h').ino)
    },
  },
  {
    name: 'rename of a lower device node',
    needs: ['devices'],
    lowers: [{ n: device('char', 1, 3, { mode: 0o666 }) }],
    run({ fs }) {
      fs.rename('n', 'null')
      shows(fs.stat('null'), { type: 'char', rdev: [1, 3], mode: 0o666 })
      assert.equal(fs.read('null'), '')
    },
  },
  {
    name: 'rename of one hard link onto the other does nothing',
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs }) {
      fs.rename('a', 'b')
      assert.deepEqual(fs.names('.'), ['a', 'b'])
      shows(fs.stat('a'), { nlink: 2 })
    },
  },
  {
    name: 'wrong kinds: file over directory EISDIR, directory over file ENOTDIR, over a full directory ENOTEMPTY',
    lowers: [{ f: file('x'), d: dir(), 'full/x': file('y') }],
    run({ fs }) {
      fails('EISDIR', () => fs.rename('f', 'd'))
      fails('ENOTDIR', () => fs.rename('d', 'f'))
      fails('ENOTEMPTY', () => fs.rename('d', 'full'))
      fails('ENOENT', () => fs.rename('absent', 'x'))
      fails('EINVAL', () => fs.rename('full', 'full/below'))
      assert.deepEqual(fs.names('.'), ['d', 'f', 'full'])
    },
  },
  {
    name: 'NOREPLACE on an existing name is EEXIST, on a free one succeeds',
    lowers: [{ a: file('a'), b: file('b') }],
    run({ fs }) {
      fails('EEXIST', () => fs.rename('a', 'b', RENAME.NOREPLACE))
      assert.equal(fs.read('b'), 'b')
      fs.rename('a', 'c', RENAME.NOREPLACE)
      assert.deepEqual(fs.names('.'), ['b', 'c'])
    },
  },
  {
    name: 'NOREPLACE over a whiteout succeeds (mv -n)',
    lowers: [{ a: file('a'), b: file('b') }],
    run({ fs, remount }) {
      fs.unlink('b')
      fs.rename('a', 'b', RENAME.NOREPLACE)
      assert.deepEqual(fs.names('.'), ['b'])
      assert.equal(fs.read('b'), 'a')
      remount()
      assert.deepEqual(fs.names('.'), ['b'])
    },
  },
  {
    name: 'EXCHANGE of a lower and an upper file',
    lowers: [{ a: file('lower', { mode: 0o600 }) }],
    run({ fs, remount }) {
      fs.write('b', 'upper')
      fs.rename('a', 'b', RENAME.EXCHANGE)
      const look = () => {
        assert.equal(fs.read('a'), 'upper')
        assert.equal(fs.read('b'), 'lower')
        shows(fs.stat('b'), { mode: 0o600, mtime: PLANTED })
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'EXCHANGE of two lower files, one in a directory of its own',
    lowers: [{ 'd/a': file('a'), b: file('b') }],
    run({ fs }) {
      fs.rename('d/a', 'b', RENAME.EXCHANGE)
      assert.equal(fs.read('d/a'), 'b')
      assert.equal(fs.read('b'), 'a')
    },
  },
  {
    name: 'EXCHANGE of a file with a new directory',
    lowers: [{ f: file('f') }],
    run({ fs, remount }) {
      fs.mkdir('d')
      fs.write('d/in', 'x')
      fs.rename('f', 'd', RENAME.EXCHANGE)
      assert.equal(fs.read('d'), 'f')
      assert.deepEqual(fs.names('f'), ['in'])
      remount()
      assert.equal(fs.read('d'), 'f')
      assert.equal(fs.read('f/in'), 'x')
    },
  },
  {
    name: 'EXCHANGE with an absent name is ENOENT; EXCHANGE with NOREPLACE is EINVAL',
    lowers: [{ a: file('a'), b: file('b') }],
    run({ fs }) {
      fails('ENOENT', () => fs.rename('a', 'absent', RENAME.EXCHANGE))
      fails('EINVAL', () => fs.rename('a', 'b', RENAME.EXCHANGE | RENAME.NOREPLACE))
      assert.equal(fs.read('a') + fs.read('b'), 'ab')
    },
  },
  {
    name: 'the sticky bit and the parent’s mode are checked for both ends',
    needs: ['owners'],
    lowers: [{ t: dir({ mode: 0o1777 }), 't/f': file('x'), 'r/g': file('y') }],
    run({ fs }) {
      fs.as(1001, 1001, () => {
        fails('EPERM', () => fs.rename('t/f', 't/h'))
        fails('EACCES', () => fs.rename('r/g', 't/g'))
        fs.write('t/own', '')
        fails('EACCES', () => fs.rename('t/own', 'r/own'))
        fails('EPERM', () => fs.rename('t/own', 't/f'))
      })
      assert.deepEqual(fs.names('t'), ['f', 'own'])
      assert.deepEqual(fs.names('r'), ['g'])
    },
  },
  {
    name: 'a rename onto a name that is open leaves the open file whole',
    lowers: [{ a: file('a'), b: file('b') }],
    run({ fs }) {
      fs.with('b', O.RDONLY, (fd) => {
        fs.rename('a', 'b')
        assert.equal(fs.pread(fd), 'b')
        shows(fs.fstat(fd), { size: 1, mtime: PLANTED })
      })
      assert.equal(fs.read('b'), 'a')
    },
  },
  {
    name: 'save by rename, ten times: the newest content is under the name, nothing else is left',
    lowers: [{ f: file('v0') }],
    run({ fs, remount }) {
      for (let i = 1; i <= 10; i++) {
        fs.write('f.tmp', `v${i}`)
        fs.rename('f.tmp', 'f')
        assert.equal(fs.read('f'), `v${i}`)
      }
      remount()
      assert.deepEqual(fs.names('.'), ['f'])
      assert.equal(fs.read('f'), 'v10')
    },
  },
  {
    name: 'a rename onto a whiteout of a directory, by a file',
    lowers: [{ 'd/x': file('x'), f: file('f') }],
    upper: { d: whiteout() },
    run({ fs, remount }) {
      fs.rename('f', 'd')
      assert.equal(fs.read('d'), 'f')
      fs.unlink('d')
      remount()
      assert.deepEqual(fs.names('.'), [])
    },
  },
  {
    name: 'WHITEOUT leaves a whiteout device where the file was',
    needs: ['devices', 'layers'],
    not: { kernel: 'kernel overlayfs refuses RENAME_WHITEOUT on itself (EINVAL)' },
    lowers: [{ a: file('a') }],
    run({ fs }) {
      fs.rename('a', 'b', RENAME.WHITEOUT)
      assert.equal(fs.read('b'), 'a')
      fails('ENOENT', () => fs.read('a'))
    },
  },
]

export const rename: Family = { name: 'rename', cases }
