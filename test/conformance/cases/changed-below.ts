/**
 * What a mount makes of layers that were changed while it was down, of whatever an earlier one left, and of marks on
 * the way.
 */
import assert from 'node:assert/strict'
import { ACL_DEFAULT, acl, type Case, type Family, fails, type Scene, shows } from '../case.js'
import { O } from '../numbers.js'
import { dir, file, hardlink, opaque, PLANTED } from '../tree.js'

/** Unmounted, `d` of the lower layer is put aside; the answer puts it back, so that the layer is what it was. */
function putAside({ disk, lowers, offline }: Scene): () => void {
  const [from, to] = [`${lowers[0]}/d`, `${lowers[0]}-aside`]
  offline(() => disk.rename(from, to))
  return () => {
    disk.rename(to, from)
    disk.utimes(lowers[0]!, 'omit', PLANTED)
  }
}

/** The link counts of these names. */
const counts = (fs: Scene['fs'], names: string): number[] => [...names].map((name) => fs.stat(name).nlink)

const four = { a: file('x'), b: hardlink('a'), c: hardlink('a'), d: hardlink('a') }

/** Steps that change a group's names, with the names and the one link count that they leave. */
const steps: readonly [names: string, nlink: number, act: (fs: Scene['fs']) => void][] = [
  ['abcd', 4, () => {}],
  ['bcd', 3, (fs) => fs.unlink('a')],
  ['bcde', 4, (fs) => fs.link('d', 'e')],
  ['bcdef', 5, (fs) => fs.link('e', 'f')],
  ['cdef', 4, (fs) => replace(fs, 'b')],
  ['cde', 3, (fs) => fs.unlink('f')],
  ['cd', 2, (fs) => replace(fs, 'e')],
  ['c', 1, (fs) => fs.unlink('d')],
]

function replace(fs: Scene['fs'], name: string): void {
  fs.write('new', 'new')
  fs.rename('new', name)
}

