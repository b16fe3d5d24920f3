/** Symbolic links, hard links and their groups over copy-up, remount and lost caches. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { O } from '../numbers.js'
import { dir, file, hardlink, PLANTED, symlink } from '../tree.js'

const cases: Case[] = [
  {
    name: 'a lower symlink reads as it was written, dangling, absolute or 4,000 bytes long',
    lowers: [{ a: symlink('no/where'), b: symlink('/etc/passwd'), c: symlink('x'.repeat(4000)) }],
    run({ fs }) {
      assert.equal(fs.readlink('a'), 'no/where')
      assert.equal(fs.readlink('b'), '/etc/passwd')
      assert.equal(fs.readlink('c'), 'x'.repeat(4000))
      assert.equal(fs.stat('c').size, 4000)
      fails('ENOENT', () => fs.read('a'))
      fails('EINVAL', () => fs.readlink('.'))
    },
  },
  {
    name: 'a symlink with bytes that are not UTF-8 as its target',
    run({ fs, remount }) {
      fs.symlink('t\xff\xfe\x80', 'l')
      remount()
      assert.equal(fs.readlink('l'), 't\xff\xfe\x80')
    },
  },
  {
    name: 'link of a lower file: two names, one inode, nlink 2',
    lowers: [{ f: file('x', { mode: 0o640 }) }],
    run({ fs, remount }) {
      const { ino } = fs.stat('f')
      fs.link('f', 'g')
      for (const name of ['f', 'g']) shows(fs.stat(name), { ino, nlink: 2, mode: 0o640, mtime: PLANTED })
      remount()
      for (const name of ['f', 'g']) shows(fs.stat(name), { ino, nlink: 2 })
      fs.append('g', 'y')
      assert.equal(fs.read('f'), 'xy')
    },
  },
  {
    name: 'link in another directory and back; unlink of one leaves the other',
    lowers: [{ 'd/f': file('x'), e: dir() }],
    run({ fs, remount }) {
      fs.link('d/f', 'e/g')
      fs.unlink('d/f')
      shows(fs.stat('e/g'), { nlink: 1 })
      remount()
      assert.deepEqual(fs.names('d'), [])
      assert.equal(fs.read('e/g'), 'x')
      shows(fs.stat('e/g'), { nlink: 1 })
    },
  },
  {
    name: 'a file that is open and loses a name is the file that its other name shows, asked for the first time then',
    upper: { a: file('x'), b: hardlink('a') },
    run({ fs }) {
      const fd = fs.open('a', O.RDWR)
      fs.unlink('a')
      assert.equal(fs.read('b'), 'x')
      fs.pwrite(fd, 1, 'yz')
      assert.equal(fs.read('b'), 'xyz')
      assert.equal(fs.fstat(fd).ino, fs.stat('b').ino)
      fs.link('b', 'c')
      shows(fs.stat('c'), { nlink: 2, size: 3 })
      fs.shut(fd)
    },
  },
  {
    name: 'a lower pair shows one inode with nlink 2',
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs }) {
      shows(fs.stat('b'), { ino: fs.stat('a').ino, nlink: 2 })
      shows(fs.stat('a'), { nlink: 2 })
    },
  },
  {
    name: 'writing one name of a lower pair is seen through the other, also after a remount',
    lowers: [{ a: file('x'), 'd/b': hardlink('a') }],
    run({ fs, remount }) {
      const { ino } = fs.stat('a')
      fs.append('a', 'y')
      const look = () => {
        assert.equal(fs.read('a'), 'xy')
        assert.equal(fs.read('d/b'), 'xy')
        for (const name of ['a', 'd/b']) shows(fs.stat(name), { ino, nlink: 2, size: 2 })
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'both names of a lower pair written in turn, with a remount between',
    lowers: [{ a: file('.'), b: hardlink('a'), c: hardlink('a') }],
    run({ fs, remount }) {
      fs.append('a', 'a')
      remount()
      fs.append('b', 'b')
      assert.equal(fs.read('c'), '.ab')
      remount()
      for (const name of ['a', 'b', 'c']) {
        assert.equal(fs.read(name), '.ab')
        shows(fs.stat(name), { nlink: 3, ino: fs.stat('a').ino })
      }
    },
  },
  {
    name: 'nlink of a lower pair goes down with each unlink, over a remount',
    lowers: [{ a: file('x'), b: hardlink('a'), c: hardlink('a') }],
    run({ fs, remount }) {
      fs.unlink('a')
      shows(fs.stat('b'), { nlink: 2 })
      fs.append('b', 'y')
      remount()
      shows(fs.stat('c'), { nlink: 2, size: 2 })
      fs.unlink('b')
      shows(fs.stat('c'), { nlink: 1 })
      remount()
      shows(fs.stat('c'), { nlink: 1, size: 2 })
      assert.deepEqual(fs.names('.'), ['c'])
    },
  },
  {
    name: 'a lower pair holds together when the lower loses the name that was copied up, while unmounted',
    needs: ['layers'],
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs, disk, lowers, upper, offline }) {
      fs.append('a', 'y')
      const copied = disk.exists(`${upper}/a`) ? 'a' : 'b'
      const other = copied === 'a' ? 'b' : 'a'
      let kept: string | null = null
      offline(() => {
        kept = `${lowers[0]}/${copied}`
        disk.unlink(kept)
      })
      for (const name of ['a', 'b']) {
        shows(fs.stat(name), { nlink: 2, ino: fs.stat(copied).ino })
        assert.equal(fs.read(name), 'xy')
      }
      fs.append(other, 'z')
      assert.equal(fs.read(copied), 'xyz')
      disk.link(`${lowers[0]}/${other}`, kept!)
      disk.utimes(lowers[0]!, 'omit', PLANTED)
    },
  },
  {
    name: 'lower files that get a second name while unmounted: copied up before, it is a file of its own',
    needs: ['layers'],
    lowers: [{ a: file('x'), b: file('y') }],
    run({ fs, disk, lowers, offline }) {
      fs.append('a', '+')
      offline(() => {
        disk.link(`${lowers[0]}/a`, `${lowers[0]}/a2`)
        disk.link(`${lowers[0]}/b`, `${lowers[0]}/b2`)
      })
      assert.deepEqual(
        ['a', 'a2', 'b', 'b2'].map((name) => fs.read(name)),
        ['x+', 'x', 'y', 'y'],
      )
      assert.notEqual(fs.stat('a').ino, fs.stat('a2').ino)
      shows(fs.stat('b'), { nlink: 2, ino: fs.stat('b2').ino })
      fs.append('b2', '-')
      fs.append('a2', '-')
      assert.deepEqual(
        ['a', 'a2', 'b', 'b2'].map((name) => fs.read(name)),
        ['x+', 'x-', 'y-', 'y-'],
      )
      for (const name of ['a2', 'b2']) disk.unlink(`${lowers[0]}/${name}`)
      disk.utimes(lowers[0]!, 'omit', PLANTED)
    },
  },
  {
    name: 'names that a lower pair gets below the mount, and loses in it, take nothing from the two',
    needs: ['layers'],
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs, disk, lowers, remount }) {
      assert.equal(fs.stat('a').ino, fs.stat('b').ino)
      const added = ['c', 'd', 'e']
      for (const name of added) disk.link(`${lowers[0]}/a`, `${lowers[0]}/${name}`)
      for (const name of added) fs.unlink(name)
      assert.ok(fs.stat('a').nlink > 0)
      fs.append('b', 'y')
      remount()
      for (const name of ['a', 'b']) assert.equal(fs.read(name), 'xy')
      assert.equal(fs.stat('a').ino, fs.stat('b').ino)
      for (const name of added) disk.unlink(`${lowers[0]}/${name}`)
      disk.utimes(lowers[0]!, 'omit', PLANTED)
    },
  },
  {
    name: 'a third name for a lower pair counts 3',
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs, remount }) {
      fs.link('b', 'c')
      for (const name of ['a', 'b', 'c']) shows(fs.stat(name), { nlink: 3, ino: fs.stat('a').ino })
      remount()
      for (const name of ['a', 'b', 'c']) shows(fs.stat(name), { nlink: 3, ino: fs.stat('a').ino })
    },
  },
  {
    name: 'chmod, utimes and truncate through one name show through the other',
    lowers: [{ a: file('xyz'), b: hardlink('a') }],
    run({ fs, remount }) {
      fs.chmod('a', 0o600)
      fs.truncate('b', 1)
      fs.utimes('a', 'omit', 42_000_000_042n)
      for (const name of ['a', 'b']) shows(fs.stat(name), { mode: 0o600, size: 1, mtime: 42_000_000_042n })
      remount()
      for (const name of ['a', 'b']) shows(fs.stat(name), { mode: 0o600, size: 1, mtime: 42_000_000_042n })
    },
  },
  {
    name: 'a lower pair holds together when the caches are dropped between the writes',
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs, dropCaches }) {
      fs.append('a', '1')
      dropCaches()
      assert.equal(fs.read('b'), 'x1')
      dropCaches()
      fs.append('b', '2')
      dropCaches()
      assert.equal(fs.read('a'), 'x12')
      shows(fs.stat('a'), { nlink: 2, ino: fs.stat('b').ino })
    },
  },
  {
    name: 'a name of a lower pair renamed stays in the group',
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs, remount }) {
      fs.rename('a', 'c')
      fs.append('c', 'y')
      assert.equal(fs.read('b'), 'xy')
      remount()
      assert.equal(fs.read('b'), 'xy')
      shows(fs.stat('b'), { nlink: 2, ino: fs.stat('c').ino })
    },
  },
  {
    name: 'a descriptor on one name sees the write through the other',
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs }) {
      fs.with('a', O.RDWR, (fd) => {
        fs.append('b', 'y')
        assert.equal(fs.pread(fd), 'xy')
        shows(fs.fstat(fd), { nlink: 2, size: 2 })
      })
    },
  },
  {
    name: 'hard links made in the mount hold together over a remount',
    run({ fs, remount }) {
      fs.write('a', 'x')
      fs.link('a', 'b')
      fs.mkdir('d')
      fs.link('b', 'd/c')
      remount()
      fs.append('d/c', 'y')
      for (const name of ['a', 'b', 'd/c']) {
        assert.equal(fs.read(name), 'xy')
        shows(fs.stat(name), { nlink: 3, ino: fs.stat('a').ino })
      }
    },
  },
  {
    name: 'link of a directory is EPERM, onto an existing name EEXIST, of an absent one ENOENT',
    lowers: [{ d: dir(), f: file('x'), g: file('y') }],
    run({ fs }) {
      fails('EPERM', () => fs.link('d', 'e'))
      fails('EEXIST', () => fs.link('f', 'g'))
      fails('ENOENT', () => fs.link('absent', 'h'))
      shows(fs.stat('f'), { nlink: 1 })
    },
  },
  {
    name: 'link of a symlink links the symlink',
    lowers: [{ l: symlink('target') }],
    run({ fs }) {
      fs.link('l', 'm')
      assert.equal(fs.readlink('m'), 'target')
      shows(fs.stat('m'), { type: 'symlink', nlink: 2, ino: fs.stat('l').ino })
    },
  },
  {
    name: 'link sets ctime of the file and leaves mtime',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      const before = fs.stat('f')
      fs.link('f', 'g')
      assert.ok(fs.stat('f').ctime > before.ctime)
      shows(fs.stat('f'), { mtime: PLANTED })
    },
  },
]

export const links: Family = { name: 'links', cases }
