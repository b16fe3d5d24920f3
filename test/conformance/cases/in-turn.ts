/**
 * Attributes of many files, one after the other in the order in which their directory tells them: stratafs makes the
 * next ones ready meanwhile, which nobody may notice, whatever else happens to them.
 */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { O } from '../numbers.js'
import type { Probe } from '../probe.js'
import { file, hardlink, PLANTED, sparse, symlink, type Tree } from '../tree.js'

const COUNT = 60

/** More files than are made ahead of who changes them, some of which are not like the others. */
const many: Tree = {
  ...Object.fromEntries(
    Array.from({ length: COUNT }, (_, i) => [`d/${i}`, file(`content ${i}`, { mode: 0o600 + (i % 8) })]),
  ),
  'd/setuid': file('s', { mode: 0o4755 }),
  'd/marked': file('m', { xattrs: { 'user.x': 'y' } }),
  'd/sparse': sparse(100_000, [[50_000, 'data']]),
  'd/empty': file(''),
  'd/link': symlink('0'),
  'd/pair': hardlink('d/7'),
  'd/sub/a': file('a'),
  'd/sub/b': file('b'),
}

/** The names of `directory` in the order in which it tells them. */
function inOrder(fs: Probe, directory: string): string[] {
  return fs.list(directory).flatMap(({ name }) => (name.startsWith('.') ? [] : [`${directory}/${name}`]))
}

/** Every file of `many` but those in `changed` is what it was, with the given mode. */
function showsMany(fs: Probe, mode: number, changed: readonly string[]): void {
  for (let i = 0; i < COUNT; i++) {
    if (changed.includes(`d/${i}`)) continue
    shows(fs.stat(`d/${i}`), { mode, mtime: PLANTED, size: `content ${i}`.length })
    assert.equal(fs.read(`d/${i}`), `content ${i}`)
  }
  assert.equal(fs.getxattr('d/marked', 'user.x'), 'y')
  fs.with('d/sparse', O.RDONLY, (fd) => assert.equal(fs.pread(fd, 49_998, 8), '\0\0data\0\0'))
}

function showsPair(fs: Probe): void {
  assert.equal(fs.read('d/pair'), 'content 7')
  assert.equal(fs.stat('d/pair').ino, fs.stat('d/7').ino)
}

const cases: Case[] = [
  {
    name: 'chmod of every file, directory after directory, keeps all else',
    lowers: [many],
    run({ fs, remount }) {
      const paths = [...inOrder(fs, 'd'), ...inOrder(fs, 'd/sub')]
      const numbers = paths.map((path) => fs.stat(path).ino)
      for (const path of paths) if (path !== 'd/link') fs.chmod(path, 0o751)
      const check = (): void => {
        showsMany(fs, 0o751, [])
        showsPair(fs)
        const now = paths.map((path) => fs.stat(path).ino)
        assert.deepEqual(now, numbers)
        shows(fs.stat('d/empty'), { size: 0, mode: 0o751 })
        assert.equal(fs.read('d/sub/b'), 'b')
      }
      check()
      remount()
      check()
    },
  },
  {
    name: 'chown of every file, there and back',
    needs: ['owners'],
    lowers: [many],
    run({ fs, remount }) {
      for (const path of inOrder(fs, 'd')) fs.chown(path, 1001, 1002)
      const back = inOrder(fs, 'd').reverse()
      for (const path of back) shows(fs.stat(path), { uid: 1001, gid: 1002 })
      for (const path of back) fs.chown(path, 1003, -1)
      remount()
      for (let i = 0; i < COUNT; i += 8) shows(fs.stat(`d/${i}`), { uid: 1003, gid: 1002, mode: 0o600, mtime: PLANTED })
      showsPair(fs)
    },
  },
  {
    name: 'files are written, cut, renamed, removed and replaced while all are changed in turn',
    lowers: [many],
    run({ fs, remount }) {
      const paths = inOrder(fs, 'd').filter((path) => /\d$/.test(path) && path !== 'd/7')
      const changed = paths.slice(12, 17)
      const [written, cut, renamed, removed, replaced] = changed as [string, string, string, string, string]
      for (const path of paths.slice(0, 11)) fs.chmod(path, 0o640)
      fs.append(written, ' more')
      fs.truncate(cut, 3)
      fs.rename(renamed, 'd/moved')
      fs.unlink(removed)
      fs.unlink(replaced)
      fs.write(replaced, 'another')
      for (const path of [...paths.slice(11), 'd/moved', 'd/7']) if (fs.exists(path)) fs.chmod(path, 0o640)
      const check = (): void => {
        showsMany(fs, 0o640, changed)
        assert.equal(fs.read(written), `content ${written.slice(2)} more`)
        assert.equal(fs.read(cut), 'con')
        assert.equal(fs.read('d/moved'), `content ${renamed.slice(2)}`)
        assert.equal(fs.read(replaced), 'another')
        for (const path of [removed, renamed]) fails('ENOENT', () => fs.stat(path))
      }
      check()
      remount()
      check()
    },
  },
]

export const inTurn: Family = { name: 'one after the other', cases }
