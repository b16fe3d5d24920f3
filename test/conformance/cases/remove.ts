/** Removing: whiteouts where something lies below, none where nothing does, and what open descriptors keep. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, isRecent, shows } from '../case.js'
import { O } from '../numbers.js'
import { dir, file, opaque, symlink, type Tree, whiteout } from '../tree.js'

const crowd: Tree = Object.fromEntries(
  Array.from({ length: 60 }, (_, i) => [`d/s${i % 6}/t${i % 4}/f${i}`, file(String(i))]),
)

const cases: Case[] = [
  {
    name: 'unlink of a lower file: gone, also after a remount, and a whiteout device on disk',
    needs: ['layers'],
    lowers: [{ f: file('x'), g: file('y') }],
    run({ fs, remount, disk, upper }) {
      fs.unlink('f')
      fails('ENOENT', () => fs.stat('f'))
      assert.deepEqual(fs.names('.'), ['g'])
      shows(disk.stat(`${upper}/f`), { type: 'char', rdev: [0, 0] })
      remount()
      assert.deepEqual(fs.names('.'), ['g'])
    },
  },
  {
    name: 'unlink of a file of the upper only leaves nothing on disk',
    needs: ['layers'],
    run({ fs, disk, upper }) {
      fs.write('f', 'x')
      fs.unlink('f')
      assert.deepEqual(disk.names(upper), [])
    },
  },
  {
    name: 'unlink of a copied-up file leaves a whiteout, not the lower file',
    lowers: [{ f: file('x') }],
    run({ fs, remount }) {
      fs.append('f', 'y')
      fs.unlink('f')
      fails('ENOENT', () => fs.stat('f'))
      remount()
      fails('ENOENT', () => fs.stat('f'))
    },
  },
  {
    name: 'rm f; mv q f; rm f: the lower f does not come back',
    lowers: [{ f: file('lower'), q: file('q') }],
    run({ fs, remount }) {
      fs.unlink('f')
      fs.rename('q', 'f')
      assert.equal(fs.read('f'), 'q')
      fs.unlink('f')
      fails('ENOENT', () => fs.stat('f'))
      remount()
      assert.deepEqual(fs.names('.'), [])
    },
  },
  {
    name: 'rm f; mv q f; rm f with a q of the upper',
    lowers: [{ f: file('lower') }],
    run({ fs, remount }) {
      fs.write('q', 'upper')
      fs.unlink('f')
      fs.rename('q', 'f')
      fs.unlink('f')
      assert.deepEqual(fs.names('.'), [])
      remount()
      assert.deepEqual(fs.names('.'), [])
    },
  },
  {
    name: 'unlink, make, unlink, make again: each time a new file',
    lowers: [{ f: file('lower') }],
    run({ fs, remount }) {
      for (const content of ['one', 'two', 'three']) {
        fs.unlink('f')
        fails('ENOENT', () => fs.read('f'))
        fs.write('f', content)
        assert.equal(fs.read('f'), content)
      }
      remount()
      assert.equal(fs.read('f'), 'three')
    },
  },
  {
    name: 'rmdir of an empty lower directory',
    lowers: [{ d: dir(), e: dir() }],
    run({ fs, remount }) {
      fs.rmdir('d')
      assert.deepEqual(fs.names('.'), ['e'])
      remount()
      assert.deepEqual(fs.names('.'), ['e'])
    },
  },
  {
    name: 'rmdir of a directory that holds something, in any layer, is ENOTEMPTY',
    lowers: [{ a: dir() }, { 'a/below': file('x'), 'b/x': file('y') }],
    run({ fs }) {
      fails('ENOTEMPTY', () => fs.rmdir('a'))
      fails('ENOTEMPTY', () => fs.rmdir('b'))
      fs.unlink('a/below')
      fs.rmdir('a')
      assert.deepEqual(fs.names('.'), ['b'])
    },
  },
  {
    name: 'rmdir of a directory that holds only whiteouts succeeds',
    lowers: [{ 'd/a': file('a'), 'd/b': file('b') }],
    upper: { 'd/a': whiteout(), 'd/b': whiteout() },
    run({ fs, remount }) {
      assert.deepEqual(fs.names('d'), [])
      fs.rmdir('d')
      remount()
      assert.deepEqual(fs.names('.'), [])
    },
  },
  {
    name: 'rmdir of an opaque directory that covers a full one leaves a whiteout',
    lowers: [{ 'd/lower': file('x') }],
    upper: { d: opaque() },
    run({ fs, remount }) {
      fs.rmdir('d')
      fails('ENOENT', () => fs.stat('d'))
      remount()
      fails('ENOENT', () => fs.stat('d'))
    },
  },
  {
    name: 'wrong kinds: unlink of a directory EISDIR, rmdir of a file ENOTDIR, of an absent name ENOENT',
    lowers: [{ d: dir(), f: file('x'), l: symlink('d') }],
    run({ fs }) {
      fails('EISDIR', () => fs.unlink('d'))
      fails('ENOTDIR', () => fs.rmdir('f'))
      fails('ENOTDIR', () => fs.rmdir('l'))
      fails('ENOENT', () => fs.unlink('absent'))
      fails('ENOENT', () => fs.rmdir('absent'))
      fails('EINVAL', () => fs.rmdir('d/.'))
    },
  },
  {
    name: 'unlink of a symlink removes the link and keeps the target',
    lowers: [{ f: file('x'), l: symlink('f') }],
    run({ fs }) {
      fs.unlink('l')
      assert.deepEqual(fs.names('.'), ['f'])
      assert.equal(fs.read('f'), 'x')
    },
  },
  {
    name: 'removing sets the parent’s mtime',
    lowers: [{ 'd/f': file('x') }],
    run({ fs }) {
      fs.unlink('d/f')
      isRecent(fs.stat('d').mtime)
    },
  },
  {
    name: 'rm -r of a tree of 60 files in three layers, then of the same made anew',
    lowers: [crowd, crowd, { 'd/s0/extra': file('x') }],
    run({ fs, remount }) {
      fs.removetree('d')
      fails('ENOENT', () => fs.stat('d'))
      fs.mkdir('d')
      fs.mkdir('d/s0')
      fs.touchmany('d/s0', 'f', 30)
      assert.equal(fs.names('d/s0').length, 30)
      fs.removetree('d')
      assert.deepEqual(fs.names('.'), [])
      remount()
      assert.deepEqual(fs.names('.'), [])
    },
  },
  {
    name: 'rm -r after heavy use: writes, renames and removals in every directory first',
    lowers: [crowd],
    run({ fs }) {
      for (let i = 0; i < 60; i++) {
        const place = `d/s${i % 6}/t${i % 4}`
        if (i % 3 === 0) fs.append(`${place}/f${i}`, '!')
        else if (i % 3 === 1) fs.rename(`${place}/f${i}`, `${place}/g${i}`)
        else fs.unlink(`${place}/f${i}`)
        fs.write(`${place}/n${i}`, '')
      }
      fs.removetree('d')
      assert.deepEqual(fs.names('.'), [])
    },
  },
  {
    name: 'in a sticky directory only the owner may remove',
    needs: ['owners'],
    lowers: [{ t: dir({ mode: 0o1777 }), 't/f': file('x', { uid: 1001 }), 't/g': file('y', { uid: 1002 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => {
        fails('EPERM', () => fs.unlink('t/g'))
        fs.unlink('t/f')
      })
      assert.deepEqual(fs.names('t'), ['g'])
    },
  },
  {
    name: 'removing where another may not write is EACCES and changes nothing',
    needs: ['owners'],
    lowers: [{ 'd/f': file('x') }],
    run({ fs }) {
      fs.as(1001, 1001, () => fails('EACCES', () => fs.unlink('d/f')))
      assert.equal(fs.read('d/f'), 'x')
    },
  },
  {
    name: 'an unlinked lower file that is open still reads',
    lowers: [{ f: file('content', { mode: 0o640 }) }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (fd) => {
        fs.unlink('f')
        assert.equal(fs.pread(fd), 'content')
        shows(fs.fstat(fd), { size: 7, mode: 0o640 })
      })
    },
  },
  {
    name: 'an unlinked lower file that is open has no link left',
    not: { kernel: 'kernel overlayfs goes on showing the lower file’s own link count' },
    lowers: [{ f: file('content') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (fd) => {
        fs.unlink('f')
        shows(fs.fstat(fd), { nlink: 0 })
      })
    },
  },
  {
    name: 'an unlinked open file of the upper still writes, truncates and changes mode; nlink is 0',
    lowers: [{ f: file('content') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 0, 'CON')
        fs.unlink('f')
        fs.pwrite(fd, 7, '!')
        assert.equal(fs.pread(fd), 'CONtent!')
        fs.ftruncate(fd, 3)
        fs.fchmod(fd, 0o600)
        shows(fs.fstat(fd), { nlink: 0, size: 3, mode: 0o600 })
        fails('ENOENT', () => fs.stat('f'))
      })
    },
  },
  {
    name: 'a name made anew while the old file is open is another file',
    lowers: [{ f: file('old') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.unlink('f')
        fs.write('f', 'new')
        assert.equal(fs.pread(fd), 'old')
        assert.equal(fs.read('f'), 'new')
        assert.notEqual(fs.fstat(fd).ino, fs.stat('f').ino)
      })
      assert.equal(fs.read('f'), 'new')
    },
  },
  {
    name: 'a removed directory that is open lists nothing and takes nothing',
    lowers: [{ d: dir() }],
    run({ fs }) {
      const fd = fs.open('d', O.RDONLY | O.DIRECTORY)
      fs.rmdir('d')
      fails('ENOENT', () => fs.write(`/proc/self/fd/${fd}/f`, ''))
      fails('ENOENT', () => fs.stat('d'))
      fs.shut(fd)
    },
  },
  {
    name: 'an unlinked open file survives a drop of the kernel’s caches',
    lowers: [{ f: file('content') }],
    run({ fs, dropCaches }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 0, 'C')
        fs.unlink('f')
        dropCaches()
        assert.equal(fs.pread(fd), 'Content')
        shows(fs.fstat(fd), { nlink: 0, size: 7 })
      })
    },
  },
]

export const remove: Family = { name: 'remove', cases }
