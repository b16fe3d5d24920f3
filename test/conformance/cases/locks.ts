/** Advisory locks: flock, record locks between processes, and locks of open file descriptions. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails } from '../case.js'
import { F, LOCK, O } from '../numbers.js'
import { file, hardlink } from '../tree.js'

const cases: Case[] = [
  {
    name: 'flock excludes between two opens of a lower file',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (a) =>
        fs.with('f', O.RDONLY, (b) => {
          fs.flock(a, LOCK.EX)
          fails('EAGAIN', () => fs.flock(b, LOCK.SH | LOCK.NB))
          fs.flock(a, LOCK.UN)
          fs.flock(b, LOCK.EX | LOCK.NB)
          fails('EAGAIN', () => fs.flock(a, LOCK.EX | LOCK.NB))
        }),
      )
    },
  },
  {
    name: 'shared flocks go together, an exclusive one waits',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (a) =>
        fs.with('f', O.RDWR, (b) => {
          fs.flock(a, LOCK.SH)
          fs.flock(b, LOCK.SH | LOCK.NB)
          fails('EAGAIN', () => fs.flock(b, LOCK.EX | LOCK.NB))
        }),
      )
    },
  },
  {
    name: 'record locks exclude another process on the range only',
    lowers: [{ f: file('0123456789') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.setlk(fd, F.WRLCK, 0, 5)
        fails('EAGAIN', () => fs.rivallk('f', F.WRLCK, 4, 2))
        fails('EAGAIN', () => fs.rivallk('f', F.RDLCK, 0, 1))
        fs.rivallk('f', F.WRLCK, 5, 5)
        fs.setlk(fd, F.UNLCK, 0, 5)
        fs.rivallk('f', F.WRLCK, 0, 0)
      })
    },
  },
  {
    name: 'read locks go together, and end when the descriptor is closed',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.setlk(fd, F.RDLCK)
        fs.rivallk('f', F.RDLCK)
        fails('EAGAIN', () => fs.rivallk('f', F.WRLCK))
      })
      fs.rivallk('f', F.WRLCK)
      assert.equal(fs.read('f'), 'x')
    },
  },
  {
    name: 'locks of open file descriptions exclude one another in one process',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.with('f', O.RDWR, (a) =>
        fs.with('f', O.RDWR, (b) => {
          fs.ofdlk(a, F.WRLCK, 0, 10)
          fails('EAGAIN', () => fs.ofdlk(b, F.WRLCK, 5, 1))
          fs.ofdlk(b, F.WRLCK, 10, 5)
        }),
      )
    },
  },
  {
    name: 'locks through two names of a hard link are on one file',
    run({ fs }) {
      fs.write('a', 'x')
      fs.link('a', 'b')
      fs.with('a', O.RDWR, (fd) => {
        fs.setlk(fd, F.WRLCK)
        fails('EAGAIN', () => fs.rivallk('b', F.WRLCK))
      })
    },
  },
  {
    name: 'a lock taken before the copy-up excludes an open made after it',
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (reader) => {
        fs.flock(reader, LOCK.EX)
        fs.append('f', 'y')
        fs.with('f', O.RDWR, (writer) => fails('EAGAIN', () => fs.flock(writer, LOCK.EX | LOCK.NB)))
      })
    },
  },
  {
    name: 'locks through two names of a lower pair are on one file after copy-up',
    lowers: [{ a: file('x'), b: hardlink('a') }],
    run({ fs }) {
      fs.append('a', 'y')
      fs.with('a', O.RDWR, (fd) => {
        fs.setlk(fd, F.WRLCK)
        fails('EAGAIN', () => fs.rivallk('b', F.WRLCK))
      })
    },
  },
]

export const locks: Family = { name: 'locks', cases }
