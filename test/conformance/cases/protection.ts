/**
 * Immutable and append-only (chattr +i, +a): of lower files and directories, set in the mount, and kept over remounts.
 */

import assert from 'node:assert/strict'
import { type Case, type Family, fails } from '../case.js'
import { FALLOC, FS_FL, O, RENAME } from '../numbers.js'
import type { Probe } from '../probe.js'
import { dir, file } from '../tree.js'

const BOTH = FS_FL.IMMUTABLE | FS_FL.APPEND
const NO_OPEN = 'no open is asked for: a write is refused at the write or the close'

const protection = (fs: Probe, path: string): number => fs.getflags(path) & BOTH

function protect(fs: Probe, path: string, flags: number): void {
  fs.setflags(path, (fs.getflags(path) & ~BOTH) | flags)
}

/** Runs `act`, then takes the flags of `paths` away, so that they can be removed. */
function unprotecting(fs: Probe, paths: readonly string[], act: () => void): void {
  try {
    act()
  } finally {
    for (const path of paths) protect(fs, path, 0)
  }
}

/** What neither an immutable nor an append-only file `f` lets anybody do. */
function refusesChange(fs: Probe, f: string): void {
  fails('EPERM', () => fs.chmod(f, 0o600))
  fails('EPERM', () => fs.chown(f, 0, 0))
  fails('EPERM', () => fs.utimes(f, 1n, 1n))
  fails('EPERM', () => fs.truncate(f, 0))
  fails('EPERM', () => fs.setxattr(f, 'user.a', '1'))
  fails('EPERM', () => fs.removexattr(f, 'user.x'))
  fails('EPERM', () => fs.rename(f, 'elsewhere'))
  fails('EPERM', () => fs.rename('other', f))
  fails('EPERM', () => fs.rename('other', f, RENAME.EXCHANGE))
  fails('EPERM', () => fs.link(f, 'second'))
  fails('EPERM', () => fs.unlink(f))
  fails('EPERM', () => fs.open(f, O.WRONLY | O.TRUNC))
}

const withFlags = { f: file('old', { xattrs: { 'user.x': 'x' } }), other: file('other') }

