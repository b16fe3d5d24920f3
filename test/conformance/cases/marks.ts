/**
 * What lies on disk, and how it is read: whiteouts, opaque, redirects, metacopy, origin, as kernel overlayfs has them.
 */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { O } from '../numbers.js'
import { dir, file, PLANTED, sparse, symlink, whiteout } from '../tree.js'

const MIB = 1 << 20

const diskCases: Case[] = [
  {
    name: 'a copied-up file lies in the upper with content, mode, owner and mtime',
    needs: ['layers'],
    lowers: [{ 'd/f': file('content', { mode: 0o4750 }) }],
    run({ fs, disk, lowers, upper }) {
      const { uid, gid } = disk.stat(`${lowers[0]}/d/f`)
      fs.chmod('d/f', 0o4751)
      assert.equal(disk.read(`${upper}/d/f`), 'content')
      shows(disk.stat(`${upper}/d/f`), { mode: 0o4751, mtime: PLANTED, uid, gid })
      shows(disk.stat(`${upper}/d`), { type: 'dir', mode: 0o755, mtime: PLANTED })
    },
  },
  {
    name: 'reading, listing and stat copy nothing up',
    needs: ['layers'],
    lowers: [{ 'd/f': file('content', { xattrs: { 'user.a': '1' } }), l: symlink('d/f') }],
    run({ fs, disk, upper }) {
      fs.read('l')
      fs.names('d')
      fs.stat('d/f')
      fs.getxattr('d/f', 'user.a')
      fs.access('d/f', 6)
      fs.with('d/f', O.RDONLY, (fd) => fs.lseek(fd, 0, 3))
      assert.deepEqual(disk.names(upper), [])
    },
  },
  {
    name: 'a failed act copies nothing up',
    needs: ['layers'],
    lowers: [{ 'd/f': file('x'), 'full/g': file('y') }],
    run({ fs, disk, upper }) {
      fails('ENOTEMPTY', () => fs.rmdir('full'))
      fails('EEXIST', () => fs.mkdir('d'))
      fails('EISDIR', () => fs.rename('d/f', 'full'))
      fails('EEXIST', () => fs.link('d/f', 'full/g'))
      assert.ok(!disk.exists(`${upper}/full/g`))
      assert.deepEqual(fs.names('.'), ['d', 'full'])
    },
  },
  {
    name: 'a directory made over a removed one is marked opaque on disk',
    needs: ['layers'],
    lowers: [{ 'd/f': file('x') }],
    run({ fs, disk, upper, mark }) {
      fs.removetree('d')
      fs.mkdir('d')
      assert.equal(disk.getxattr(`${upper}/d`, `${mark}opaque`), 'y')
    },
  },
  {
    name: 'a directory with nothing below it is not marked opaque',
    needs: ['layers'],
    lowers: [{ f: file('x') }],
    run({ fs, disk, upper, mark }) {
      fs.mkdir('d')
      fs.mkdir('d/s')
      fails('ENODATA', () => disk.getxattr(`${upper}/d/s`, `${mark}opaque`))
    },
  },
  {
    name: 'the whiteouts inside a directory go away with it',
    needs: ['layers'],
    lowers: [{ 'd/a': file('a'), 'd/b': file('b') }],
    run({ fs, disk, upper }) {
      fs.unlink('d/a')
      fs.unlink('d/b')
      fs.rmdir('d')
      shows(disk.stat(`${upper}/d`), { type: 'char', rdev: [0, 0] })
    },
  },
  {
    name: 'a whiteout in the upper is replaced by a rename onto it',
    needs: ['layers'],
    lowers: [{ a: file('a'), b: file('b') }],
    run({ fs, disk, upper }) {
      fs.unlink('b')
      fs.rename('a', 'b')
      shows(disk.stat(`${upper}/b`), { type: 'file' })
      shows(disk.stat(`${upper}/a`), { type: 'char', rdev: [0, 0] })
    },
  },
  {
    name: 'the workdir is empty of rubbish once the mount is gone',
    needs: ['layers'],
    lowers: [{ f: file('x'), 'd/g': file('y') }],
    run({ fs, disk, work, offline }) {
      fs.append('f', '+')
      fs.unlink('d/g')
      fs.rename('d', 'e')
      offline(() =>
        assert.deepEqual(
          disk.exists(`${work}/work`) ? disk.names(`${work}/work`).filter((name) => name.startsWith('#')) : [],
          [],
        ),
      )
    },
  },
  {
    name: 'a copied-up file carries an origin mark',
    needs: ['layers'],
    not: { user: 'file handles cannot be made without privilege on every filesystem; an empty origin is as good' },
    lowers: [{ f: file('x') }],
    run({ fs, disk, upper, mark }) {
      fs.append('f', '+')
      assert.match(disk.getxattr(`${upper}/f`, `${mark}origin`), /^\0\xfb/)
    },
  },
  {
    name: 'whiteouts planted in the upper hide in every directory, and can be overwritten',
    lowers: [{ a: file('a'), 'd/b': file('b'), 'd/s/c': file('c') }],
    upper: { a: whiteout(), 'd/b': whiteout(), 'd/s': whiteout() },
    run({ fs }) {
      assert.deepEqual(fs.names('.'), ['d'])
      assert.deepEqual(fs.names('d'), [])
      fs.write('a', 'new a')
      fs.mkdir('d/s')
      assert.deepEqual(fs.names('d/s'), [])
      assert.equal(fs.read('a'), 'new a')
    },
  },
]

