/**
 * The first write to a file so large that this project copies it up while it is written to. What was written and what
 * was not is read at once, and whatever is done to the file or its names meanwhile comes out as if all had been copied
 * before. Every case ends with a look at the lower layers.
 */
import assert from 'node:assert/strict'
import { type Case, type Family, shows } from '../case.js'
import { FALLOC, O, RENAME, SEEK } from '../numbers.js'
import type { Probe } from '../probe.js'
import { hardlink, sparse } from '../tree.js'

const MIB = 1 << 20
const SIZE = 65 * MIB + 77
const END = SIZE - 4
const MIDDLE = 40 * MIB
const DATA = [
  [0, 'start'],
  [MIDDLE, 'x'.repeat(9000)],
  [END, 'tail'],
] as const
const huge = sparse(SIZE, DATA)

/** The file reads `texts` at their offsets. */
function reads(fs: Probe, path: string, texts: Readonly<Record<number, string>>): void {
  fs.with(path, O.RDONLY, (fd) => {
    for (const [at, text] of Object.entries(texts))
      assert.equal(fs.pread(fd, Number(at), text.length), text, `at ${at}`)
  })
}

const cases: Case[] = [
  {
    name: 'what was written and what was not is read at once, and after a remount',
    lowers: [{ f: huge }],
    run({ fs, remount }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, MIDDLE + 4095, 'ab')
        fs.pwrite(fd, 20 * MIB, 'in a hole')
        assert.equal(fs.pread(fd, MIDDLE + 4094, 4), 'xabx')
        assert.equal(fs.pread(fd, 20 * MIB - 1, 11), '\0in a hole\0')
        assert.equal(fs.pread(fd, END - 1, 9), '\0tail')
        shows(fs.fstat(fd), { size: SIZE, nlink: 1 })
        reads(fs, 'f', { 0: 'start', [MIDDLE + 4094]: 'xabx', [END]: 'tail' })
      })
      remount()
      reads(fs, 'f', { 0: 'start\0', [MIDDLE + 4094]: 'xabx', [20 * MIB - 1]: '\0in a hole\0', [END]: 'tail' })
      shows(fs.stat('f'), { size: SIZE, nlink: 1 })
    },
  },
  {
    name: 'appends, two writers, and one who has it open for reading',
    lowers: [{ f: huge }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) =>
        fs.with('f', O.WRONLY | O.APPEND, (a) =>
          fs.with('f', O.RDWR, (b) => {
            fs.pwrite(a, SIZE, 'one')
            fs.pwrite(b, SIZE + 3, 'two')
            fs.pwrite(b, 4, 'T')
            assert.equal(fs.pread(b, END, 20), 'tailonetwo')
            shows(fs.fstat(b), { size: SIZE + 6 })
            assert.equal(fs.pread(old, END, 4), 'tail')
          }),
        ),
      )
      reads(fs, 'f', { 0: 'starT', [END]: 'tailonetwo' })
    },
  },
  {
    name: 'cut off, made longer, punched and zeroed',
    lowers: [{ f: huge, g: huge, h: huge }],
    run({ fs, remount }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 1, 'T')
        fs.ftruncate(fd, MIDDLE + 100)
        fs.ftruncate(fd, SIZE)
        assert.equal(fs.pread(fd, MIDDLE + 98, 4), 'xx\0\0')
        assert.equal(fs.pread(fd, END, 4), '\0\0\0\0')
      })
      fs.with('g', O.RDWR, (fd) => {
        fs.fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, MIDDLE + 1, 5000)
        fs.fallocate(fd, 0, SIZE, 10_000)
        assert.equal(fs.pread(fd, MIDDLE, 2), 'x\0')
        assert.equal(fs.pread(fd, MIDDLE + 5000, 2), '\0x')
        shows(fs.fstat(fd), { size: SIZE + 10_000 })
      })
      fs.truncate('h', MIDDLE + 5)
      remount()
      reads(fs, 'f', { 0: 'sTart', [MIDDLE + 98]: 'xx\0\0', [END]: '\0\0\0\0' })
      reads(fs, 'g', { [MIDDLE]: 'x\0', [MIDDLE + 5000]: '\0x', [END]: 'tail\0' })
      reads(fs, 'h', { 0: 'start\0', [MIDDLE]: 'xxxxx' })
      shows(fs.stat('h'), { size: MIDDLE + 5 })
    },
  },
  {
    name: 'mode, times and attributes that are set after the first write last',
    lowers: [{ f: huge }],
    run({ fs, remount }) {
      const { ino } = fs.stat('f')
      const time = 1_234_567_890_000_000_000n
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 5, '!')
        fs.chmod('f', 0o4711)
        fs.setxattr('f', 'user.note', 'kept')
        fs.utimes('f', time, time)
        fs.fsync(fd)
        shows(fs.fstat(fd), { mode: 0o4711, ino, size: SIZE })
        assert.equal(fs.mtime('f'), time)
      })
      remount()
      shows(fs.stat('f'), { mode: 0o4711, ino })
      assert.equal(fs.getxattr('f', 'user.note'), 'kept')
      assert.equal(fs.mtime('f'), time)
    },
  },
  {
    name: 'mappings: a shared one writes, a private one does not',
    lowers: [{ f: huge }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        const shared = fs.mmap(fd, SIZE, 'shared', true)
        const secret = fs.mmap(fd, SIZE, 'private', true)
        fs.mapwrite(secret, MIDDLE, 'secret')
        fs.mapwrite(shared, MIDDLE + 8192, 'mapped')
        fs.mapwrite(shared, 10 * MIB, 'in a hole')
        assert.equal(fs.pread(fd, MIDDLE + 8192, 7), 'mappedx')
        assert.equal(fs.mapread(shared, END, 4), 'tail')
        fs.pwrite(fd, 4096, 'written')
        assert.equal(fs.mapread(shared, 4096, 7), 'written')
        fs.msync(shared)
        fs.munmap(shared)
        fs.munmap(secret)
        fs.fsync(fd)
      })
      reads(fs, 'f', { [MIDDLE]: 'xxxxxx', [MIDDLE + 8192]: 'mappedx', [10 * MIB]: 'in a hole', 4096: 'written' })
    },
  },
  {
    name: 'renamed, linked, exchanged, replaced and removed after the first write',
    lowers: [{ a: huge, b: huge, c: huge, d: huge, e: huge }],
    run({ fs, remount }) {
      const fds = ['a', 'b', 'c', 'd', 'e'].map((name) => fs.open(name, O.RDWR))
      for (const [i, fd] of fds.entries()) fs.pwrite(fd, 0, `${i}`)
      fs.rename('a', 'renamed')
      fs.link('b', 'linked')
      fs.rename('c', 'd', RENAME.EXCHANGE)
      fs.unlink('e')
      shows(fs.fstat(fds[4]!), { nlink: 0, size: SIZE })
      fs.pwrite(fds[4]!, 5, 'gone')
      assert.equal(fs.pread(fds[4]!, 0, 10), '4tartgone\0')
      assert.equal(fs.pread(fds[4]!, END, 4), 'tail')
      fs.rename('c', 'd')
      assert.deepEqual(fs.names('.').sort(), ['b', 'd', 'linked', 'renamed'])
      const wanted = { renamed: '0tart', b: '1tart', linked: '1tart', d: '3tart' }
      for (const [name, text] of Object.entries(wanted)) reads(fs, name, { 0: text, [END]: 'tail' })
      shows(fs.stat('linked'), { nlink: 2, ino: fs.stat('b').ino })
      for (const fd of fds) fs.shut(fd)
      remount()
      for (const [name, text] of Object.entries(wanted)) reads(fs, name, { 0: text, [END]: 'tail' })
      assert.deepEqual(fs.names('.').sort(), ['b', 'd', 'linked', 'renamed'])
    },
  },
  {
    name: 'data and holes are found, and ranges copied from it',
    lowers: [{ f: huge, g: huge }],
    run({ fs }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 20 * MIB, 'in a hole')
        const data = fs.lseek(fd, 10 * MIB, SEEK.DATA)
        assert.ok(data <= 20 * MIB && data >= 10 * MIB)
        const next = fs.lseek(fd, 30 * MIB, SEEK.DATA)
        assert.ok(next <= MIDDLE && next >= 30 * MIB)
        assert.ok(fs.lseek(fd, MIDDLE, SEEK.HOLE) > MIDDLE + 8999)
        fs.with('g', O.RDWR, (to) => {
          fs.copyFileRange(fd, 20 * MIB, to, 0, 9)
          fs.copyFileRange(fd, MIDDLE, to, 9, 9)
          assert.equal(fs.pread(to, 0, 19), 'in a holexxxxxxxxx\0')
        })
      })
      reads(fs, 'g', { 0: 'in a holexxxxxxxxx\0', [END]: 'tail' })
    },
  },
  {
    name: 'O_TRUNC, and a hard link that shares it',
    lowers: [{ f: huge, a: huge, b: hardlink('a') }],
    run({ fs, remount }) {
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 0, 'S')
        fs.with('f', O.WRONLY | O.TRUNC, (other) => fs.pwrite(other, 0, 'short'))
        shows(fs.fstat(fd), { size: 5 })
      })
      fs.with('a', O.RDWR, (fd) => fs.pwrite(fd, 0, 'S'))
      reads(fs, 'b', { 0: 'Start', [END]: 'tail' })
      shows(fs.stat('b'), { nlink: 2, ino: fs.stat('a').ino })
      remount()
      assert.equal(fs.read('f'), 'short')
      reads(fs, 'b', { 0: 'Start', [END]: 'tail' })
    },
  },
  {
    name: 'of a metacopy that has its attributes above',
    options: { metacopy: 'on' },
    needs: ['layers', 'kernel-marks'],
    lowers: [{ f: huge }],
    run({ fs, remount }) {
      fs.chmod('f', 0o600)
      fs.with('f', O.RDWR, (fd) => {
        fs.pwrite(fd, 1, 'T')
        assert.equal(fs.pread(fd, END, 4), 'tail')
      })
      remount({ metacopy: 'on' })
      reads(fs, 'f', { 0: 'sTart', [END]: 'tail' })
      shows(fs.stat('f'), { mode: 0o600, size: SIZE })
    },
  },
]

export const firstWrite: Family = { name: 'first write to a large file', cases }
