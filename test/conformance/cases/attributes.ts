/** Attributes: mode, owner, times to the nanosecond, size; each alone and together, on lower and on new files. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, isRecent, shows } from '../case.js'
import { O, STATX_BTIME } from '../numbers.js'
import { dir, file, PLANTED, symlink } from '../tree.js'

const cases: Case[] = [
  {
    name: 'chmod of a lower file changes mode and ctime only',
    lowers: [{ f: file('content') }],
    run({ fs }) {
      fs.chmod('f', 0o4711)
      shows(fs.stat('f'), { mode: 0o4711, size: 7, mtime: PLANTED })
      isRecent(fs.stat('f').ctime)
      assert.equal(fs.read('f'), 'content')
    },
  },
  {
    name: 'chmod of a lower directory keeps what is in it',
    lowers: [{ d: dir(), 'd/a': file('a') }, { 'd/b': file('b') }],
    run({ fs }) {
      fs.chmod('d', 0o1750)
      shows(fs.stat('d'), { mode: 0o1750, mtime: PLANTED })
      assert.deepEqual(fs.names('d'), ['a', 'b'])
    },
  },
  {
    name: 'chmod of the merged root',
    lowers: [{ f: file('') }],
    run({ fs }) {
      fs.chmod('.', 0o751)
      shows(fs.stat('.'), { type: 'dir', mode: 0o751 })
    },
  },
  {
    name: 'chown of a lower file sets both ids, -1 leaves one',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o644 }) }],
    run({ fs }) {
      fs.chown('f', 1001, 1002)
      shows(fs.stat('f'), { uid: 1001, gid: 1002, mode: 0o644, mtime: PLANTED })
      fs.chown('f', -1, 7)
      shows(fs.stat('f'), { uid: 1001, gid: 7 })
      fs.chown('f', 8, -1)
      shows(fs.stat('f'), { uid: 8, gid: 7 })
    },
  },
  {
    name: 'chown by a plain user clears setuid and setgid of an executable file',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o6755, uid: 1001, gid: 1001 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => fs.chown('f', -1, 1001))
      shows(fs.stat('f'), { mode: 0o755, uid: 1001, gid: 1001 })
    },
  },
  {
    name: 'chown of a lower symlink changes the link, not its target',
    needs: ['owners'],
    lowers: [{ f: file('x'), l: symlink('f') }],
    run({ fs }) {
      fs.chown('l', 1001, 1001)
      shows(fs.stat('l'), { type: 'symlink', uid: 1001, gid: 1001 })
      shows(fs.stat('f'), { uid: 0, gid: 0 })
      assert.equal(fs.readlink('l'), 'f')
    },
  },
  {
    name: 'chmod and chown by somebody else are EPERM',
    needs: ['owners'],
    lowers: [{ f: file('x') }],
    run({ fs, disk, upper }) {
      fs.as(1001, 1001, () => {
        fails('EPERM', () => fs.chmod('f', 0o777))
        fails('EPERM', () => fs.chown('f', 1001, 1001))
        fails('EPERM', () => fs.utimes('f', 1n, 1n))
        fails('EACCES', () => fs.utimes('f', 'now', 'now'))
      })
      shows(fs.stat('f'), { mode: 0o644, uid: 0, mtime: PLANTED })
      assert.deepEqual(disk.exists(`${upper}/f`), false)
    },
  },
  {
    name: 'utimes sets nanoseconds of both times on a lower file',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.utimes('f', 1_111_111_111_000_000_001n, 1_222_222_222_999_999_999n)
      shows(fs.stat('f'), { atime: 1_111_111_111_000_000_001n, mtime: 1_222_222_222_999_999_999n })
    },
  },
  {
    name: 'utimes with OMIT leaves a time, with NOW sets it to now',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.utimes('f', 5_000_000_005n, 'omit')
      shows(fs.stat('f'), { atime: 5_000_000_005n, mtime: PLANTED })
      fs.utimes('f', 'omit', 'now')
      shows(fs.stat('f'), { atime: 5_000_000_005n })
      isRecent(fs.stat('f').mtime)
    },
  },
  {
    name: 'times before 1970 and after 2038',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.utimes('f', -1_500_000_000n, 5_000_000_000_000_000_007n)
      shows(fs.stat('f'), { atime: -1_500_000_000n, mtime: 5_000_000_000_000_000_007n })
    },
  },
  {
    name: 'utimes of a lower symlink and a lower directory',
    lowers: [{ l: symlink('nowhere'), d: dir(), 'd/f': file('') }],
    run({ fs }) {
      fs.utimes('l', 1_000_000_001n, 2_000_000_002n)
      fs.utimes('d', 3_000_000_003n, 4_000_000_004n)
      shows(fs.stat('l'), { type: 'symlink', mtime: 2_000_000_002n })
      shows(fs.stat('d'), { type: 'dir', mtime: 4_000_000_004n })
      assert.deepEqual(fs.names('d'), ['f'])
    },
  },
  {
    name: 'truncate by path shortens a lower file and sets mtime',
    lowers: [{ f: file('0123456789') }],
    run({ fs }) {
      fs.truncate('f', 4)
      assert.equal(fs.read('f'), '0123')
      isRecent(fs.stat('f').mtime)
    },
  },
  {
    name: 'truncate by path lengthens a lower file with zeros',
    lowers: [{ f: file('ab') }],
    run({ fs }) {
      fs.truncate('f', 5)
      assert.equal(fs.read('f'), 'ab\0\0\0')
      shows(fs.stat('f'), { size: 5 })
    },
  },
  {
    name: 'truncate through a descriptor that is open for writing',
    lowers: [{ f: file('0123456789') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.ftruncate(fd, 3)
        assert.equal(fs.fstat(fd).size, 3)
        assert.equal(fs.pread(fd), '012')
      })
      assert.equal(fs.read('f'), '012')
    },
  },
  {
    name: 'truncate of a directory is EISDIR, through a read descriptor EINVAL',
    lowers: [{ d: dir(), f: file('x') }],
    run({ fs }) {
      fails('EISDIR', () => fs.truncate('d', 0))
      fs.with('f', O.RDONLY, (fd) => fails('EINVAL', () => fs.ftruncate(fd, 0)))
      assert.equal(fs.read('f'), 'x')
    },
  },
  {
    name: 'truncate clears setuid and setgid when a plain user does it',
    needs: ['owners'],
    lowers: [{ f: file('0123', { mode: 0o6777 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => fs.truncate('f', 2))
      shows(fs.stat('f'), { mode: 0o777, size: 2, uid: 0 })
    },
  },
  {
    name: 'writing clears setuid and setgid when a plain user does it',
    needs: ['owners'],
    lowers: [{ f: file('0123', { mode: 0o6777 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => fs.append('f', '4'))
      shows(fs.stat('f'), { mode: 0o777, size: 5, uid: 0 })
      assert.equal(fs.read('f'), '01234')
    },
  },
  {
    name: 'writing and fallocate clear setgid without group execute when somebody outside the group does it',
    needs: ['owners'],
    lowers: [
      { f: file('x', { mode: 0o2666 }), g: file('x', { mode: 0o2666 }), own: file('x', { mode: 0o2666, gid: 1001 }) },
    ],
    run({ fs }) {
      fs.write('new', 'x')
      fs.chmod('new', 0o2666)
      fs.as(1001, 1001, () => {
        fs.append('f', 'y')
        fs.append('new', 'y')
        fs.with('g', O.WRONLY, (fd) => fs.fallocate(fd, 0, 0, 4096))
        fs.append('own', 'y')
      })
      for (const path of ['f', 'g', 'new']) shows(fs.stat(path), { mode: 0o666 })
      shows(fs.stat('own'), { mode: 0o2666 })
    },
  },
  {
    name: 'truncate and O_TRUNC clear setgid without group execute when somebody outside the group does it',
    needs: ['owners'],
    lowers: [
      {
        f: file('x', { mode: 0o2666 }),
        g: file('x', { mode: 0o2666 }),
        own: file('x', { mode: 0o2666, gid: 1001 }),
        also: file('x', { mode: 0o2666, gid: 1002 }),
        'also-2': file('x', { mode: 0o2666, gid: 1002 }),
      },
    ],
    run({ fs, remount }) {
      fs.write('new', 'x')
      fs.chmod('new', 0o2666)
      const act = () => {
        fs.truncate('f', 0)
        fs.shut(fs.open('g', O.WRONLY | O.TRUNC))
        for (const path of ['new', 'own', 'also']) fs.truncate(path, 0)
        fs.shut(fs.open('also-2', O.WRONLY | O.TRUNC))
      }
      fs.as(1001, 1001, act, 1002)
      const look = () => {
        for (const path of ['f', 'g', 'new']) shows(fs.stat(path), { mode: 0o666, size: 0 })
        for (const path of ['own', 'also', 'also-2']) shows(fs.stat(path), { mode: 0o2666, size: 0 })
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'a stat of what a directory of the upper holds does not move its atime',
    needs: ['layers'],
    upper: { 'd/f': file('x') },
    lowers: [{ 'd/g': file('y'), 'd/e/h': file('z') }],
    run({ fs, disk, upper, offline }) {
      const old = 1_500_000_000_000_000_000n
      offline(() => disk.utimes(`${upper}/d`, old, old))
      for (const path of ['d', 'd/f', 'd/g', 'd/e', 'd/e/h']) fs.stat(path)
      fails('ENOENT', () => fs.stat('d/absent'))
      assert.equal(disk.stat(`${upper}/d`).atime, old)
      fs.names('d')
      assert.notEqual(disk.stat(`${upper}/d`).atime, old)
    },
  },
  {
    name: 'a new name in a new directory does not move its atime',
    run({ fs }) {
      fs.mkdir('d')
      const before = fs.stat('d').atime
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
      fs.write('d/f', '')
      fs.mkdir('d/s')
      fs.symlink('x', 'd/l')
      fs.unlink('d/f')
      assert.equal(fs.stat('d').atime, before)
    },
  },
  {
    name: 'fchmod through a descriptor opened before the copy-up shows by name and by descriptor',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (fd) => {
        fs.fchmod(fd, 0o604)
        assert.equal(fs.fstat(fd).mode, 0o604)
      })
      shows(fs.stat('f'), { mode: 0o604 })
    },
  },
  {
    name: 'a new file in a directory sets the directory’s mtime and ctime',
    lowers: [{ d: dir() }],
    run({ fs }) {
      fs.write('d/new', '')
      isRecent(fs.stat('d').mtime)
      isRecent(fs.stat('d').ctime)
    },
  },
  {
    name: 'statx tells a birth time that lies before ctime of a new file',
    run({ fs }) {
      fs.write('f', 'x')
      const stat = fs.stat('f')
      assert.equal(stat.mask & STATX_BTIME, STATX_BTIME)
      isRecent(stat.btime)
      assert.ok(stat.btime <= stat.ctime)
    },
  },
  {
    name: 'blocks and size of a written file agree',
    run({ fs }) {
      fs.with('f', O.RDWR | O.CREAT, (fd) => {
        fs.fill(fd, 0, 100_000, 1)
        fs.fsync(fd)
      })
      const stat = fs.stat('f')
      assert.equal(stat.size, 100_000)
      assert.ok(stat.blocks * 512 >= 100_000 && stat.blocks * 512 < 200_000, `${stat.blocks} blocks`)
    },
  },
  {
    name: 'statfs tells the upper filesystem’s size and 255-byte names',
    needs: ['layers'],
    lowers: [{ f: file('') }],
    run({ fs, disk, upper }) {
      const [merged, below] = [fs.statfs('.'), disk.statfs(upper)]
      shows({ ...fs.stat('.') }, { type: 'dir' })
      assert.equal(merged.namelen, 255)
      assert.equal(merged.bsize, below.bsize)
      assert.equal(merged.blocks, below.blocks)
      assert.equal(merged.files, below.files)
    },
  },
  {
    name: 'access is checked by mode bits, for owner, group and others',
    needs: ['owners'],
    lowers: [{ f: file('x', { uid: 1001, gid: 1002, mode: 0o640 }), 'd/in': file('y'), d: dir({ mode: 0o711 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => assert.equal(fs.read('f'), 'x'))
      fs.as(1003, 1002, () => {
        assert.equal(fs.read('f'), 'x')
        fails('EACCES', () => fs.open('f', O.WRONLY))
        fails('EACCES', () => fs.names('d'))
        assert.equal(fs.read('d/in'), 'y')
        fails('EACCES', () => fs.write('d/new', ''))
      })
      fs.as(1003, 1003, () => fails('EACCES', () => fs.open('f')))
    },
  },
  {
    name: 'access(2) answers as open would',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o744 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => {
        fs.access('f', 4)
        fails('EACCES', () => fs.access('f', 2))
        fails('EACCES', () => fs.access('f', 1))
      })
      fs.access('f', 7)
    },
  },
]

export const attributes: Family = { name: 'attributes', cases }
