/** Making files: owner, mode under the umask, setgid directories, over whiteouts, in directories not yet copied up. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, isRecent, shows } from '../case.js'
import { O, S } from '../numbers.js'
import { dir, file, opaque, symlink, whiteout } from '../tree.js'

const cases: Case[] = [
  {
    name: 'a new file has the mode it asked for under the umask',
    run({ fs }) {
      fs.umask(0o027)
      fs.write('f', 'x', 0o666)
      shows(fs.stat('f'), { type: 'file', mode: 0o640, nlink: 1, size: 1 })
      isRecent(fs.stat('f').mtime)
    },
  },
  {
    name: 'mkdir, mknod and symlink: mode under the umask, one link for files, two for directories',
    run({ fs }) {
      fs.umask(0o077)
      fs.mkdir('d', 0o777)
      fs.mknod('p', S.IFIFO | 0o666)
      fs.symlink('target', 'l')
      shows(fs.stat('d'), { type: 'dir', mode: 0o700 })
      shows(fs.stat('p'), { type: 'fifo', mode: 0o600, nlink: 1 })
      shows(fs.stat('l'), { type: 'symlink', mode: 0o777, size: 6, nlink: 1 })
    },
  },
  {
    name: 'new files belong to the caller',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o777 }) }],
    run({ fs }) {
      fs.as(1001, 1002, () => {
        fs.write('d/f', '')
        fs.mkdir('d/s')
        fs.symlink('x', 'd/l')
        fs.mknod('d/p', S.IFIFO | 0o644)
      })
      for (const name of ['d/f', 'd/s', 'd/l', 'd/p']) shows(fs.stat(name), { uid: 1001, gid: 1002 })
    },
  },
  {
    name: 'a setgid directory gives its group to new files, and its setgid bit to new directories',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o2777, gid: 55 }) }],
    run({ fs }) {
      fs.as(1001, 1002, () => {
        fs.write('d/f', '')
        fs.mkdir('d/s', 0o755)
        fs.symlink('x', 'd/l')
      })
      shows(fs.stat('d/f'), { uid: 1001, gid: 55, mode: 0o644 })
      shows(fs.stat('d/s'), { uid: 1001, gid: 55, mode: 0o2755 })
      shows(fs.stat('d/l'), { uid: 1001, gid: 55 })
    },
  },
  {
    name: 'what another user makes over whiteouts in a setgid directory is that user’s, and of its group',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o2777, gid: 55 }), 'd/f': file('x'), 'd/s/old': file('y'), 'd/l': symlink('x') }],
    run({ fs, remount }) {
      for (const name of ['d/f', 'd/s', 'd/l']) fs.removetree(name)
      fs.as(1001, 1002, () => {
        fs.write('d/f', '')
        fs.mkdir('d/s', 0o755)
        fs.symlink('new', 'd/l')
      })
      remount()
      shows(fs.stat('d/f'), { uid: 1001, gid: 55, mode: 0o644 })
      shows(fs.stat('d/s'), { uid: 1001, gid: 55, mode: 0o2755 })
      shows(fs.stat('d/l'), { uid: 1001, gid: 55 })
      assert.deepEqual(fs.names('d/s'), [])
    },
  },
  {
    name: 'a setgid file made by somebody outside the group loses the bit',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o2777, gid: 55 }) }],
    run({ fs }) {
      fs.as(1001, 1002, () => fs.shut(fs.open('d/f', O.WRONLY | O.CREAT, 0o2775)))
      shows(fs.stat('d/f'), { gid: 55, mode: 0o755 })
    },
  },
  {
    name: 'creating where another may not write is EACCES and leaves nothing',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o755 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => {
        fails('EACCES', () => fs.write('d/f', ''))
        fails('EACCES', () => fs.mkdir('d/s'))
        fails('EACCES', () => fs.symlink('x', 'd/l'))
      })
      assert.deepEqual(fs.names('d'), [])
    },
  },
  {
    name: 'every kind of creation on an existing lower name is EEXIST',
    lowers: [{ f: file('x'), d: dir(), l: symlink('nowhere') }],
    run({ fs }) {
      for (const name of ['f', 'd', 'l']) {
        fails('EEXIST', () => fs.mkdir(name))
        fails('EEXIST', () => fs.symlink('t', name))
        fails('EEXIST', () => fs.mknod(name, S.IFIFO | 0o644))
        fails('EEXIST', () => fs.link('f', name))
      }
      assert.equal(fs.read('f'), 'x')
    },
  },
  {
    name: 'creating below an absent or a non-directory parent is ENOENT or ENOTDIR',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fails('ENOENT', () => fs.mkdir('absent/d'))
      fails('ENOENT', () => fs.write('absent/f', ''))
      fails('ENOTDIR', () => fs.write('f/x', ''))
      fails('ENOTDIR', () => fs.mkdir('f/d'))
    },
  },
  {
    name: 'a file made over a whiteout is new: empty, own mode',
    lowers: [{ f: file('lower', { mode: 0o600 }) }],
    upper: { f: whiteout() },
    run({ fs, remount }) {
      fails('ENOENT', () => fs.stat('f'))
      fs.write('f', 'new', 0o644)
      shows(fs.stat('f'), { mode: 0o644, size: 3, nlink: 1 })
      remount()
      assert.equal(fs.read('f'), 'new')
    },
  },
  {
    name: 'a directory made over a whiteout of a directory is empty, also after a remount',
    lowers: [{ 'd/old': file('x'), 'd/s/old': file('y') }],
    upper: { d: whiteout() },
    run({ fs, remount }) {
      fs.mkdir('d')
      assert.deepEqual(fs.names('d'), [])
      fs.write('d/only', '')
      remount()
      assert.deepEqual(fs.names('d'), ['only'])
      fails('ENOENT', () => fs.stat('d/old'))
    },
  },
  {
    name: 'rm -rf d; mkdir d; touch d/only: d holds nothing else',
    lowers: [
      { 'd/a': file('a'), 'd/s/b': file('b') },
      { 'd/c': file('c'), 'd/only': file('old') },
    ],
    run({ fs, remount }) {
      fs.removetree('d')
      fails('ENOENT', () => fs.stat('d'))
      fs.mkdir('d')
      fs.write('d/only', 'new')
      assert.deepEqual(fs.names('d'), ['only'])
      remount()
      assert.deepEqual(fs.names('d'), ['only'])
      assert.equal(fs.read('d/only'), 'new')
    },
  },
  {
    name: 'mkdir inside a directory made over a whiteout is not merged with the lower one of that name',
    lowers: [{ 'd/s/old': file('x') }],
    run({ fs, remount }) {
      fs.removetree('d')
      fs.mkdir('d')
      fs.mkdir('d/s')
      assert.deepEqual(fs.names('d/s'), [])
      remount()
      assert.deepEqual(fs.names('d/s'), [])
    },
  },
  {
    name: 'a symlink, a FIFO and a hard link made over a whiteout',
    lowers: [{ a: file('a'), b: file('b'), c: file('c'), src: file('src') }],
    run({ fs, remount }) {
      for (const name of ['a', 'b', 'c']) fs.unlink(name)
      fs.symlink('target', 'a')
      fs.mknod('b', S.IFIFO | 0o640)
      fs.link('src', 'c')
      const look = () => {
        assert.equal(fs.readlink('a'), 'target')
        shows(fs.stat('b'), { type: 'fifo', mode: 0o640 })
        assert.equal(fs.read('c'), 'src')
        assert.deepEqual(fs.names('.'), ['a', 'b', 'c', 'src'])
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'a file made in a lower directory five levels deep copies up the parents with their modes and mtimes',
    lowers: [{ a: dir({ mode: 0o711 }), 'a/b': dir({ mode: 0o750 }), 'a/b/c/d': dir({ mode: 0o1777 }) }],
    run({ fs }) {
      const before = fs.stat('a/b')
      fs.write('a/b/c/d/new', 'x')
      shows(fs.stat('a'), { mode: 0o711 })
      shows(fs.stat('a/b'), { mode: 0o750, mtime: before.mtime, uid: before.uid })
      shows(fs.stat('a/b/c/d'), { mode: 0o1777 })
      isRecent(fs.stat('a/b/c/d').mtime)
    },
  },
  {
    name: 'nothing that copy-up needs shows in the merged root or in the upper',
    needs: ['layers'],
    lowers: [{ f: file('x') }],
    run({ fs, disk, upper }) {
      fs.append('f', 'y')
      fs.mkdir('d')
      assert.deepEqual(fs.names('.'), ['d', 'f'])
      assert.deepEqual(disk.names(upper), ['d', 'f'])
    },
  },
  {
    name: 'an opaque upper directory takes new files without a copy-up',
    lowers: [{ 'd/x': file('lower') }],
    upper: { d: opaque({ mode: 0o700 }) },
    run({ fs }) {
      fs.write('d/x', 'upper')
      assert.equal(fs.read('d/x'), 'upper')
      shows(fs.stat('d'), { mode: 0o700 })
    },
  },
  {
    name: 'O_CREAT on an existing lower file opens it and keeps its mode',
    lowers: [{ f: file('old', { mode: 0o604 }) }],
    run({ fs }) {
      fs.with('f', O.RDWR | O.CREAT, (fd) => assert.equal(fs.pread(fd), 'old'), 0o777)
      shows(fs.stat('f'), { mode: 0o604 })
    },
  },
  {
    name: 'a mode without write for its owner still lets the creating descriptor write',
    run({ fs }) {
      fs.with('f', O.WRONLY | O.CREAT | O.EXCL, (fd) => assert.equal(fs.pwrite(fd, 0, 'x'), 1), 0o400)
      shows(fs.stat('f'), { mode: 0o400, size: 1 })
    },
  },
]

export const create: Family = { name: 'create', cases }