const cases: Case[] = [
  {
    name: 'an immutable lower file cannot be changed, renamed, linked, replaced or removed',
    needs: ['layers', 'owners'],
    lowers: [withFlags],
    run({ fs, disk, lowers, offline }) {
      const lower = `${lowers[0]}/f`
      offline(() => protect(disk, lower, FS_FL.IMMUTABLE))
      unprotecting(disk, [lower], () => {
        assert.equal(protection(fs, 'f'), FS_FL.IMMUTABLE)
        refusesChange(fs, 'f')
        fails('EPERM', () => fs.utimes('f', 'now', 'now'))
        assert.equal(fs.read('f'), 'old')
        assert.deepEqual(fs.names('.'), ['f', 'other'])
      })
    },
  },
  {
    name: 'an append-only lower file lets its times be set to now, and stays append-only once copied up',
    needs: ['layers', 'owners'],
    lowers: [withFlags],
    run({ fs, disk, upper, mark, lowers, offline, remount }) {
      const lower = `${lowers[0]}/f`
      offline(() => protect(disk, lower, FS_FL.APPEND))
      unprotecting(disk, [lower], () => {
        refusesChange(fs, 'f')
        fs.utimes('f', 'now', 'now')
        assert.equal(disk.getxattr(`${upper}/f`, `${mark}protattr`), 'a')
        assert.equal(protection(disk, `${upper}/f`), 0)
        refusesChange(fs, 'f')
        fs.append('f', '+new')
        remount()
        assert.equal(protection(fs, 'f'), FS_FL.APPEND)
        assert.equal(fs.read('f'), 'old+new')
        refusesChange(fs, 'f')
        protect(fs, 'f', 0)
        fails('ENODATA', () => disk.getxattr(`${upper}/f`, `${mark}protattr`))
        fs.chmod('f', 0o600)
        remount()
        assert.equal(protection(fs, 'f'), 0)
      })
    },
  },
  {
    name: 'an open for writing of an immutable file is EPERM, of an append-only one it has to append',
    needs: ['layers', 'owners'],
    not: { cached: NO_OPEN },
    lowers: [{ i: file('i'), a: file('a') }],
    run({ fs, disk, lowers, offline }) {
      const [i, a] = [`${lowers[0]}/i`, `${lowers[0]}/a`]
      offline(() => {
        protect(disk, i, FS_FL.IMMUTABLE)
        protect(disk, a, FS_FL.APPEND)
      })
      unprotecting(disk, [i, a], () => {
        fails('EPERM', () => fs.open('i', O.WRONLY))
        fails('EPERM', () => fs.append('i', 'x'))
        fails('EPERM', () => fs.open('a', O.RDWR))
        fs.append('a', '+')
        assert.equal(fs.read('a'), 'a+')
        fs.with('a', O.WRONLY | O.APPEND, (fd) => {
          fs.fallocate(fd, FALLOC.KEEP_SIZE, 0, 4096)
          fails('EPERM', () => fs.fallocate(fd, FALLOC.ZERO_RANGE, 0, 1))
          fails('EPERM', () => fs.fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, 0, 1))
          fails('EPERM', () => fs.ftruncate(fd, 0))
        })
      })
    },
  },
  {
    name: 'an immutable lower directory takes no names and loses none; its files can be written',
    needs: ['layers', 'owners'],
    lowers: [{ 'd/f': file('f'), 'd/s/x': file('x'), 'e/empty': dir(), other: file('other') }],
    run({ fs, disk, upper, mark, lowers, offline, remount }) {
      const d = `${lowers[0]}/d`
      offline(() => protect(disk, d, FS_FL.IMMUTABLE))
      const refuses = () => {
        fails('EPERM', () => fs.write('d/new', ''))
        fails('EPERM', () => fs.mkdir('d/new'))
        fails('EPERM', () => fs.symlink('x', 'd/new'))
        fails('EPERM', () => fs.link('other', 'd/new'))
        fails('EPERM', () => fs.rename('other', 'd/new'))
        fails('EPERM', () => fs.open('d', O.RDWR | O.TMPFILE))
        fails('EPERM', () => fs.unlink('d/f'))
        fails('EPERM', () => fs.rmdir('d/s'))
        fails('EPERM', () => fs.rmdir('d'))
        fails('EPERM', () => fs.rename('d/f', 'd/g'))
        fails('EPERM', () => fs.rename('d', 'r'))
        fails('EPERM', () => fs.chmod('d', 0o700))
      }
      unprotecting(disk, [d], () => {
        refuses()
        fs.write('d/f', 'written')
        assert.equal(disk.getxattr(`${upper}/d`, `${mark}protattr`), 'i')
        assert.equal(protection(disk, `${upper}/d`), 0)
        remount()
        assert.equal(protection(fs, 'd'), FS_FL.IMMUTABLE)
        assert.equal(fs.read('d/f'), 'written')
        refuses()
      })
    },
  },
  {
    name: 'an append-only lower directory takes new names and loses none',
    needs: ['layers', 'owners'],
    lowers: [{ 'd/f': file('f'), 'd/s/x': file('x'), other: file('other') }],
    run({ fs, disk, lowers, offline, remount }) {
      const d = `${lowers[0]}/d`
      offline(() => protect(disk, d, FS_FL.APPEND))
      unprotecting(disk, [d], () => {
        fs.write('d/new', 'new')
        fs.rename('other', 'd/moved')
        remount()
        for (const name of ['f', 'new', 'moved']) {
          fails('EPERM', () => fs.unlink(`d/${name}`))
          fails('EPERM', () => fs.rename(`d/${name}`, 'out'))
          fails('EPERM', () => fs.rename(`d/${name}`, 'd/within'))
        }
        fails('EPERM', () => fs.rmdir('d/s'))
        assert.deepEqual(fs.names('d'), ['f', 'moved', 'new', 's'])
      })
    },
  },
  {
    name: 'flags set in the mount protect, and are a mark in the upper',
    needs: ['layers', 'owners'],
    lowers: [{ ...withFlags, 'd/x': file('x') }],
    run({ fs, disk, upper, mark, remount }) {
      fs.write('new', 'n')
      for (const [path, flags, text] of [
        ['f', BOTH, 'ai'],
        ['new', FS_FL.IMMUTABLE, 'i'],
        ['d', FS_FL.APPEND, 'a'],
      ] as const) {
        protect(fs, path, flags)
        assert.equal(protection(fs, path), flags)
        assert.equal(disk.getxattr(`${upper}/${path}`, `${mark}protattr`), text)
        assert.equal(protection(disk, `${upper}/${path}`), 0)
      }
      remount()
      refusesChange(fs, 'f')
      fails('EPERM', () => fs.unlink('new'))
      fails('EPERM', () => fs.unlink('d/x'))
      for (const path of ['f', 'new', 'd']) protect(fs, path, 0)
      fs.unlink('f')
      fs.unlink('new')
      fs.unlink('d/x')
    },
  },
  {
    name: 'a mark of protection in the upper counts, whatever the real flags are',
    needs: ['layers', 'owners', 'kernel-marks'],
    lowers: [{ other: file('other') }],
    upper: { f: file('old', { xattrs: { 'overlay.protattr': 'i', 'user.x': 'x' } }) },
    run({ fs, disk, upper, mark }) {
      assert.equal(protection(fs, 'f'), FS_FL.IMMUTABLE)
      refusesChange(fs, 'f')
      protect(fs, 'f', 0)
      fails('ENODATA', () => disk.getxattr(`${upper}/f`, `${mark}protattr`))
      fs.unlink('f')
    },
  },
  {
    name: 'rmdir of a protected directory that is not empty is EPERM, as is one over a protected one',
    needs: ['owners'],
    lowers: [{ 'd/x': file('x'), n: dir() }],
    run({ fs }) {
      for (const flags of [FS_FL.IMMUTABLE, FS_FL.APPEND]) {
        protect(fs, 'd', flags)
        unprotecting(fs, ['d'], () => {
          fails('EPERM', () => fs.rmdir('d'))
          fails('EPERM', () => fs.rename('n', 'd'))
        })
      }
      fails('ENOTEMPTY', () => fs.rmdir('d'))
    },
  },
  {
    name: 'chattr moves the time of change',
    needs: ['owners'],
    not: { cached: 'while the kernel gathers writes it keeps the times of files itself, and knows nothing of chattr' },
    run({ fs }) {
      fs.write('f', 'x')
      const before = fs.stat('f').ctime
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
      fs.setflags('f', fs.getflags('f') | FS_FL.NOATIME)
      assert.ok(fs.stat('f').ctime > before)
    },
  },
]

export const protectionFamily: Family = { name: 'protection', cases }