export const onDisk: Family = { name: 'on disk', cases: diskCases }

const CAPABLE = { xattrs: { 'security.capability': '\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0' } }

const metacopyCases: Case[] = [
  {
    name: 'chmod with metacopy=on copies no data, and the content reads on',
    needs: ['kernel-marks'],
    options: { metacopy: 'on' },
    lowers: [{ f: sparse(MIB, [[0, 'x'.repeat(30_000)]]) }],
    run({ fs, disk, upper, mark, remount }) {
      const before = fs.hash('f')
      fs.chmod('f', 0o600)
      assert.ok(disk.stat(`${upper}/f`).blocks < 16, 'the data was copied')
      assert.ok(disk.listxattr(`${upper}/f`).includes(`${mark}metacopy`))
      const look = () => {
        shows(fs.stat('f'), { mode: 0o600, size: MIB, mtime: PLANTED })
        assert.equal(fs.hash('f'), before)
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'a write after a metacopy copies the data, once',
    needs: ['kernel-marks'],
    options: { metacopy: 'on' },
    lowers: [{ f: file('content') }],
    run({ fs, disk, upper, mark, remount }) {
      fs.chmod('f', 0o600)
      fs.append('f', '!')
      assert.equal(fs.read('f'), 'content!')
      assert.ok(!disk.listxattr(`${upper}/f`).includes(`${mark}metacopy`))
      remount()
      assert.equal(fs.read('f'), 'content!')
      shows(fs.stat('f'), { mode: 0o600 })
    },
  },
  {
    name: 'a metacopied file renamed finds its data by redirect, also after a remount',
    needs: ['kernel-marks'],
    options: { metacopy: 'on' },
    lowers: [{ 'd/f': file('content'), e: dir() }],
    run({ fs, remount }) {
      fs.chmod('d/f', 0o600)
      fs.rename('d/f', 'e/g')
      assert.equal(fs.read('e/g'), 'content')
      remount()
      assert.equal(fs.read('e/g'), 'content')
      shows(fs.stat('e/g'), { mode: 0o600, size: 7, mtime: PLANTED })
      assert.deepEqual(fs.names('d'), [])
    },
  },
  {
    name: 'file capabilities of a metacopy stay when its content comes, and go with a write or a truncation',
    needs: ['kernel-marks', 'trusted'],
    options: { metacopy: 'on' },
    lowers: [{ f: file('x', CAPABLE), large: sparse(6 * MIB, [[0, 'x']], CAPABLE), cut: file('x', CAPABLE) }],
    run({ fs }) {
      for (const path of ['f', 'large', 'cut']) {
        fs.chmod(path, 0o700)
        fs.with(path, O.RDWR, () => {})
        assert.equal(fs.xattrsize(path, 'security.capability', 0), 20, path)
      }
      fs.append('f', 'y')
      fs.append('large', 'y')
      fs.with('cut', O.WRONLY | O.TRUNC, () => {})
      for (const path of ['f', 'large', 'cut']) fails('ENODATA', () => fs.getxattr(path, 'security.capability'))
    },
  },
  {
    name: 'a metacopied file linked: both names read, and write together',
    needs: ['kernel-marks'],
    options: { metacopy: 'on' },
    lowers: [{ f: file('content') }],
    run({ fs, remount }) {
      fs.chmod('f', 0o600)
      fs.link('f', 'g')
      remount()
      assert.equal(fs.read('g'), 'content')
      fs.append('g', '!')
      assert.equal(fs.read('f'), 'content!')
      shows(fs.stat('f'), { nlink: 2, ino: fs.stat('g').ino })
    },
  },
  {
    name: 'without metacopy, chmod copies the data',
    needs: ['layers'],
    options: { metacopy: 'off' },
    lowers: [{ f: file('content') }],
    run({ fs, disk, upper }) {
      fs.chmod('f', 0o600)
      assert.equal(disk.read(`${upper}/f`), 'content')
    },
  },
  {
    name: 'a metacopy truncated to nothing has no data left of the lower one',
    needs: ['kernel-marks'],
    options: { metacopy: 'on' },
    lowers: [{ f: file('content') }],
    run({ fs, remount }) {
      fs.chmod('f', 0o600)
      fs.truncate('f', 0)
      fs.append('f', 'new')
      remount()
      assert.equal(fs.read('f'), 'new')
    },
  },
]

export const metacopy: Family = { name: 'metacopy', cases: metacopyCases }
