/** Listings: merged without doubles, right while entries come and go, types, offsets, and a hundred thousand names. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails } from '../case.js'
import { DT, O } from '../numbers.js'
import { device, dir, fifo, file, symlink, type Tree, whiteout } from '../tree.js'

const many = (count: number, prefix: string, content = ''): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`d/${prefix}${i}`, file(content)]))

/** Reads a whole directory in small steps; `between` runs after each. A listing that never ends fails. */
function slowly(read: () => { name: string }[], between: (step: number) => void): string[] {
  const seen: string[] = []
  for (let step = 0; step < 1000; step++) {
    const entries = read()
    if (entries.length === 0) return seen.filter((name) => name !== '.' && name !== '..')
    seen.push(...entries.map((entry) => entry.name))
    between(step)
  }
  assert.fail(`the listing had not ended after 1000 steps and ${seen.length} names`)
}

const cases: Case[] = [
  {
    name: 'each name of three layers and the upper once, no whiteouts, with . and ..',
    lowers: [
      { 'd/a': file(''), 'd/both': file('') },
      { 'd/b': file(''), 'd/both': file(''), 'd/gone': file('') },
      { 'd/c': file(''), 'd/both': file('') },
    ],
    upper: { 'd/u': file(''), 'd/gone': whiteout() },
    run({ fs }) {
      const names = fs.list('d').map((entry) => entry.name)
      assert.deepEqual(names.sort(), ['.', '..', 'a', 'b', 'both', 'c', 'u'])
    },
  },
  {
    name: 'entry types of a merged directory',
    lowers: [{ 'd/f': file(''), 'd/s': dir(), 'd/l': symlink('x'), 'd/p': fifo() }, { 'd/s2': dir() }],
    run({ fs }) {
      const types = Object.fromEntries(fs.list('d').map((entry) => [entry.name, entry.type]))
      const expected = { '.': DT.DIR, '..': DT.DIR, f: DT.REG, s: DT.DIR, l: DT.LNK, p: DT.FIFO, s2: DT.DIR }
      assert.deepEqual(types, expected)
    },
  },
  {
    name: 'entry types of devices',
    needs: ['devices'],
    lowers: [{ 'd/c': device('char', 1, 5), 'd/b': device('block', 7, 200) }, { 'd/x': file('') }],
    run({ fs }) {
      const types = Object.fromEntries(fs.list('d').map((entry) => [entry.name, entry.type]))
      assert.equal(types.c, DT.CHR)
      assert.equal(types.b, DT.BLK)
    },
  },
  {
    name: 'an empty directory lists . and .. only',
    lowers: [{ d: dir() }],
    run({ fs }) {
      assert.deepEqual(
        fs
          .list('d')
          .map((entry) => entry.name)
          .sort(),
        ['.', '..'],
      )
    },
  },
  {
    name: 'inode numbers in a listing are those of stat',
    lowers: [{ 'd/a': file('a'), 'd/s': dir() }, { 'd/b': file('b') }],
    run({ fs }) {
      fs.append('d/a', '+')
      fs.write('d/new', '')
      for (const entry of fs.list('d')) {
        if (entry.name === '..') continue
        assert.equal(entry.ino, fs.stat(`d/${entry.name}`).ino, entry.name)
      }
    },
  },
  {
    name: 'a small buffer lists all 300 names once each',
    lowers: [many(150, 'x'), many(300, 'x')],
    run({ fs }) {
      fs.with('d', O.RDONLY | O.DIRECTORY, (fd) => {
        const seen = slowly(
          () => fs.getdents(fd, 200),
          () => {},
        )
        assert.equal(seen.length, 300)
        assert.equal(new Set(seen).size, 300)
      })
    },
  },
  {
    name: 'entries removed while listing: the others are all seen, none twice',
    lowers: [many(200, 'x')],
    run({ fs }) {
      fs.with('d', O.RDONLY | O.DIRECTORY, (fd) => {
        const gone: string[] = []
        const seen = slowly(
          () => fs.getdents(fd, 400),
          (step) => {
            gone.push(`x${step}`)
            fs.unlink(`d/x${step}`)
          },
        )
        assert.equal(new Set(seen).size, seen.length)
        for (let i = 0; i < 200; i++) if (!gone.includes(`x${i}`)) assert.ok(seen.includes(`x${i}`), `x${i}`)
      })
      assert.ok(fs.names('d').length < 200)
    },
  },
  {
    name: 'removing every entry as it is listed empties the directory (rm -r)',
    lowers: [many(250, 'x'), many(120, 'y')],
    run({ fs }) {
      fs.with('d', O.RDONLY | O.DIRECTORY, (fd) => {
        for (let entries = fs.getdents(fd, 300); entries.length > 0; entries = fs.getdents(fd, 300))
          for (const { name } of entries) if (name !== '.' && name !== '..') fs.unlink(`d/${name}`)
      })
      assert.deepEqual(fs.names('d'), [])
      fs.rmdir('d')
    },
  },
  {
    name: 'entries made while listing do not make others double or vanish',
    lowers: [many(200, 'x')],
    run({ fs }) {
      fs.with('d', O.RDONLY | O.DIRECTORY, (fd) => {
        const seen = slowly(
          () => fs.getdents(fd, 400),
          (step) => fs.write(`d/new${step}`, ''),
        )
        assert.equal(seen.filter((name) => name.startsWith('x')).length, 200)
        assert.equal(new Set(seen).size, seen.length)
      })
    },
  },
  {
    name: 'seeking back to the start lists anew, with what came meanwhile',
    lowers: [many(20, 'x')],
    run({ fs }) {
      fs.with('d', O.RDONLY | O.DIRECTORY, (fd) => {
        const all = () =>
          slowly(
            () => fs.getdents(fd, 4096),
            () => {},
          )
        assert.equal(all().length, 20)
        fs.write('d/new', '')
        fs.unlink('d/x3')
        fs.lseek(fd, 0, 0)
        const again = all()
        assert.ok(again.includes('new') && !again.includes('x3'))
        assert.equal(again.length, 20)
      })
    },
  },
  {
    name: 'seeking to an offset that an entry gave goes on after that entry',
    lowers: [many(60, 'x'), many(30, 'y')],
    run({ fs }) {
      fs.with('d', O.RDONLY | O.DIRECTORY, (fd) => {
        const first = fs.getdents(fd, 600)
        const rest = slowly(
          () => fs.getdents(fd, 600),
          () => {},
        )
        fs.lseek(fd, Number(first.at(-1)!.next), 0)
        const again = slowly(
          () => fs.getdents(fd, 600),
          () => {},
        )
        assert.deepEqual(again, rest)
      })
    },
  },
  {
    name: 'a listing follows a change at once, over and over',
    lowers: [{ 'd/a': file('') }, { 'd/b': file('') }],
    run({ fs }) {
      for (let i = 0; i < 5; i++) {
        fs.write(`d/n${i}`, '')
        assert.ok(fs.names('d').includes(`n${i}`))
        fs.rename(`d/n${i}`, `d/m${i}`)
        assert.ok(!fs.names('d').includes(`n${i}`))
      }
      fs.unlink('d/b')
      assert.deepEqual(fs.names('d'), ['a', 'm0', 'm1', 'm2', 'm3', 'm4'])
    },
  },
  {
    name: 'a hundred thousand names',
    needs: ['layers'],
    lowers: [{ 'd/first': file('') }],
    upper: { d: dir() },
    run({ fs, disk, upper, offline, remount }) {
      offline(() => disk.touchmany(`${upper}/d`, 'u', 80_000))
      for (const i of [5, 9]) fs.touchmany('d', `n${i}`, 10_000)
      assert.equal(new Set(fs.list('d').map((entry) => entry.name)).size, 100_003)
      fs.unlink('d/n55000')
      remount()
      const names = new Set(fs.list('d').map((entry) => entry.name))
      assert.equal(names.size, 100_002)
      for (const name of ['n99999', 'u0', 'u79999', 'first']) assert.ok(names.has(name), name)
      assert.ok(!names.has('n55000'))
    },
  },
  {
    name: 'a directory without read permission is EACCES to list, a file ENOTDIR',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o711 }), 'd/f': file('x') }],
    run({ fs }) {
      fs.as(1001, 1001, () => fails('EACCES', () => fs.list('d')))
      fails('ENOTDIR', () => fs.list('d/f'))
    },
  },
]

export const listings: Family = { name: 'listings', cases }
