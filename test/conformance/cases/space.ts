/** Where bytes lie: sparse files over copy-up, fallocate, SEEK_DATA and SEEK_HOLE, copy_file_range, mmap. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { FALLOC, O, SEEK } from '../numbers.js'
import { file, sparse } from '../tree.js'

const MIB = 1 << 20
const SEEK_BLIND = 'with writes gathered in the kernel all of a file counts as data (exact without writeback=1)'

const spaceCases: Case[] = [
  {
    name: 'a sparse lower file stays sparse over copy-up',
    lowers: [
      {
        f: sparse(64 * MIB, [
          [0, 'head'],
          [32 * MIB, 'middle'],
        ]),
      },
    ],
    run({ fs }) {
      const before = fs.stat('f').blocks
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 4, '!')
        fs.fsync(fd)
        assert.equal(fs.pread(fd, 0, 6), 'head!\0')
        assert.equal(fs.pread(fd, 32 * MIB, 6), 'middle')
        assert.equal(fs.pread(fd, 63 * MIB, 4), '\0\0\0\0')
      })
      const after = fs.stat('f')
      assert.equal(after.size, 64 * MIB)
      // Kernel overlayfs copies a whole MiB around each piece of data.
      assert.ok(after.blocks <= before + 4096, `${before} blocks before, ${after.blocks} after`)
    },
  },
  {
    name: 'SEEK_DATA and SEEK_HOLE find the parts of a lower and of a copied-up file',
    not: { cached: SEEK_BLIND },
    lowers: [{ f: sparse(8 * MIB, [[4 * MIB, 'data']]) }],
    run({ fs }) {
      const look = (fd: number) => {
        assert.equal(fs.lseek(fd, 0, SEEK.HOLE), 0)
        assert.equal(fs.lseek(fd, 0, SEEK.DATA), 4 * MIB)
        const hole = fs.lseek(fd, 4 * MIB, SEEK.HOLE)
        // Kernel overlayfs copies a whole MiB around each piece of data.
        assert.ok(hole > 4 * MIB && hole <= 5 * MIB, `hole at ${hole}`)
        fails('ENXIO', () => fs.lseek(fd, 5 * MIB, SEEK.DATA))
        assert.equal(fs.lseek(fd, 5 * MIB, SEEK.HOLE), 5 * MIB)
        fails('ENXIO', () => fs.lseek(fd, 9 * MIB, SEEK.HOLE))
      }
      fs.with('f', O.RDONLY, look)
      fs.chmod('f', 0o600)
      fs.with('f', O.RDWR, look)
    },
  },
  {
    name: 'lseek END and CUR on a lower file',
    lowers: [{ f: file('0123456789') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (fd) => {
        assert.equal(fs.lseek(fd, -3, SEEK.END), 7)
        assert.equal(fs.pread(fd, -1, 10), '789')
        assert.equal(fs.lseek(fd, 0, SEEK.CUR), 10)
        fails('EINVAL', () => fs.lseek(fd, -1, SEEK.SET))
      })
    },
  },
  {
    name: 'fallocate lengthens a lower file; KEEP_SIZE does not',
    lowers: [{ f: file('abc'), g: file('abc') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => fs.fallocate(fd, 0, 0, 100_000))
      fs.with('g', O.RDWR, (fd) => fs.fallocate(fd, FALLOC.KEEP_SIZE, 0, 100_000))
      shows(fs.stat('f'), { size: 100_000 })
      shows(fs.stat('g'), { size: 3 })
      assert.ok(fs.stat('g').blocks * 512 >= 100_000)
      assert.equal(
        fs.with('f', O.RDONLY, (fd) => fs.pread(fd, 0, 5)),
        'abc\0\0',
      )
    },
  },
  {
    name: 'fallocate PUNCH_HOLE and ZERO_RANGE clear a range of a lower file',
    lowers: [{ f: file('x'.repeat(20_000)), g: file('y'.repeat(20_000)) }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, 4096, 8192)
        assert.equal(fs.pread(fd, 4094, 4), 'xx\0\0')
        assert.equal(fs.pread(fd, 12_286, 4), '\0\0xx')
        assert.equal(fs.fstat(fd).size, 20_000)
      })
      fs.with('g', O.RDWR, (fd) => {
        fs.fallocate(fd, FALLOC.ZERO_RANGE, 10, 20)
        assert.equal(fs.pread(fd, 8, 24), `yy${'\0'.repeat(20)}yy`)
      })
    },
  },
  {
    name: 'fallocate on a read descriptor is EBADF, with a bad mode EOPNOTSUPP, of nothing EINVAL',
    lowers: [{ f: file('abc') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (fd) => fails('EBADF', () => fs.fallocate(fd, 0, 0, 10)))
      fs.with('f', O.RDWR, (fd) => {
        fails('EOPNOTSUPP', () => fs.fallocate(fd, FALLOC.PUNCH_HOLE, 0, 10))
        fails('EINVAL', () => fs.fallocate(fd, 0, 0, 0))
      })
      assert.equal(fs.read('f'), 'abc')
    },
  },
  {
    name: 'copy_file_range from a lower file into a new one and into a lower one',
    lowers: [{ f: file('0123456789'), g: file('abcdefghij') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (from) => {
        fs.with('new', O.RDWR | O.CREAT, (to) => assert.equal(fs.copyFileRange(from, 2, to, 0, 5), 5))
        fs.with('g', O.RDWR, (to) => assert.equal(fs.copyFileRange(from, 0, to, 3, 4), 4))
        assert.equal(
          fs.with('g', O.RDWR, (to) => fs.copyFileRange(from, 10, to, 0, 4)),
          0,
        )
      })
      assert.equal(fs.read('new'), '23456')
      assert.equal(fs.read('g'), 'abc0123hij')
    },
  },
  {
    name: 'copy_file_range of 3 MiB within the mount is exact',
    run({ fs }) {
      fs.with('a', O.RDWR | O.CREAT, (from) => {
        fs.fill(from, 0, 3 * MIB, 5)
        fs.with('b', O.RDWR | O.CREAT, (to) => {
          for (let at = 0; at < 3 * MIB; ) at += fs.copyFileRange(from, at, to, at, 3 * MIB - at)
        })
      })
      assert.equal(fs.hash('b'), fs.hash('a'))
      shows(fs.stat('b'), { size: 3 * MIB })
    },
  },
  {
    name: 'O_TMPFILE: written, read, nlink 0, and linked into place',
    lowers: [{ 'd/x': file('x') }],
    run({ fs, remount }) {
      fs.with(
        'd',
        O.RDWR | O.TMPFILE,
        (fd) => {
          fs.pwrite(fd, 0, 'unnamed')
          shows(fs.fstat(fd), { type: 'file', nlink: 0, size: 7, mode: 0o640 })
          assert.deepEqual(fs.names('d'), ['x'])
          fs.linkfd(fd, 'd/named')
          shows(fs.fstat(fd), { nlink: 1 })
        },
        0o640,
      )
      remount()
      assert.equal(fs.read('d/named'), 'unnamed')
      shows(fs.stat('d/named'), { mode: 0o640, nlink: 1 })
    },
  },
  {
    name: 'O_TMPFILE that is never linked leaves nothing',
    needs: ['layers'],
    lowers: [{ 'd/x': file('x') }],
    run({ fs, disk, upper, offline }) {
      fs.with('d', O.RDWR | O.TMPFILE, (fd) => fs.pwrite(fd, 0, 'gone'))
      assert.deepEqual(fs.names('d'), ['x'])
      offline(() => {
        const left = disk.exists(`${upper}/d`) ? disk.names(`${upper}/d`) : []
        assert.deepEqual(left, [])
      })
    },
  },
  {
    name: 'O_TMPFILE with O_EXCL cannot be linked',
    lowers: [{ 'd/x': file('x') }],
    run({ fs }) {
      fs.with('d', O.RDWR | O.TMPFILE | O.EXCL, (fd) => fails('ENOENT', () => fs.linkfd(fd, 'd/named')))
      assert.deepEqual(fs.names('d'), ['x'])
    },
  },
]

export const space: Family = { name: 'holes, fallocate, ranges, tmpfile', cases: spaceCases }

const mapCases: Case[] = [
  {
    name: 'a mapping of a lower file shows its content',
    lowers: [{ f: file('mapped content') }],
    run({ fs }) {
      const fd = fs.open('f')
      const map = fs.mmap(fd, 4096, 'private')
      fs.shut(fd)
      assert.equal(fs.mapread(map, 0, 15), 'mapped content\0')
      fs.munmap(map)
    },
  },
  {
    name: 'a shared mapping writes the copied-up file',
    lowers: [{ f: file('old content') }],
    run({ fs, remount }) {
      const fd = fs.open('f', O.RDWR)
      const map = fs.mmap(fd, 4096, 'shared', true)
      fs.mapwrite(map, 0, 'NEW')
      fs.msync(map)
      assert.equal(fs.pread(fd), 'NEW content')
      fs.munmap(map)
      fs.shut(fd)
      remount()
      assert.equal(fs.read('f'), 'NEW content')
    },
  },
  {
    name: 'a write to a shared mapping moves mtime, of a lower, an older and a new file',
    lowers: [{ lower: file('x'.repeat(4096)) }],
    run({ fs }) {
      fs.write('older', 'x'.repeat(4096))
      const write = (path: string, fd: number) => {
        const before = fs.mtime(path)
        const slot = fs.mmap(fd, 4096, 'shared', true)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
        fs.mapwrite(slot, 0, 'y')
        fs.msync(slot)
        fs.munmap(slot)
        return before
      }
      const moves = (path: string, flags: number) => {
        const before = fs.with(path, flags, (fd) => {
          // Of the others the kernel has the attributes from before.
          if (flags !== O.RDWR) fs.ftruncate(fd, 4096)
          return write(path, fd)
        })
        assert.ok(fs.mtime(path) > before, path)
      }
      fs.mtime('lower')
      fs.mtime('older')
      moves('lower', O.RDWR)
      moves('older', O.RDWR)
      moves('new', O.RDWR | O.CREAT)
    },
  },
  {
    name: 'a shared mapping and write(2) on the same file see one another',
    run({ fs }) {
      fs.write('f', 'abcdef')
      const fd = fs.open('f', O.RDWR)
      const map = fs.mmap(fd, 4096, 'shared', true)
      fs.pwrite(fd, 0, 'XY')
      assert.equal(fs.mapread(map, 0, 6), 'XYcdef')
      fs.mapwrite(map, 4, 'Z')
      assert.equal(fs.pread(fd), 'XYcdZf')
      fs.munmap(map)
      fs.shut(fd)
    },
  },
  {
    name: 'a private writable mapping of a lower file changes no file',
    lowers: [{ f: file('content') }],
    run({ fs }) {
      const fd = fs.open('f')
      const map = fs.mmap(fd, 4096, 'private', true)
      fs.mapwrite(map, 0, 'XXX')
      assert.equal(fs.mapread(map, 0, 7), 'XXXtent')
      assert.equal(fs.read('f'), 'content')
      fs.munmap(map)
      fs.shut(fd)
    },
  },
  {
    name: 'a shared writable mapping needs a descriptor open for writing',
    lowers: [{ f: file('content') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (fd) => fails('EACCES', () => fs.mmap(fd, 4096, 'shared', true)))
    },
  },
  {
    name: 'a mapping outlives the unlink of its file',
    lowers: [{ f: file('content') }],
    run({ fs, dropCaches }) {
      const fd = fs.open('f', O.RDWR)
      const map = fs.mmap(fd, 4096, 'shared', true)
      fs.unlink('f')
      fs.mapwrite(map, 0, 'C')
      dropCaches()
      assert.equal(fs.mapread(map, 0, 7), 'Content')
      assert.equal(fs.pread(fd), 'Content')
      fs.munmap(map)
      fs.shut(fd)
    },
  },
  {
    name: 'files of different layers mapped at once show each its own content',
    lowers: [{ a: file('layer zero') }, { b: file('layer one') }, { c: file('layer two') }],
    run({ fs }) {
      const maps = ['a', 'b', 'c'].map((name) => fs.with(name, O.RDONLY, (fd) => fs.mmap(fd, 4096, 'private')))
      assert.deepEqual(
        maps.map((map) => fs.mapread(map, 6, 4)),
        ['zero', 'one\0', 'two\0'],
      )
      for (const map of maps) fs.munmap(map)
    },
  },
]

export const mappings: Family = { name: 'mmap', cases: mapCases }
