/** Extended attributes: of lower and upper files, over copy-up, overlay's own hidden, nested ones escaped. */
import assert from 'node:assert/strict'
import { type Case, type Family, fails, shows } from '../case.js'
import { XATTR } from '../numbers.js'
import { dir, file, PLANTED, symlink } from '../tree.js'

/** What a user set: not what a security module or we add. */
const own = (names: readonly string[]): string[] => names.filter((name) => !/^(security\.|user\.stratafs)/.test(name))

const cases: Case[] = [
  {
    name: 'xattrs of a lower file are read and listed',
    lowers: [{ f: file('x', { xattrs: { 'user.a': 'one', 'user.b': '\0\xff binary' } }) }],
    run({ fs }) {
      assert.equal(fs.getxattr('f', 'user.a'), 'one')
      assert.equal(fs.getxattr('f', 'user.b'), '\0\xff binary')
      assert.deepEqual(own(fs.listxattr('f')), ['user.a', 'user.b'])
    },
  },
  {
    name: 'setxattr on a lower file keeps the others, content and mtime',
    lowers: [{ f: file('content', { xattrs: { 'user.a': '1' } }) }],
    run({ fs, remount }) {
      fs.setxattr('f', 'user.b', '2')
      const look = () => {
        assert.deepEqual(own(fs.listxattr('f')), ['user.a', 'user.b'])
        assert.equal(fs.getxattr('f', 'user.a') + fs.getxattr('f', 'user.b'), '12')
        shows(fs.stat('f'), { mtime: PLANTED, size: 7 })
      }
      look()
      remount()
      look()
    },
  },
  {
    name: 'all xattrs go along with a copy-up by write',
    lowers: [{ f: file('x', { xattrs: { 'user.a': '1', 'user.b': 'long '.repeat(200) } }) }],
    run({ fs }) {
      fs.append('f', 'y')
      assert.equal(fs.getxattr('f', 'user.a'), '1')
      assert.equal(fs.getxattr('f', 'user.b'), 'long '.repeat(200))
    },
  },
  {
    name: 'xattrs of a lower directory go along with its copy-up',
    lowers: [{ d: dir({ xattrs: { 'user.a': '1' } }) }],
    run({ fs, remount }) {
      fs.write('d/new', '')
      remount()
      assert.equal(fs.getxattr('d', 'user.a'), '1')
    },
  },
  {
    name: 'removexattr on a lower file',
    lowers: [{ f: file('x', { xattrs: { 'user.a': '1', 'user.b': '2' } }) }],
    run({ fs, remount }) {
      fs.removexattr('f', 'user.a')
      fails('ENODATA', () => fs.getxattr('f', 'user.a'))
      remount()
      assert.deepEqual(own(fs.listxattr('f')), ['user.b'])
    },
  },
  {
    name: 'lower files without any are asked twice, in every class, then one is set on each',
    lowers: [{ f: file('x'), g: file('y'), l: symlink('f') }],
    run({ fs, remount }) {
      const look = (name: string) => {
        assert.deepEqual(own(fs.listxattr(name)), [])
        for (const absent of ['user.a', 'user.b', 'trusted.a', 'security.a'])
          fails('ENODATA', () => fs.getxattr(name, absent))
        fails('EOPNOTSUPP', () => fs.getxattr(name, 'nonsense.a'))
      }
      for (const name of ['f', 'g', 'l', 'f', 'g', 'l']) look(name)
      fs.setxattr('f', 'user.a', '1')
      fs.chmod('g', 0o600)
      const looked = () => {
        assert.equal(fs.getxattr('f', 'user.a'), '1')
        assert.deepEqual(own(fs.listxattr('f')), ['user.a'])
        look('g')
      }
      looked()
      fs.removexattr('f', 'user.a')
      look('f')
      fs.setxattr('f', 'user.a', '1')
      remount()
      looked()
    },
  },
  {
    name: 'CREATE and REPLACE, absent names, sizes and short buffers',
    lowers: [{ f: file('x', { xattrs: { 'user.a': 'value' } }) }],
    run({ fs }) {
      fails('EEXIST', () => fs.setxattr('f', 'user.a', 'new', XATTR.CREATE))
      fails('ENODATA', () => fs.setxattr('f', 'user.none', 'new', XATTR.REPLACE))
      fails('ENODATA', () => fs.getxattr('f', 'user.none'))
      fails('ENODATA', () => fs.removexattr('f', 'user.none'))
      assert.equal(fs.xattrsize('f', 'user.a', 0), 5)
      fails('ERANGE', () => fs.xattrsize('f', 'user.a', 2))
      assert.equal(fs.getxattr('f', 'user.a'), 'value')
    },
  },
  {
    name: 'an empty value is a value',
    run({ fs }) {
      fs.write('f', '')
      fs.setxattr('f', 'user.empty', '')
      assert.equal(fs.xattrsize('f', 'user.empty', 0), 0)
      assert.deepEqual(own(fs.listxattr('f')), ['user.empty'])
    },
  },
  {
    name: 'user xattrs on a symlink are EPERM, an unknown class EOPNOTSUPP, a name without one too',
    lowers: [{ l: symlink('x'), f: file('') }],
    run({ fs }) {
      fails('EPERM', () => fs.setxattr('l', 'user.a', '1'))
      fails('EOPNOTSUPP', () => fs.setxattr('f', 'nonsense.a', '1'))
      fails('EOPNOTSUPP', () => fs.setxattr('f', 'plain', '1'))
    },
  },
  {
    name: 'trusted and security xattrs of a lower file, and over copy-up',
    needs: ['trusted'],
    lowers: [{ f: file('x', { xattrs: { 'trusted.t': 't', 'security.s': 's' } }) }],
    run({ fs }) {
      assert.equal(fs.getxattr('f', 'trusted.t'), 't')
      fs.append('f', 'y')
      assert.equal(fs.getxattr('f', 'trusted.t'), 't')
      assert.equal(fs.getxattr('f', 'security.s'), 's')
    },
  },
  {
    name: 'trusted xattrs are not shown to a plain user',
    needs: ['trusted', 'owners'],
    lowers: [{ f: file('x', { xattrs: { 'trusted.t': 't', 'user.u': 'u' } }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => {
        assert.deepEqual(own(fs.listxattr('f')), ['user.u'])
        fails('ENODATA', () => fs.getxattr('f', 'trusted.t'))
        fails('EPERM', () => fs.setxattr('f', 'trusted.t', 'x'))
        fails('EACCES', () => fs.setxattr('f', 'user.u', 'x'))
      })
    },
  },
  {
    name: 'file capabilities go along with chmod and are dropped by a write',
    needs: ['trusted', 'owners'],
    lowers: [
      {
        f: file('x', {
          mode: 0o777,
          xattrs: { 'security.capability': '\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0' },
        }),
      },
    ],
    run({ fs }) {
      fs.chmod('f', 0o755)
      assert.equal(fs.xattrsize('f', 'security.capability', 0), 20)
      fs.append('f', 'y')
      fails('ENODATA', () => fs.getxattr('f', 'security.capability'))
      assert.equal(fs.read('f'), 'xy')
    },
  },
  {
    name: 'file capabilities set after they were asked for in vain are seen, and dropped by a write',
    needs: ['trusted', 'owners'],
    lowers: [{ f: file('x', { mode: 0o755 }) }],
    run({ fs }) {
      fails('ENODATA', () => fs.getxattr('f', 'security.capability'))
      fs.write('new', 'x')
      for (const name of ['f', 'new']) {
        fs.append(name, 'y')
        fails('ENODATA', () => fs.getxattr(name, 'security.capability'))
        fs.setxattr(name, 'security.capability', '\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0')
        assert.equal(fs.xattrsize(name, 'security.capability', 0), 20)
        fs.append(name, 'z')
        fails('ENODATA', () => fs.getxattr(name, 'security.capability'))
      }
    },
  },
  {
    name: 'overlay’s own marks are neither listed nor read nor written through the mount',
    needs: ['layers'],
    lowers: [{ 'd/f': file('x'), e: dir() }],
    run({ fs, disk, upper, mark }) {
      fs.rename('d', 'r')
      fs.append('r/f', 'y')
      assert.notDeepEqual(disk.listxattr(`${upper}/r`), [])
      assert.deepEqual(own(fs.listxattr('r')), [])
      assert.deepEqual(own(fs.listxattr('r/f')), [])
      assert.deepEqual(own(fs.listxattr('.')), [])
      fails('ENODATA', () => fs.getxattr('r', `${mark}redirect`))
    },
  },
  {
    name: 'an overlay xattr set in the mount is stored escaped one level, and read back',
    needs: ['layers'],
    lowers: [{ d: dir() }],
    run({ fs, disk, upper, mark, remount }) {
      fs.setxattr('d', `${mark}opaque`, 'y')
      assert.equal(fs.getxattr('d', `${mark}opaque`), 'y')
      assert.deepEqual(own(fs.listxattr('d')), [`${mark}opaque`])
      assert.equal(disk.getxattr(`${upper}/d`, `${mark}overlay.opaque`), 'y')
      remount()
      assert.equal(fs.getxattr('d', `${mark}opaque`), 'y')
      fs.removexattr('d', `${mark}opaque`)
      fails('ENODATA', () => fs.getxattr('d', `${mark}opaque`))
    },
  },
  {
    name: 'xattrs through one hard link show through the other',
    lowers: [{ a: file('x') }],
    run({ fs }) {
      fs.link('a', 'b')
      fs.setxattr('a', 'user.k', 'v')
      assert.equal(fs.getxattr('b', 'user.k'), 'v')
    },
  },
  {
    name: 'user.stratafs.layer and realpath tell where a file comes from',
    needs: ['ours'],
    lowers: [{ top: file('t') }, { bottom: file('b'), 'd/x': file('x') }],
    run({ fs, lowers, upper }) {
      assert.equal(fs.getxattr('bottom', 'user.stratafs.realpath'), `${lowers[1]}/bottom`)
      assert.equal(fs.getxattr('d/x', 'user.stratafs.realpath'), `${lowers[1]}/d/x`)
      assert.equal(fs.getxattr('top', 'user.stratafs.layer'), lowers[0])
      fs.append('bottom', '+')
      assert.equal(fs.getxattr('bottom', 'user.stratafs.layer'), upper)
      assert.equal(fs.getxattr('bottom', 'user.stratafs.layer.name'), 'upper')
      assert.ok(lowers[0]!.endsWith(`/${fs.getxattr('top', 'user.stratafs.layer.name')}`))
      assert.equal(fs.getxattr('bottom', 'user.stratafs.realpath'), `${upper}/bottom`)
    },
  },
  {
    name: 'the virtual xattrs are not stored, not listed, and not copied up',
    needs: ['ours'],
    lowers: [{ f: file('x') }],
    run({ fs, disk, upper }) {
      fs.append('f', 'y')
      assert.deepEqual(
        fs.listxattr('f').filter((name) => name.startsWith('user.stratafs')),
        [],
      )
      assert.deepEqual(
        disk.listxattr(`${upper}/f`).filter((name) => name.startsWith('user.stratafs')),
        [],
      )
    },
  },
]

export const xattrs: Family = { name: 'xattrs', cases }
