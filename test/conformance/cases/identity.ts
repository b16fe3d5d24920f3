/** Inode numbers, persistence over remounts, and what survives when the kernel forgets what it cached. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { FS_FL, O } from '../numbers.js'
import { dir, file, hardlink, PLANTED, symlink, type Tree } from '../tree.js'

const wide: Tree = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`d${i % 8}/f${i}`, file(`content ${i}`)]))

const inodeCases: Case[] = [
  {
    name: 'no two files of different layers share device and inode number',
    lowers: [{ 'a/f': file('1') }, { 'b/f': file('2') }, { 'c/f': file('3') }],
    run({ fs }) {
      fs.write('n', '')
      const paths = ['.', 'a', 'a/f', 'b', 'b/f', 'c', 'c/f', 'n']
      const ids = paths.map((path) => `${fs.stat(path).dev}:${fs.stat(path).ino}`)
      assert.equal(new Set(ids).size, paths.length, ids.join(' '))
    },
  },
  {
    name: 'all files are on one device',
    lowers: [{ f: file('1'), d: dir() }, { g: file('2') }],
    run({ fs }) {
      fs.write('n', '')
      for (const path of ['f', 'd', 'g', 'n']) assert.equal(fs.stat(path).dev, fs.stat('.').dev, path)
    },
  },
  {
    name: 'the inode number of a file stays over copy-up by write, chmod, rename and remount',
    lowers: [{ f: file('x'), 'd/s/g': file('y') }],
    run({ fs, remount }) {
      const f = fs.stat('f').ino
      const g = fs.stat('d/s/g').ino
      const d = fs.stat('d').ino
      fs.append('f', '+')
      shows(fs.stat('f'), { ino: f })
      fs.rename('f', 'd/f')
      fs.chmod('d/s/g', 0o600)
      remount()
      shows(fs.stat('d/f'), { ino: f })
      shows(fs.stat('d/s/g'), { ino: g })
      shows(fs.stat('d'), { ino: d })
    },
  },
  {
    name: 'a copied-up file that was duplicated in the upper while unmounted is another file, with another number',
    needs: ['layers'],
    not: { kernel: 'it answers ESTALE for the second' },
    lowers: [{ f: file('lower') }],
    run({ fs, disk, upper, offline, dropCaches }) {
      fs.append('f', '+')
      offline(() => {
        disk.write(`${upper}/g`, 'other')
        for (const name of disk.listxattr(`${upper}/f`))
          disk.setxattr(`${upper}/g`, name, disk.getxattr(`${upper}/f`, name))
      })
      const numbers = ['f', 'g'].map((path) => fs.stat(path).ino)
      assert.notEqual(numbers[0], numbers[1])
      dropCaches()
      assert.deepEqual(['g', 'f'].map((path) => fs.stat(path).ino).reverse(), numbers)
    },
  },
  {
    name: 'a lower file shows again beside its copy that was moved while unmounted, with another number',
    needs: ['layers'],
    not: { kernel: 'it answers ESTALE for the second' },
    lowers: [{ f: file('lower'), 'd/x': file('x') }],
    run({ fs, disk, upper, offline }) {
      fs.append('f', '+')
      fs.chmod('d', 0o750)
      offline(() => {
        disk.rename(`${upper}/f`, `${upper}/g`)
        disk.rename(`${upper}/d`, `${upper}/e`)
      })
      assert.notEqual(fs.stat('g').ino, fs.stat('f').ino)
      assert.notEqual(fs.stat('e').ino, fs.stat('d').ino)
      assert.equal(fs.read('f') + fs.read('g'), 'lowerlower+')
    },
  },
  {
    name: 'the inode number of an open file is the same by descriptor and by name, before and after copy-up',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (reader) => {
        fs.append('f', 'y')
        assert.equal(fs.fstat(reader).ino, fs.stat('f').ino)
        fs.with('f', O.RDWR, (writer) => assert.equal(fs.fstat(writer).ino, fs.fstat(reader).ino))
      })
    },
  },
  {
    name: 'the inode number of a new file stays over rename, dropped caches and remount',
    run({ fs, remount, dropCaches }) {
      fs.write('f', '')
      fs.mkdir('d')
      const [f, d] = [fs.stat('f').ino, fs.stat('d').ino]
      fs.rename('f', 'd/f')
      dropCaches()
      shows(fs.stat('d/f'), { ino: f })
      remount()
      shows(fs.stat('d/f'), { ino: f })
      shows(fs.stat('d'), { ino: d })
    },
  },
  {
    name: 'a copied-up hard link and its lower partner share one number with nlink 2',
    lowers: [{ a: file('x'), b: hardlink('a'), other: file('o') }],
    run({ fs }) {
      fs.append('b', 'y')
      shows(fs.stat('a'), { ino: fs.stat('b').ino, nlink: 2, size: 2 })
      assert.notEqual(fs.stat('other').ino, fs.stat('a').ino)
    },
  },
]

export const inodes: Family = { name: 'inode numbers', cases: inodeCases }

const lastingCases: Case[] = [
  {
    name: 'a mixed session reads the same after a remount: content, modes, times, links',
    lowers: [
      { 'd/keep': file('k'), 'd/edit': file('e'), 'd/gone': file('g'), 's/x': file('x') },
      { 'd/low': file('l') },
    ],
    run({ fs, remount }) {
      fs.append('d/edit', '+')
      fs.utimes('d/edit', 'omit', 99_000_000_099n)
      fs.unlink('d/gone')
      fs.rename('s', 't')
      fs.symlink('d/edit', 'l')
      fs.setxattr('d/keep', 'user.k', 'v')
      const look = () => {
        assert.deepEqual(fs.names('.'), ['d', 'l', 't'])
        assert.deepEqual(fs.names('d'), ['edit', 'keep', 'low'])
        assert.equal(fs.read('l'), 'e+')
        shows(fs.stat('d/edit'), { mtime: 99_000_000_099n })
        assert.equal(fs.getxattr('d/keep', 'user.k'), 'v')
        assert.equal(fs.read('t/x'), 'x')
        shows(fs.stat('d/low'), { mtime: PLANTED })
      }
      look()
      remount()
      look()
      remount()
      look()
    },
  },
  {
    name: 'everything is found again, and right, after drop_caches',
    lowers: [wide, { 'd0/low': file('l') }],
    run({ fs, dropCaches }) {
      for (let i = 0; i < 80; i++) fs.stat(`d${i % 8}/f${i}`)
      fs.append('d3/f3', '!')
      fs.unlink('d4/f4')
      fs.rename('d5', 'e5')
      dropCaches()
      assert.equal(fs.read('d3/f3'), 'content 3!')
      fails('ENOENT', () => fs.stat('d4/f4'))
      fails('ENOENT', () => fs.stat('d5'))
      assert.equal(fs.read('e5/f5'), 'content 5')
      dropCaches()
      assert.deepEqual(fs.names('.').length, 8)
      for (let i = 6; i < 80; i += 8) assert.equal(fs.read(`d6/f${i}`), `content ${i}`)
    },
  },
  {
    name: 'types are right after a name changed its kind and the caches were dropped',
    lowers: [{ a: file('x'), 'b/in': file('y'), c: symlink('a') }],
    run({ fs, dropCaches }) {
      fs.unlink('a')
      fs.mkdir('a')
      fs.removetree('b')
      fs.write('b', 'file')
      fs.unlink('c')
      fs.mkdir('c')
      dropCaches()
      shows(fs.stat('a'), { type: 'dir' })
      shows(fs.stat('b'), { type: 'file', size: 4 })
      shows(fs.stat('c'), { type: 'dir' })
      assert.deepEqual(fs.names('a'), [])
    },
  },
  {
    name: 'open files and working directories outlive drop_caches',
    lowers: [{ 'd/f': file('content') }],
    run({ fs, dropCaches }) {
      const directory = fs.open('d', O.RDONLY | O.DIRECTORY)
      fs.with('d/f', O.RDONLY, (fd) => {
        dropCaches()
        assert.equal(fs.pread(fd), 'content')
        fs.append('d/f', '!')
        dropCaches()
        assert.equal(fs.read(`/proc/self/fd/${directory}/f`), 'content!')
      })
      fs.shut(directory)
    },
  },
  {
    name: 'a change of the upper while unmounted is seen by the next mount',
    needs: ['layers'],
    lowers: [{ f: file('lower') }],
    run({ fs, disk, upper, offline }) {
      fs.write('g', 'g')
      offline(() => {
        disk.write(`${upper}/f`, 'put there', 0o644)
        disk.unlink(`${upper}/g`)
      })
      assert.equal(fs.read('f'), 'put there')
      assert.deepEqual(fs.names('.'), ['f'])
    },
  },
  {
    name: 'a mount with ro over an upper that holds changes shows them and refuses more',
    needs: ['layers'],
    lowers: [{ f: file('x') }],
    run({ fs, remount }) {
      fs.append('f', '+')
      fs.unlink('f')
      fs.write('g', 'g')
      remount({ ro: true })
      assert.deepEqual(fs.names('.'), ['g'])
      fails('EROFS', () => fs.write('h', ''))
      fails('EROFS', () => fs.open('g', O.RDWR))
    },
  },
  {
    name: 'a volatile mount keeps its changes over a clean unmount',
    needs: ['layers'],
    not: { kernel: 'kernel overlayfs refuses the next mount until work/incompat/volatile is removed' },
    options: { volatile: true },
    lowers: [{ f: file('x') }],
    run({ fs, remount }) {
      fs.append('f', '+')
      remount()
      assert.equal(fs.read('f'), 'x+')
    },
  },
  {
    name: 'inode flags of a new file are set, read, and obeyed',
    needs: ['owners'],
    not: { cached: 'no open is asked for: what the flags forbid fails at the write or the close' },
    run({ fs, remount }) {
      fs.write('f', 'x')
      fs.setflags('f', fs.getflags('f') | FS_FL.APPEND)
      try {
        assert.equal(fs.getflags('f') & FS_FL.APPEND, FS_FL.APPEND)
        fails('EPERM', () => fs.open('f', O.WRONLY))
        fs.append('f', 'y')
        remount()
        fails('EPERM', () => fs.unlink('f'))
      } finally {
        fs.setflags('f', fs.getflags('f') & ~FS_FL.APPEND)
      }
      assert.equal(fs.read('f'), 'xy')
    },
  },
  {
    name: 'setting an inode flag on a lower file copies it up',
    needs: ['owners'],
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.setflags('f', fs.getflags('f') | FS_FL.NODUMP)
      assert.equal(fs.getflags('f') & FS_FL.NODUMP, FS_FL.NODUMP)
      assert.equal(fs.read('f'), 'x')
    },
  },
  {
    name: 'synchronous and no-atime of lower files and directories come along with the copy-up, no-dump does not',
    needs: ['layers'],
    lowers: [{ f: file('x'), 'd/a': file(''), 'd/s': symlink('a'), ...numbered(12) }],
    run({ fs, disk, lowers, upper, remount, offline }) {
      const wanted = FS_FL.SYNC | FS_FL.NOATIME
      const paths = ['f', 'd', ...Object.keys(numbered(12))]
      const set = (path: string) => disk.setflags(path, disk.getflags(path) | wanted | FS_FL.NODUMP)
      offline(() => {
        for (const path of paths) set(`${lowers[0]}/${path}`)
      })
      fs.chmod('f', 0o600)
      fs.write('d/new', '')
      fs.chown('d/s', fs.stat('f').uid, -1)
      // In turn, as those that are made ahead of it.
      for (const path of Object.keys(numbered(12))) fs.chmod(path, 0o640)
      const look = () => {
        for (const path of paths) assert.equal(fs.getflags(path) & (wanted | FS_FL.NODUMP), wanted, path)
      }
      look()
      remount()
      look()
      assert.equal(disk.getflags(`${upper}/f`) & wanted, wanted)
      for (const path of paths)
        disk.setflags(`${lowers[0]}/${path}`, disk.getflags(`${lowers[0]}/${path}`) & ~(wanted | FS_FL.NODUMP))
    },
  },
  {
    name: 'a lower symlink that has no-atime from its directory is renamed, linked and given away',
    needs: ['layers'],
    lowers: [{ d: dir() }],
    run({ fs, disk, lowers, offline }) {
      const at = `${lowers[0]}/d`
      offline(() => {
        disk.setflags(at, disk.getflags(at) | FS_FL.NOATIME)
        const { uid, gid } = disk.stat(at)
        for (const name of ['a', 'b', 'c']) {
          disk.symlink('target', `${at}/${name}`)
          disk.chown(`${at}/${name}`, uid, gid)
        }
      })
      fs.rename('d/a', 'd/z')
      fs.link('d/b', 'd/y')
      fs.chown('d/c', fs.stat('d').uid, -1)
      for (const name of ['b', 'c', 'y', 'z']) assert.equal(fs.readlink(`d/${name}`), 'target')
      for (const name of ['a', 'b', 'c']) disk.unlink(`${at}/${name}`)
      disk.setflags(at, disk.getflags(at) & ~FS_FL.NOATIME)
      disk.utimes(at, 'omit', PLANTED)
    },
  },
]

/** That many files in one directory. */
function numbered(count: number) {
  const names = Array.from({ length: count }, (_, i) => `many/${String(i).padStart(2, '0')}`)
  return Object.fromEntries(names.map((name) => [name, file(name)]))
}

export const lasting: Family = { name: 'persistence', cases: lastingCases }
