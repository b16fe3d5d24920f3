/** Special files and unusual names: devices, sockets, FIFOs, names of 255 bytes or that are no text. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { O, S } from '../numbers.js'
import { device, dir, fifo, file, symlink } from '../tree.js'

const longest = 'n'.repeat(255)
const bytes = 'b\xff\xfe\x80\xc3\x28'
const odd = ['new\nline', 'tab\t', 'sp ace', 'quo"te\'s', 'back\\slash', 'comma,colon:', '-dash', '...', 'ünï', '\x01']

export const specials: Family = {
  name: 'special files',
  cases: [
    {
      name: 'a character device of a lower layer works and can change mode',
      needs: ['devices'],
      lowers: [{ zero: device('char', 1, 5, { mode: 0o644 }) }],
      run({ fs }) {
        assert.equal(
          fs.with('zero', O.RDONLY, (fd) => fs.pread(fd, 0, 4)),
          '\0\0\0\0',
        )
        fs.chmod('zero', 0o600)
        shows(fs.stat('zero'), { type: 'char', rdev: [1, 5], mode: 0o600 })
        assert.equal(
          fs.with('zero', O.RDONLY, (fd) => fs.pread(fd, 0, 2)),
          '\0\0',
        )
      },
    },
    {
      name: 'mknod of devices keeps the numbers, large ones too',
      needs: ['devices'],
      run({ fs, remount }) {
        fs.mknod('c', S.IFCHR | 0o620, 4095, 1048575)
        fs.mknod('b', S.IFBLK | 0o660, 259, 7)
        remount()
        shows(fs.stat('c'), { type: 'char', rdev: [4095, 1048575], mode: 0o600 })
        shows(fs.stat('b'), { type: 'block', rdev: [259, 7] })
      },
    },
    {
      name: 'mknod of a character device 0:0 is refused: it would be a whiteout',
      needs: ['layers', 'devices'],
      lowers: [{}],
      run({ fs }) {
        fails('EPERM', () => fs.mknod('w', S.IFCHR | 0o644, 0, 0))
        fails('ENOENT', () => fs.stat('w'))
      },
    },
    {
      name: 'mknod of a device by a plain user is EPERM, of a FIFO allowed',
      needs: ['owners'],
      lowers: [{ d: dir({ mode: 0o777 }) }],
      run({ fs }) {
        fs.as(1001, 1001, () => {
          fails('EPERM', () => fs.mknod('d/c', S.IFCHR | 0o644, 1, 3))
          fs.mknod('d/p', S.IFIFO | 0o644)
        })
        shows(fs.stat('d/p'), { type: 'fifo', uid: 1001 })
      },
    },
    {
      name: 'mknod of a regular file makes an empty one',
      run({ fs }) {
        fs.mknod('f', S.IFREG | 0o640)
        shows(fs.stat('f'), { type: 'file', size: 0, mode: 0o640 })
        fs.append('f', 'x')
        assert.equal(fs.read('f'), 'x')
      },
    },
    {
      name: 'a unix socket bound in the mount takes connections, and stays a socket',
      run({ fs }) {
        const socket = fs.bind('s')
        shows(fs.stat('s'), { type: 'socket', mode: 0o755 })
        fs.connect('s')
        fs.chmod('s', 0o700)
        fs.connect('s')
        fs.shut(socket)
        fails('ECONNREFUSED', () => fs.connect('s'))
        fs.unlink('s')
        fails('ENOENT', () => fs.stat('s'))
      },
    },
    {
      name: 'a lower FIFO: chmod, rename, link and unlink',
      lowers: [{ p: fifo({ mode: 0o644 }) }],
      run({ fs, remount }) {
        fs.chmod('p', 0o600)
        fs.rename('p', 'q')
        fs.link('q', 'r')
        shows(fs.stat('r'), { type: 'fifo', mode: 0o600, nlink: 2 })
        fs.unlink('q')
        remount()
        assert.deepEqual(fs.names('.'), ['r'])
        shows(fs.stat('r'), { type: 'fifo', mode: 0o600, nlink: 1 })
      },
    },
  ],
}

const nameCases: Case[] = [
  {
    name: 'names of 255 bytes: made, copied up, renamed, removed; 256 is ENAMETOOLONG',
    lowers: [{ [longest]: file('x'), [`d/${'m'.repeat(255)}`]: file('y') }],
    run({ fs, remount }) {
      fs.append(longest, '+')
      fs.rename(longest, 'o'.repeat(255))
      fs.write('p'.repeat(255), 'new')
      fs.mkdir('q'.repeat(255))
      fs.unlink(`d/${'m'.repeat(255)}`)
      remount()
      assert.deepEqual(fs.names('.'), ['d', 'o'.repeat(255), 'p'.repeat(255), 'q'.repeat(255)])
      assert.equal(fs.read('o'.repeat(255)), 'x+')
      assert.deepEqual(fs.names('d'), [])
      fails('ENAMETOOLONG', () => fs.stat('n'.repeat(256)))
      fails('ENAMETOOLONG', () => fs.write('n'.repeat(256), ''))
      fails('ENAMETOOLONG', () => fs.mkdir('n'.repeat(256)))
    },
  },
  {
    name: 'names that are not UTF-8 are kept byte by byte',
    lowers: [{ [bytes]: file('x'), 'd\xff/\x80': file('y') }],
    run({ fs, remount }) {
      assert.deepEqual(fs.names('.'), [bytes, 'd\xff'])
      fs.append(bytes, '+')
      fs.rename('d\xff', 'e\xfe')
      fs.write('\xf0\x9f', 'new')
      remount()
      assert.deepEqual(fs.names('.'), [bytes, 'e\xfe', '\xf0\x9f'])
      assert.equal(fs.read(bytes), 'x+')
      assert.equal(fs.read('e\xfe/\x80'), 'y')
      fs.unlink(bytes)
      fails('ENOENT', () => fs.stat(bytes))
    },
  },
  {
    name: 'names with newlines, quotes, commas, colons and control bytes',
    lowers: [Object.fromEntries(odd.map((name) => [name, file(name)]))],
    run({ fs, remount }) {
      assert.deepEqual(fs.names('.'), [...odd].sort())
      for (const name of odd) fs.append(name, '+')
      remount()
      for (const name of odd) assert.equal(fs.read(name), `${name}+`)
      for (const name of odd) fs.unlink(name)
      assert.deepEqual(fs.names('.'), [])
    },
  },
  {
    name: 'names that differ in case or in normal form are different files',
    lowers: [{ a: file('lower'), A: file('upper'), '\xc3\xa9': file('nfc'), 'e\xcc\x81': file('nfd') }],
    run({ fs }) {
      assert.equal(fs.read('a') + fs.read('A'), 'lowerupper')
      assert.equal(fs.read('\xc3\xa9') + fs.read('e\xcc\x81'), 'nfcnfd')
    },
  },
  {
    name: 'a path of 4,000 bytes in 40 directories',
    run({ fs }) {
      const parts = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(98, 'x'))
      for (let i = 1; i <= parts.length; i++) fs.mkdir(parts.slice(0, i).join('/'))
      fs.write(`${parts.join('/')}/f`, 'deep')
      assert.equal(fs.read(`${parts.join('/')}/f`), 'deep')
      fails('ENAMETOOLONG', () => fs.stat(`${parts.join('/')}/${'y'.repeat(200)}`))
    },
  },
  {
    name: '.wh. names can be made and read as plain files where they are no marks',
    needs: ['layers'],
    not: {
      root: 'a .wh. name is a whiteout in our layers',
      cached: 'a .wh. name is a whiteout in our layers',
      user: 'a .wh. name is a whiteout in our layers',
      'fuse-native': 'a .wh. name is a whiteout in our layers',
    },
    lowers: [{ '.wh.f': file('x'), f: file('f') }],
    run({ fs }) {
      assert.equal(fs.read('.wh.f'), 'x')
      assert.equal(fs.read('f'), 'f')
    },
  },
  {
    name: 'a symlink in a layer that leads out of it is followed in the mount’s namespace, not in the layer’s',
    lowers: [
      {
        out: symlink('../../../../../../etc/hostname-of-nobody'),
        up: symlink('..'),
        'd/l': symlink('../f'),
        f: file('f'),
      },
    ],
    run({ fs }) {
      fails('ENOENT', () => fs.read('out'))
      assert.equal(fs.read('d/l'), 'f')
      shows(fs.stat('up'), { type: 'symlink' })
    },
  },
]

export const names: Family = { name: 'names', cases: nameCases }
