/** Opening, reading and writing: copy-up at the first write, appends, truncating opens, what old descriptors see. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, isRecent, shows } from '../case.js'
import { O } from '../numbers.js'
import { dir, fifo, file, PLANTED, symlink } from '../tree.js'

const MIB = 1 << 20
/** 2 MiB and 17 bytes in which every place can be told from its neighbours. */
const BIG = Array.from({ length: 262_147 }, (_, i) => String(i).padStart(8, 'x'))
  .join('')
  .slice(0, 2 * MIB + 17)

const cases: Case[] = [
  {
    name: 'appending to a lower file keeps what was there',
    lowers: [{ f: file('old', { mode: 0o664 }) }],
    run({ fs }) {
      fs.append('f', '+new')
      assert.equal(fs.read('f'), 'old+new')
      shows(fs.stat('f'), { mode: 0o664, size: 7, nlink: 1 })
      isRecent(fs.stat('f').mtime)
    },
  },
  {
    name: 'writing in the middle of a lower file keeps the rest',
    lowers: [{ f: file('0123456789') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        assert.equal(fs.pwrite(fd, 4, 'xy'), 2)
        assert.equal(fs.pread(fd), '0123xy6789')
      })
      assert.equal(fs.read('f'), '0123xy6789')
    },
  },
  {
    name: 'opening a lower file with O_TRUNC empties it',
    lowers: [{ f: file('old', { mode: 0o604 }) }],
    run({ fs }) {
      fs.with('f', O.WRONLY | O.TRUNC, (fd) => assert.equal(fs.fstat(fd).size, 0))
      assert.equal(fs.read('f'), '')
      shows(fs.stat('f'), { mode: 0o604 })
    },
  },
  {
    name: 'opening for writing without writing leaves content and mtime',
    lowers: [{ f: file('old') }],
    run({ fs }) {
      fs.with('f', O.RDWR, () => {})
      assert.equal(fs.read('f'), 'old')
      shows(fs.stat('f'), { mtime: PLANTED })
    },
  },
  {
    name: 'a lower file open for reading, then opened for writing: the write is in the upper, never in the lower',
    lowers: [{ f: file('lower') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (reader) => {
        assert.equal(fs.pread(reader), 'lower')
        fs.with('f', O.WRONLY | O.APPEND, (writer) => assert.equal(fs.pwrite(writer, -1, '+x'), 2))
        assert.equal(fs.read('f'), 'lower+x')
        assert.match(fs.pread(reader, 0, 5), /^lower$/)
      })
      assert.equal(fs.read('f'), 'lower+x')
    },
  },
  {
    name: 'two writers of one lower file see one another',
    lowers: [{ f: file('........') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (a) =>
        fs.with('f', O.RDWR, (b) => {
          fs.pwrite(a, 0, 'aa')
          fs.pwrite(b, 4, 'bb')
          assert.equal(fs.pread(a), 'aa..bb..')
          assert.equal(fs.pread(b), 'aa..bb..')
        }),
      )
    },
  },
  {
    name: 'O_APPEND writes go to the end whatever the offset was',
    run({ fs }) {
      fs.write('f', 'abc')
      fs.with('f', O.WRONLY | O.APPEND, (a) =>
        fs.with('f', O.WRONLY | O.APPEND, (b) => {
          fs.pwrite(a, -1, '1')
          fs.pwrite(b, -1, '2')
          fs.pwrite(a, -1, '3')
        }),
      )
      assert.equal(fs.read('f'), 'abc123')
    },
  },
  {
    name: 'reading past the end gives nothing, reading over it gives the rest',
    lowers: [{ f: file('0123456789') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (fd) => {
        assert.equal(fs.pread(fd, 10, 5), '')
        assert.equal(fs.pread(fd, 8, 5), '89')
        assert.equal(fs.pread(fd, 100_000, 5), '')
      })
    },
  },
  {
    name: 'writing past the end leaves zeros between',
    lowers: [{ f: file('ab') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => fs.pwrite(fd, 5, 'z'))
      assert.equal(fs.read('f'), 'ab\0\0\0z')
    },
  },
  {
    name: 'a file of 2 MiB copied up by one byte is the same but for that byte',
    lowers: [{ f: file(BIG) }],
    run({ fs, remount }) {
      const before = fs.hash('f')
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, MIB + 1, 'q')
        assert.equal(fs.pread(fd, MIB, 3), `${BIG[MIB]}q${BIG[MIB + 2]}`)
        assert.notEqual(fs.hash('f'), before)
        fs.pwrite(fd, MIB + 1, BIG[MIB + 1]!)
      })
      assert.equal(fs.hash('f'), before)
      remount()
      assert.equal(fs.hash('f'), before)
    },
  },
  {
    name: 'open flags: EXCL on a lower name EEXIST, directory for writing EISDIR, symlink with NOFOLLOW ELOOP',
    lowers: [{ f: file('x'), d: dir(), l: symlink('f'), loop: symlink('loop') }],
    run({ fs }) {
      fails('EEXIST', () => fs.open('f', O.RDWR | O.CREAT | O.EXCL))
      fails('EISDIR', () => fs.open('d', O.WRONLY))
      fails('ELOOP', () => fs.open('l', O.RDONLY | O.NOFOLLOW))
      fails('ELOOP', () => fs.open('loop', O.RDONLY))
      fails('EEXIST', () => fs.open('l', O.RDWR | O.CREAT | O.EXCL))
    },
  },
  {
    name: 'opening through a symlink writes the target',
    lowers: [{ 'd/f': file('old'), l: symlink('d/f') }],
    run({ fs }) {
      fs.append('l', '+new')
      assert.equal(fs.read('d/f'), 'old+new')
      assert.equal(fs.readlink('l'), 'd/f')
    },
  },
  {
    name: 'creating through a dangling symlink makes the target',
    lowers: [{ l: symlink('d/new'), d: dir() }],
    run({ fs }) {
      fs.write('l', 'made')
      assert.equal(fs.read('d/new'), 'made')
      shows(fs.stat('l'), { type: 'symlink' })
    },
  },
  {
    name: 'a FIFO of a lower layer carries data between two descriptors',
    lowers: [{ p: fifo({ mode: 0o600 }) }],
    run({ fs }) {
      shows(fs.stat('p'), { type: 'fifo', mode: 0o600 })
      fs.with('p', O.RDWR, (fd) => {
        fs.pwrite(fd, -1, 'through')
        assert.equal(fs.pread(fd, -1, 7), 'through')
      })
    },
  },
  {
    name: 'a program in a lower layer runs, and gives its exit status',
    lowers: [{ p: file('#!/bin/sh\nexit "$1"\n', { mode: 0o755 }) }],
    run({ fs }) {
      assert.equal(fs.run('./p', '7'), 7)
      fs.chmod('p', 0o644)
      fails('EACCES', () => fs.run('./p', '7'))
    },
  },
  {
    name: 'a program open for writing cannot be run (ETXTBSY), and runs again after',
    run({ fs }) {
      fs.write('p', '#!/bin/sh\nexit 3\n', 0o755)
      fs.with('p', O.RDWR, () => fails('ETXTBSY', () => fs.run('./p', '')))
      assert.equal(fs.run('./p', ''), 3)
    },
  },
  {
    name: 'fsync of a file and of a directory succeed',
    lowers: [{ f: file('x'), d: dir() }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 0, 'y')
        fs.fsync(fd)
      })
      fs.with('d', O.RDONLY, (fd) => fs.fsync(fd))
      assert.equal(fs.read('f'), 'y')
    },
  },
  {
    name: 'a descriptor follows its file over renames, chmod and truncate',
    lowers: [{ f: file('0123456789') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.rename('f', 'g')
        fs.chmod('g', 0o600)
        fs.truncate('g', 5)
        shows(fs.fstat(fd), { mode: 0o600, size: 5, nlink: 1 })
        fs.pwrite(fd, 5, '!')
      })
      assert.equal(fs.read('g'), '01234!')
      fails('ENOENT', () => fs.stat('f'))
    },
  },
  {
    name: 'reading updates nothing but atime',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      const before = fs.stat('f')
      fs.read('f')
      const { mtime, ctime, ino } = before
      shows(fs.stat('f'), { mtime, ctime, ino, size: 1 })
    },
  },
]

export const data: Family = { name: 'open, read, write', cases }
