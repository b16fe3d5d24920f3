/**
 * Files too large for the mount's own page cache, so that with passthrough they are read and written in the layer
 * itself: who had one open before it was copied up, and who opens it after. Every case ends with a look at the lower
 * layers, so each of them also shows that nothing was written there.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type Case, type Family, fails, shows } from '../case.js'
import { LOCK, O } from '../numbers.js'
import { file, hardlink } from '../tree.js'

const SIZE = 300_000
const END = SIZE - 4
const big = file('x'.repeat(SIZE))
const STAYS = 'with passthrough, who opened a lower file for reading before its copy-up stays with the lower file'

const cases: Case[] = [
  {
    name: 'a write shows by name while an older descriptor goes on reading',
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        assert.equal(fs.pread(old, END, 4), 'xxxx')
        fs.with('f', O.RDWR, (fd) => {
          fs.pwrite(fd, 0, 'new')
          fs.pwrite(fd, SIZE, 'tail')
          assert.equal(fs.pread(fd, 0, 4), 'newx')
        })
        assert.match(fs.pread(old, 0, 4), /^(newx|xxxx)$/)
        assert.equal(fs.pread(old, 100, 4), 'xxxx')
        fs.with('f', O.RDONLY, (fd) => assert.equal(fs.pread(fd, SIZE - 2, 9), 'xxtail'))
      })
      fs.with('f', O.RDONLY, (fd) => assert.equal(fs.pread(fd, 0, 5), 'newxx'))
      assert.equal(fs.stat('f').size, SIZE + 4)
    },
  },
  {
    name: 'an older descriptor reads what is written after the copy-up',
    not: { root: STAYS },
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        fs.with('f', O.WRONLY, (fd) => fs.pwrite(fd, 0, 'new'))
        assert.equal(fs.pread(old, 0, 4), 'newx')
      })
    },
  },
  {
    name: 'fstat of an older descriptor shows the size, mode and number of the copied-up file',
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        const before = fs.fstat(old)
        fs.with('f', O.WRONLY | O.APPEND, (fd) => fs.pwrite(fd, SIZE, '12345'))
        fs.chmod('f', 0o640)
        shows(fs.fstat(old), { ino: before.ino, size: SIZE + 5, mode: 0o640 })
        shows(fs.stat('f'), { ino: before.ino, size: SIZE + 5, mode: 0o640 })
        fs.fchmod(old, 0o604)
        shows(fs.stat('f'), { mode: 0o604 })
      })
    },
  },
  {
    name: 'chmod while it is open for reading, then a write, then a chmod by the old descriptor',
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        fs.chmod('f', 0o600)
        fs.with('f', O.RDWR, (fd) => {
          fs.pwrite(fd, 0, 'A')
          fs.fchmod(old, 0o755)
          shows(fs.fstat(fd), { mode: 0o755 })
        })
        assert.equal(fs.pread(old, 10, 3), 'xxx')
      })
      fs.with('f', O.RDONLY, (fd) => assert.equal(fs.pread(fd, 0, 2), 'Ax'))
    },
  },
  {
    name: 'O_TRUNC and truncate while it is open for reading',
    lowers: [{ f: big, g: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        fs.with('f', O.WRONLY | O.TRUNC, (fd) => {
          shows(fs.fstat(fd), { size: 0 })
          fs.pwrite(fd, 0, 'short')
        })
        assert.equal(fs.read('f'), 'short')
        shows(fs.fstat(old), { size: 5 })
      })
      fs.with('g', O.RDONLY, (old) => {
        fs.truncate('g', 200_000)
        shows(fs.stat('g'), { size: 200_000 })
        shows(fs.fstat(old), { size: 200_000 })
        assert.equal(fs.pread(old, 0, 2), 'xx')
      })
      fs.with('g', O.RDONLY, (fd) => assert.equal(fs.pread(fd, 199_998, 9), 'xx'))
    },
  },
  {
    name: 'many opens in mixed modes, closed in another order',
    lowers: [{ f: big }],
    run({ fs }) {
      const a = fs.open('f', O.RDONLY)
      const b = fs.open('f', O.RDONLY)
      const c = fs.open('f', O.WRONLY)
      const d = fs.open('f', O.RDONLY)
      fs.pwrite(c, 0, 'c')
      const e = fs.open('f', O.RDWR)
      fs.pwrite(e, 1, 'e')
      fs.shut(b)
      fs.shut(c)
      assert.equal(fs.pread(d, 0, 3), 'cex')
      const g = fs.open('f', O.RDONLY)
      fs.shut(a)
      assert.equal(fs.pread(g, 0, 3), 'cex')
      for (const fd of [g, e, d]) fs.shut(fd)
      fs.append('f', '!')
      fs.with('f', O.RDONLY, (fd) => assert.equal(fs.pread(fd, SIZE - 1, 9), 'x!'))
    },
  },
  {
    name: 'renamed and removed after a copy-up under an older descriptor',
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        fs.append('f', '!')
        fs.rename('f', 'g')
        fs.with('g', O.RDWR, (fd) => {
          assert.equal(fs.pread(fd, SIZE, 4), '!')
          fs.pwrite(fd, 0, 'g')
        })
        fs.write('f', 'another')
        fs.unlink('g')
        shows(fs.fstat(old), { nlink: 0 })
        assert.equal(fs.pread(old, 20, 2), 'xx')
      })
      assert.deepEqual(fs.names('.'), ['f'])
      assert.equal(fs.read('f'), 'another')
    },
  },
  {
    name: 'removed while it is open for reading, then changed by that descriptor',
    not: { kernel: 'its index refuses to copy up a lower file that has lost its name: EEXIST' },
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        fs.unlink('f')
        fs.fchmod(old, 0o600)
        shows(fs.fstat(old), { nlink: 0, mode: 0o600, size: SIZE })
        assert.equal(fs.pread(old, END, 9), 'xxxx')
      })
      assert.equal(fs.exists('f'), false)
    },
  },
  {
    name: 'hard links: what is written by one name is read by the other, which was open before',
    lowers: [{ a: big, b: hardlink('a') }],
    run({ fs }) {
      assert.equal(fs.stat('b').nlink, 2)
      fs.with('a', O.RDONLY, (old) => {
        fs.with('b', O.RDWR, (fd) => fs.pwrite(fd, 0, 'via b'))
        assert.equal(fs.pread(old, 50, 2), 'xx')
        for (const name of ['a', 'b']) fs.with(name, O.RDONLY, (fd) => assert.equal(fs.pread(fd, 0, 6), 'via bx'))
      })
      assert.equal(fs.stat('a').ino, fs.stat('b').ino)
    },
  },
  {
    name: 'an opened descriptor is opened again through /proc/self/fd',
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        const again = `/proc/self/fd/${old}`
        fs.with(again, O.RDONLY, (fd) => assert.equal(fs.pread(fd, END, 9), 'xxxx'))
        fs.unlink('f')
        fs.with(again, O.RDONLY, (fd) => assert.equal(fs.pread(fd, END, 9), 'xxxx'))
      })
    },
  },
  {
    name: 'a descriptor is opened again through /proc/self/fd for writing while another is open',
    not: { root: 'with passthrough the kernel has to look the name up again, and there is none: ESTALE' },
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        fs.with(`/proc/self/fd/${old}`, O.RDWR, (fd) => fs.pwrite(fd, 0, 'w'))
        fs.with('f', O.RDONLY, (fd) => assert.equal(fs.pread(fd, 0, 2), 'wx'))
      })
    },
  },
  {
    name: 'a shared mapping for writing writes the upper file, also after its descriptor is closed',
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        const fd = fs.open('f', O.RDWR)
        const slot = fs.mmap(fd, SIZE, 'shared', true)
        fs.mapwrite(slot, 0, 'map')
        fs.shut(fd)
        fs.mapwrite(slot, 4096, 'after')
        fs.with('f', O.RDONLY, (reader) => {
          assert.equal(fs.pread(reader, 0, 4), 'mapx')
          assert.equal(fs.pread(reader, 4096, 6), 'afterx')
          fs.mapwrite(slot, 4096, 'later')
          assert.equal(fs.pread(reader, 4096, 6), 'laterx')
        })
        fs.munmap(slot)
        assert.equal(fs.pread(old, 200, 2), 'xx')
      })
      fs.with('f', O.RDONLY, (fd) => assert.equal(fs.pread(fd, 4096, 6), 'laterx'))
    },
  },
  {
    name: 'a mapping made before the copy-up stays readable',
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (old) => {
        const slot = fs.mmap(old, SIZE, 'shared')
        assert.equal(fs.mapread(slot, 0, 2), 'xx')
        fs.with('f', O.WRONLY, (fd) => fs.pwrite(fd, 8192, 'new'))
        assert.match(fs.mapread(slot, 8192, 4), /^(newx|xxxx)$/)
        fs.munmap(slot)
      })
    },
  },
  {
    name: 'locks exclude between opens of a lower file, and again between opens after its copy-up',
    lowers: [{ f: big }],
    run({ fs }) {
      const exclude = (): void =>
        fs.with('f', O.RDONLY, (a) =>
          fs.with('f', O.RDONLY, (b) => {
            fs.flock(a, LOCK.EX)
            fails('EAGAIN', () => fs.flock(b, LOCK.EX | LOCK.NB))
          }),
        )
      exclude()
      fs.append('f', '!')
      exclude()
    },
  },
  {
    name: 'a lock taken before the copy-up excludes who opens the file after it',
    not: { root: STAYS },
    lowers: [{ f: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (a) => {
        fs.flock(a, LOCK.EX)
        fs.with('f', O.RDWR, (b) => fails('EAGAIN', () => fs.flock(b, LOCK.EX | LOCK.NB)))
      })
    },
  },
  {
    name: 'a running program is replaced from inside itself',
    needs: ['layers'],
    lowers: [
      {
        sh: file(readFileSync('/bin/sh', 'latin1'), { mode: 0o755 }),
        upgrade: file(
          '#!./sh\ncp sh sh.new && echo "# more" >> sh.new && chmod 755 sh.new && mv sh.new sh && ./sh -c "exit 7"\n',
          { mode: 0o755 },
        ),
      },
    ],
    run({ fs }) {
      assert.equal(fs.run('./upgrade', ''), 7)
      assert.equal(fs.run('./upgrade', ''), 7)
    },
  },
  {
    name: 'a program that runs cannot be written, can be given other permissions, and can be removed',
    needs: ['layers'],
    lowers: [
      {
        sh: file(readFileSync('/bin/sh', 'latin1'), { mode: 0o755 }),
        self: file(
          '#!./sh\n(echo x >> ./sh) 2>/dev/null && exit 1\nchmod 700 ./sh || exit 2\n./sh -c "exit 0" || exit 3\nrm ./sh && exit 9\n',
          { mode: 0o755 },
        ),
      },
    ],
    run({ fs }) {
      assert.equal(fs.run('./self', ''), 9)
      assert.equal(fs.exists('sh'), false)
    },
  },
  {
    name: 'ranges are copied between a file that was copied up and one that was not',
    lowers: [{ f: big, g: big }],
    run({ fs }) {
      fs.with('f', O.RDONLY, (source) =>
        fs.with('g', O.RDWR, (target) => {
          fs.with('f', O.WRONLY, (fd) => fs.pwrite(fd, 0, 'F'))
          fs.copyFileRange(source, 100, target, SIZE, 1000)
          assert.equal(fs.fstat(target).size, SIZE + 1000)
          fs.fsync(target)
        }),
      )
      fs.with('g', O.RDONLY, (fd) => assert.equal(fs.pread(fd, SIZE - 1, 3), 'xxx'))
    },
  },
  {
    name: 'a metacopy under an older descriptor, then its content',
    options: { metacopy: 'on' },
    needs: ['layers', 'kernel-marks'],
    lowers: [{ f: big }],
    run({ fs, remount }) {
      fs.with('f', O.RDONLY, (old) => {
        fs.chmod('f', 0o600)
        fs.with('f', O.RDONLY, (fd) => {
          assert.equal(fs.pread(fd, END, 9), 'xxxx')
          fs.with('f', O.RDWR, (writer) => fs.pwrite(writer, 0, 'meta'))
          assert.equal(fs.pread(fd, END, 9), 'xxxx')
        })
        assert.equal(fs.pread(old, END, 9), 'xxxx')
        shows(fs.fstat(old), { mode: 0o600 })
      })
      remount()
      fs.with('f', O.RDONLY, (fd) => assert.equal(fs.pread(fd, 0, 5), 'metax'))
    },
  },
]

export const large: Family = { name: 'large files', cases }
