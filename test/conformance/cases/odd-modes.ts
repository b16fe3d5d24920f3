/**
 * Files and directories whose mode keeps their own owner out: git's objects and Go's modules (0444 in 0555), and 0000,
 * 0200, 0100. The owner may change, rename, link and remove them on a plain filesystem, and read them once the mode has
 * been changed.
 */
import assert from 'node:assert/strict'
import type { Case, Family } from '../case.js'
import { ACL_ACCESS, acl, shows } from '../case.js'
import { O, RENAME } from '../numbers.js'
import type { Probe } from '../probe.js'
import { dir, file, PLANTED, type Tree } from '../tree.js'

const MODES = [0o444, 0o000, 0o200, 0o100]
const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

const marked = (mode: number) => ({ mode, xattrs: { 'user.note': 'kept' } })

const filesOf = (mode: number): Tree => ({ a: file('content', marked(mode)), b: file('other', { mode }), d: dir() })

/** A directory of that mode with a tree in it. */
const directoryOf = (mode: number): Tree => ({ d: dir(marked(mode)), 'd/f': file('x', { mode }), 'd/s/g': file('y') })

function isWhole(fs: Probe, path: string, content: string): void {
  fs.chmod(path, 0o600)
  assert.equal(fs.read(path), content)
}

const fileCases = MODES.map(
  (mode): Case => ({
    name: `a lower file of mode ${octal(mode)} is changed, renamed, linked and removed by its owner`,
    lowers: [filesOf(mode)],
    run({ fs, remount }) {
      fs.rename('a', 'd/a')
      shows(fs.stat('d/a'), { mode, size: 7, mtime: PLANTED })
      fs.link('d/a', 'twin')
      fs.utimes('b', 5_000_000_005n, 6_000_000_006n)
      shows(fs.stat('b'), { mode, mtime: 6_000_000_006n })
      remount()
      shows(fs.stat('twin'), { mode, nlink: 2 })
      isWhole(fs, 'twin', 'content')
      assert.equal(fs.getxattr('d/a', 'user.note'), 'kept')
      isWhole(fs, 'b', 'other')
      fs.unlink('b')
      assert.deepEqual(fs.names('.'), ['d', 'twin'])
    },
  }),
)

const aclCases = MODES.map(
  (mode): Case => ({
    name: `a lower file of mode ${octal(mode)} gets an ACL, and a name in place of another`,
    lowers: [filesOf(mode)],
    run({ fs }) {
      fs.setxattr(
        'a',
        ACL_ACCESS,
        acl([
          [1, 6],
          [2, 4, 1],
          [4, 0],
          [16, 4],
          [32, 0],
        ]),
      )
      assert.equal(fs.read('a'), 'content')
      fs.rename('b', 'a')
      isWhole(fs, 'a', 'other')
      assert.deepEqual(fs.names('.'), ['a', 'd'])
    },
  }),
)

const directoryCases = MODES.map(
  (mode): Case => ({
    name: `a lower directory of mode ${octal(mode)} opens to its owner by chmod, and goes with all that is in it`,
    lowers: [directoryOf(mode)],
    run({ fs, remount }) {
      fs.utimes('d', 5_000_000_005n, 6_000_000_006n)
      shows(fs.stat('d'), { mode, mtime: 6_000_000_006n })
      fs.chmod('d', 0o700)
      remount()
      assert.equal(fs.getxattr('d', 'user.note'), 'kept')
      assert.deepEqual(fs.names('d'), ['f', 's'])
      assert.equal(fs.read('d/s/g'), 'y')
      isWhole(fs, 'd/f', 'x')
      fs.unlink('d/f')
      fs.unlink('d/s/g')
      fs.rmdir('d/s')
      fs.rmdir('d')
      assert.deepEqual(fs.names('.'), [])
    },
  }),
)

const moduleCache: Tree = {
  m: dir({ mode: 0o555 }),
  'm/a': file('a', { mode: 0o444 }),
  'm/b': file('b', { mode: 0o444 }),
  'm/s': dir({ mode: 0o555 }),
  'm/s/c': file('c', { mode: 0o444 }),
}

const cases: Case[] = [
  ...fileCases,
  ...aclCases,
  ...directoryCases,
  {
    name: 'what lies in lower directories of mode 0555 is changed, and the directories stay as they are',
    lowers: [moduleCache],
    run({ fs, remount }) {
      fs.chmod('m/s/c', 0o600)
      fs.append('m/s/c', '!')
      fs.utimes('m/a', 5_000_000_005n, 6_000_000_006n)
      fs.chmod('m/b', 0o640)
      remount()
      assert.equal(fs.read('m/s/c'), 'c!')
      shows(fs.stat('m/a'), { mode: 0o444, mtime: 6_000_000_006n })
      shows(fs.stat('m'), { mode: 0o555, mtime: PLANTED })
      shows(fs.stat('m/s'), { mode: 0o555, mtime: PLANTED })
    },
  },
  {
    name: 'a lower directory of mode 0555 is renamed in its parent, and exchanged',
    lowers: [{ ...moduleCache, n: file('n', { mode: 0o444 }) }],
    run({ fs }) {
      fs.rename('m', 'k')
      assert.equal(fs.read('k/s/c'), 'c')
      shows(fs.stat('k'), { mode: 0o555 })
      fs.rename('k', 'n', RENAME.EXCHANGE)
      assert.equal(fs.read('k'), 'n')
      assert.deepEqual(fs.names('n'), ['a', 'b', 's'])
    },
  },
  {
    name: 'a new file is made with a mode that keeps its owner out, written, renamed and linked',
    lowers: [{ d: dir(), 'd/f': file('old', { mode: 0o000 }) }],
    run({ fs, remount }) {
      fs.unlink('d/f')
      fs.with('d/f', O.RDWR | O.CREAT | O.EXCL, (fd) => fs.pwrite(fd, 0, 'new'), 0o000)
      fs.link('d/f', 'twin')
      fs.rename('d/f', 'd/g')
      remount()
      shows(fs.stat('d/g'), { mode: 0, nlink: 2 })
      isWhole(fs, 'twin', 'new')
      assert.deepEqual(fs.names('d'), ['g'])
    },
  },
]

export const oddModes: Family = { name: 'odd modes', cases }