const cases: Case[] = [
  {
    name: 'whiteouts in a directory whose lower part is gone are not shown, and the directory can be removed',
    needs: ['layers'],
    lowers: [{ 'd/f': file('x'), 'd/g': file('y') }],
    run(scene) {
      scene.fs.unlink('d/f')
      const back = putAside(scene)
      assert.deepEqual(scene.fs.names('d'), [])
      fails('ENOENT', () => scene.fs.stat('d/f'))
      scene.fs.rmdir('d')
      assert.deepEqual(scene.fs.names('.'), [])
      back()
    },
  },
  {
    name: 'whiteouts hide a name that the lower layer gets back',
    needs: ['layers'],
    lowers: [{ 'd/f': file('x'), 'd/g': file('y') }],
    run(scene) {
      scene.fs.unlink('d/f')
      const back = putAside(scene)
      scene.offline(back)
      assert.deepEqual(scene.fs.names('d'), ['g'])
    },
  },
  {
    name: 'a lower file moved into a directory of the upper and removed there leaves nothing',
    lowers: [{ f: file('x') }],
    upper: { d: dir() },
    run({ fs, remount }) {
      fs.rename('f', 'd/f')
      fs.unlink('d/f')
      assert.deepEqual(fs.names('d'), [])
      remount()
      assert.deepEqual([fs.names('d'), fs.names('.')], [[], ['d']])
    },
  },
  {
    name: 'the link count of four lower names, over each kind of change, with the caches dropped between',
    needs: ['layers', 'owners'],
    lowers: [four],
    run({ fs, dropCaches, disk, work }) {
      for (const [names, nlink, act] of steps) {
        act(fs)
        assert.deepEqual(counts(fs, names), Array(names.length).fill(nlink), names)
        dropCaches()
        assert.deepEqual(counts(fs, names), Array(names.length).fill(nlink), `${names}, caches dropped`)
      }
      fs.unlink('c')
      assert.deepEqual(fs.names('.'), ['b', 'e'])
      // The kernel keeps the inode that its whiteouts are links of there.
      const entries = disk.names(`${work}/index`).filter((name) => !name.startsWith('#'))
      assert.deepEqual(entries, [])
    },
  },
  {
    name: 'the link count of four lower names, over each kind of change, with a remount between',
    needs: ['layers'],
    lowers: [four],
    run({ fs, remount }) {
      for (const [names, nlink, act] of steps) {
        act(fs)
        remount()
        assert.deepEqual(counts(fs, names), Array(names.length).fill(nlink), names)
      }
    },
  },
  {
    name: 'the link count follows names of the upper that come and go while unmounted',
    needs: ['layers', 'owners'],
    lowers: [{ a: file('x'), b: hardlink('a'), c: hardlink('a') }],
    run({ fs, disk, upper, offline }) {
      // Of all three, each by its own name, so that the upper has three.
      for (const name of 'abc') fs.rename(name, `${name}2`)
      for (const name of 'abc') fs.rename(`${name}2`, name)
      assert.deepEqual(counts(fs, 'abc'), [3, 3, 3])
      offline(() => disk.unlink(`${upper}/a`))
      assert.deepEqual(counts(fs, 'bc'), [2, 2])
      offline(() => disk.link(`${upper}/c`, `${upper}/e`))
      assert.deepEqual(counts(fs, 'bce'), [3, 3, 3])
      offline(() => {
        disk.write(`${upper}/n`, '')
        disk.rename(`${upper}/n`, `${upper}/b`)
      })
      assert.deepEqual(counts(fs, 'bce'), [1, 2, 2])
    },
  },
  {
    name: 'a redirected directory that was duplicated while unmounted: what is in the two is told apart',
    not: { kernel: 'it says ESTALE of the second file' },
    needs: ['layers', 'owners', 'kernel-marks', 'trusted'],
    lowers: [{ 'd/f': file('x'), 'd/g': file('y') }],
    run({ fs, disk, upper, mark, offline }) {
      fs.append('d/f', '+')
      fs.rename('d', 'one')
      offline(() => {
        disk.mkdir(`${upper}/two`, 0o755)
        for (const name of ['redirect', 'origin'])
          disk.setxattr(`${upper}/two`, `${mark}${name}`, disk.getxattr(`${upper}/one`, `${mark}${name}`))
        disk.write(`${upper}/two/f`, 'another')
      })
      assert.deepEqual([fs.read('one/f'), fs.read('two/f')], ['x+', 'another'])
      assert.notEqual(fs.stat('one/f').ino, fs.stat('two/f').ino)
      assert.notEqual(fs.stat('one').ino, fs.stat('two').ino)
    },
  },
  {
    name: 'in a directory of the upper, of a lower layer and of both, `.` and `..` have the numbers of stat',
    lowers: [{ 'low/s/f': file('x'), 'both/f': file('x'), f: file('x') }],
    upper: { 'both/g': file('y'), 'up/s': dir() },
    run({ fs, remount }) {
      fs.rename('f', 'up/f')
      const look = () => {
        for (const path of ['.', 'low', 'low/s', 'both', 'up', 'up/s'])
          for (const { name, ino } of fs.list(path))
            if (path !== '.' || name !== '..') assert.equal(ino, fs.stat(`${path}/${name}`).ino, `${path}/${name}`)
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'listing a directory that was changed moves its atime',
    lowers: [{ 'both/f': file('x') }],
    upper: { 'both/g': file('y'), 'up/f': file('y') },
    run({ fs }) {
      for (const path of ['up', 'both']) {
        fs.names(path)
        fs.utimes(path, PLANTED, 'omit')
        fs.write(`${path}/new`, '')
        fs.names(path)
        assert.ok(fs.stat(path).atime > PLANTED, path)
      }
    },
  },
  {
    name: 'rubbish that is left in the workdir is swept by the next mount',
    needs: ['layers', 'owners'],
    lowers: [{ 'd/f': file('x') }],
    run({ fs, disk, work, offline }) {
      fs.append('d/f', 'y')
      offline(() => {
        disk.mkdir(`${work}/work/#1`, 0o755)
        disk.write(`${work}/work/#1/f`, 'x')
        disk.write(`${work}/work/#2`, 'x')
      })
      fs.rename('d/f', 'd/g')
      assert.deepEqual(
        disk.names(`${work}/work`).filter((name) => name === '#1' || name === '#2'),
        [],
      )
      assert.equal(fs.read('d/g'), 'xy')
    },
  },
  {
    name: 'a default ACL of the workdir is not inherited by what is made in the mount',
    needs: ['layers', 'owners'],
    lowers: [{ 'd/f': file('x', { mode: 0o640 }), l: dir() }],
    run({ fs, disk, work, offline }) {
      const open = acl([
        [1, 7],
        [2, 7, 1001],
        [4, 7],
        [16, 7],
        [32, 7],
      ])
      offline(() => {
        for (const path of [work, `${work}/work`]) disk.setxattr(path, ACL_DEFAULT, open)
      })
      fs.append('d/f', 'y')
      fs.write('d/new', '')
      fs.mkdir('d/s')
      fs.unlink('d/f')
      fs.write('d/f', '')
      fs.rmdir('l')
      fs.mkdir('l')
      for (const path of ['d', 'd/new', 'd/s', 'd/f', 'l'])
        assert.deepEqual(
          fs.listxattr(path).filter((name) => name.startsWith('system.posix_acl')),
          [],
          path,
        )
      shows(fs.stat('d/new'), { mode: 0o644 })
      shows(fs.stat('d/s'), { mode: 0o755 })
    },
  },
  {
    name: 'attributes that only begin as the marks do are anybody’s',
    needs: ['trusted'],
    lowers: [{ f: file('x') }],
    run({ fs, remount }) {
      for (const name of ['trusted.overlayfs', 'trusted.overlay', 'user.overlays']) fs.setxattr('f', name, name)
      remount()
      for (const name of ['trusted.overlayfs', 'trusted.overlay', 'user.overlays'])
        assert.equal(fs.getxattr('f', name), name)
    },
  },
  {
    name: 'the copy-up of an opaque lower directory is not opaque itself',
    needs: ['layers', 'kernel-marks'],
    lowers: [{ d: opaque(), 'd/top': file('t') }, { 'd/below': file('b') }],
    run({ fs, disk, upper, mark, remount }) {
      fs.write('d/new', 'n')
      assert.deepEqual(fs.names('d'), ['new', 'top'])
      assert.ok(!disk.listxattr(`${upper}/d`).includes(`${mark}opaque`))
      remount()
      assert.deepEqual(fs.names('d'), ['new', 'top'])
    },
  },
  {
    name: 'an absolute redirect is followed from inside an opaque directory, in the layers below it',
    needs: ['layers', 'kernel-marks', 'trusted'],
    lowers: [
      { o: opaque(), 'o/d': dir({ xattrs: { 'overlay.redirect': '/from' } }), 'o/d/top': file('t') },
      { 'from/f': file('f'), 'o/d/hidden': file('h') },
      { 'from/g': file('g') },
    ],
    run({ fs, dropCaches }) {
      assert.deepEqual(fs.names('o/d'), ['f', 'g', 'top'])
      assert.equal(fs.read('o/d/g'), 'g')
      fs.append('o/d/f', '+')
      dropCaches()
      assert.equal(fs.read('o/d/f'), 'f+')
      assert.deepEqual(fs.names('from'), ['f', 'g'])
    },
  },
  {
    name: 'a working directory keeps its path when it and its parents cannot be removed',
    lowers: [{ 'd/s/f': file('x') }],
    run({ fs, merged }) {
      fs.enter(`${merged}/d/s`)
      fails('ENOTEMPTY', () => fs.rmdir('../../d'))
      fails('ENOTEMPTY', () => fs.rmdir('../s'))
      assert.equal(fs.readlink('/proc/self/cwd'), `${merged}/d/s`)
      fs.rename('../../d', '../../e')
      assert.equal(fs.readlink('/proc/self/cwd'), `${merged}/e/s`)
      fs.enter(merged)
    },
    not: { user: 'the renaming of a lower directory is EXDEV there' },
  },
  {
    name: 'a program is run through its descriptor, also after the file was changed, renamed and removed',
    lowers: [{ p: file('#!/bin/sh\nexit $1\n', { mode: 0o755 }) }],
    run({ fs }) {
      const fd = fs.open('p', O.RDONLY)
      const path = `/proc/${fs.pid()}/fd/${fd}`
      assert.equal(fs.run(path, '3'), 3)
      fs.chmod('p', 0o750)
      assert.equal(fs.run(path, '4'), 4)
      fs.rename('p', 'q')
      assert.equal(fs.run(path, '5'), 5)
      fs.unlink('q')
      assert.equal(fs.run(path, '6'), 6)
      fs.shut(fd)
    },
  },
]

export const changedBelow: Family = { name: 'layers changed while unmounted', cases }
