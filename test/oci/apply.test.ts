/**
 * What becomes of the things a layer may hold: whiteouts in every order, opaque directories, attributes that look like
 * the union's marks, ACLs, set-id files, devices, holes, directories that no entry describes; as root and as an
 * ordinary user.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { checkoutRoot } from '../../scripts/checkout.js'
import { aclFromText } from '../../src/oci/apply/acl.js'
import { AT_FDCWD, S_IFCHR } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { isRoot, needsRoot, ok } from '../syscalls/support.js'
import { archive, directory, file, hardLink, header, pax, symlink } from './archive.js'
import { inScratch, namesIn, snapshot, unpackBytes, type Wishes } from './scratch.js'

const OPAQUE = isRoot ? 'trusted.overlay.opaque' : 'user.overlay.opaque'

async function treeOf(parts: Buffer[], wishes: Wishes = {}) {
  return inScratch(async (folder) => {
    const result = await unpackBytes(folder, parts, wishes)
    return { tree: snapshot(join(folder, 'layer')), result }
  })
}

function treeWithoutTimes(parts: Buffer[]) {
  return inScratch(async (folder) => {
    await unpackBytes(folder, parts)
    return snapshot(join(folder, 'layer'), { mtimes: false })
  })
}

function setXattr(path: string, name: string, value: Uint8Array): void {
  assert.equal(native.setxattr(AT_FDCWD, path, name, value, 0), 0)
}

const isWhiteout = (entry: { mode: number; rdev: string } | undefined) =>
  entry !== undefined && (entry.mode & 0o170000) === S_IFCHR && entry.rdev === '0:0'

describe('whiteouts', () => {
  it('hide a name, in the root and below, with parents where nobody described them', async () => {
    const { tree, result } = await treeOf([file('.wh.gone'), file('a/b/.wh.too')])
    assert.ok(isWhiteout(tree.gone) && isWhiteout(tree['a/b/too']))
    assert.deepEqual(Object.keys(tree), ['.', 'a', 'a/b', 'a/b/too', 'gone'])
    assert.deepEqual([result.whiteouts, result.implied], [2, ['a', 'a/b']])
  })
  it('give way to an entry of their name, in either order', async () => {
    for (const parts of [
      [file('.wh.f'), file('f', 'new')],
      [file('f', 'new'), file('.wh.f')],
    ]) {
      const { tree } = await treeOf(parts)
      assert.deepEqual([tree.f!.content, Object.keys(tree)], ['new', ['.', 'f']])
    }
  })
  it('make a directory of their name opaque, in any order, also one that is only on the way', async () => {
    const orders = [
      [file('.wh.d'), directory('d/'), file('d/f')],
      [directory('d/'), file('d/f'), file('.wh.d')],
      [directory('d/'), file('.wh.d'), file('d/f')],
      [file('.wh.d'), file('d/f')],
    ]
    for (const parts of orders) {
      const { tree } = await treeOf(parts)
      assert.equal(tree.d!.xattrs[OPAQUE], 'y')
      assert.deepEqual(Object.keys(tree), ['.', 'd', 'd/f'])
    }
  })
  it('in a directory that is hidden or became a file hide nothing more, in either order', async () => {
    for (const parts of [
      [file('.wh.d'), file('d/.wh.x')],
      [file('d/.wh.x'), file('.wh.d')],
    ]) {
      const { tree } = await treeOf(parts)
      assert.ok(isWhiteout(tree.d))
      assert.deepEqual(Object.keys(tree), ['.', 'd'])
    }
    for (const parts of [
      [file('d', 'f'), file('d/.wh.x')],
      [file('d/e/.wh.x'), file('d/.wh.y'), file('d', 'f')],
    ]) {
      const { tree } = await treeOf(parts)
      assert.deepEqual([Object.keys(tree), tree.d!.content], [['.', 'd'], 'f'])
    }
    const { tree } = await treeOf([file('d/e/.wh.x'), file('d/f', 'x'), file('.wh.d')])
    assert.deepEqual([Object.keys(tree), tree.d!.xattrs[OPAQUE]], [['.', 'd', 'd/e', 'd/f'], 'y'])
  })
  it('may be repeated, and be links as AUFS had them', async () => {
    const { tree } = await treeOf([
      file('.wh..wh.aufs'),
      file('.wh.a'),
      file('.wh.a'),
      hardLink('.wh.b', '.wh..wh.aufs'),
    ])
    assert.ok(isWhiteout(tree.a) && isWhiteout(tree.b))
    assert.deepEqual(Object.keys(tree), ['.', 'a', 'b'])
  })
  it('in overlay’s own spelling are understood', async () => {
    const { tree, result } = await treeOf([header({ name: 'w', flag: '3' })])
    assert.ok(isWhiteout(tree.w))
    assert.equal(result.whiteouts, 1)
  })
  it('.wh..wh..opq makes its directory opaque, before or after what is in it', async () => {
    for (const parts of [
      [file('d/.wh..wh..opq'), file('d/f')],
      [directory('d/'), file('d/f'), file('d/.wh..wh..opq')],
    ]) {
      const { tree } = await treeOf(parts)
      assert.equal(tree.d!.xattrs[OPAQUE], 'y')
      assert.deepEqual(Object.keys(tree), ['.', 'd', 'd/f'])
    }
  })
  it('of a directory whose attributes come later keep them', async () => {
    const { tree } = await treeOf([file('d/.wh..wh..opq'), directory('d/', { mode: 0o1777, mtime: 77 })])
    assert.deepEqual([tree.d!.mode & 0o7777, tree.d!.mtime], [0o1777, '77.000000000'])
  })
})

describe('attributes', () => {
  it('what looks like the union’s marks is stored one level deeper, at any depth', { skip: needsRoot }, async () => {
    const records = [
      ['SCHILY.xattr.trusted.overlay.opaque', 'y'],
      ['SCHILY.xattr.trusted.overlay.overlay.redirect', '/x'],
      ['SCHILY.xattr.user.overlay.opaque', 'y'],
      ['SCHILY.xattr.user.fuseoverlayfs.opaque', 'y'],
      ['SCHILY.xattr.user.stratafs.layer', 'x'],
    ] as const
    const { tree, result } = await treeOf([pax(records), directory('d/')])
    assert.deepEqual(tree.d!.xattrs, {
      'trusted.overlay.overlay.opaque': 'y',
      'trusted.overlay.overlay.overlay.redirect': '/x',
      'user.overlay.opaque': 'y',
    })
    assert.equal(result.notes.length, 2)
  })
  it('with userxattr it is the user class that is marked and escaped', async () => {
    const records = [['SCHILY.xattr.user.overlay.metacopy', '']] as const
    const { tree } = await treeOf([pax(records), file('f'), file('d/.wh..wh..opq')], { userxattr: true })
    assert.deepEqual(tree.f!.xattrs, { 'user.overlay.overlay.metacopy': '' })
    assert.deepEqual(tree.d!.xattrs, { 'user.overlay.opaque': 'y' })
  })
  it('capabilities outlive the owner, and every byte of any attribute the way', { skip: needsRoot }, async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    const value = Buffer.from([0, 255, 10, 254])
    const records = [
      ['SCHILY.xattr.security.capability', capability],
      ['SCHILY.xattr.user.v', value],
    ] as const
    const { tree } = await treeOf([pax(records), file('f', 'x', { uid: 5, gid: 6, mode: 0o4711 })])
    assert.deepEqual(tree.f!.xattrs, {
      'security.capability': capability.toString('latin1'),
      'user.v': value.toString('latin1'),
    })
    assert.deepEqual([tree.f!.mode & 0o7777, tree.f!.owner], [0o4711, '5:6'])
  })
  it('ACLs in text', async () => {
    const access = 'user::rw-,user:12:r--,group::r--,group:root:-w-,mask::rw-,other::---'
    const byDefault = 'user::rwx,group::r-x,other::--x'
    const parts = [
      pax([
        ['SCHILY.acl.access', access],
        ['SCHILY.acl.default', byDefault],
      ]),
      directory('d/', { mode: 0o660 }),
      file('d/f', 'x', { mode: 0o604 }),
    ]
    const { tree } = await treeOf(parts)
    const entry = (tag: number, perm: number, id = 0xffffffff) => {
      const bytes = Buffer.alloc(8)
      bytes.writeUInt16LE(tag, 0)
      bytes.writeUInt16LE(perm, 2)
      bytes.writeUInt32LE(id, 4)
      return bytes
    }
    const value = (...entries: Buffer[]) => Buffer.concat([Buffer.from([2, 0, 0, 0]), ...entries]).toString('latin1')
    assert.deepEqual(tree.d!.xattrs, {
      'system.posix_acl_access': value(
        entry(1, 6),
        entry(2, 4, 12),
        entry(4, 4),
        entry(8, 2, 0),
        entry(16, 6),
        entry(32, 0),
      ),
      'system.posix_acl_default': value(entry(1, 7), entry(4, 5), entry(32, 1)),
    })
    // A default ACL that came before its children would have changed them.
    assert.deepEqual([tree['d/f']!.mode & 0o777, tree['d/f']!.xattrs], [0o604, {}])
  })
  it('what other systems have is left out with a word', async () => {
    const { result } = await treeOf([pax([['SCHILY.xattr.com.apple.quarantine', 'x']]), file('f')])
    assert.match(result.notes[0]!, /f: the attribute com\.apple\.quarantine has no place here/)
  })
})

describe('files', () => {
  it('keep owner, mode, times before 1970 and to the nanosecond; links share an inode', {
    skip: needsRoot,
  }, async () => {
    const parts = [
      directory('./', { mode: 0o711, uid: 3, mtime: 9 }),
      pax([['mtime', '-1.5']]),
      file('./f', 'x', { uid: 70000, gid: 4_000_000_000 % 2_097_152, mode: 0o640 }),
      hardLink('g', './f'),
      symlink('l', 'f'),
      header({ name: 'p', flag: '6', mode: 0o622 }),
      header({ name: 'null', flag: '3', major: 1, minor: 3, mode: 0o666 }),
      header({ name: 'disk', flag: '4', major: 259, minor: 300, mode: 0o660 }),
    ]
    const { tree } = await treeOf(parts)
    assert.deepEqual([tree['.']!.mode & 0o7777, tree['.']!.owner, tree['.']!.mtime], [0o711, '3:0', '9.000000000'])
    assert.deepEqual([tree.f!.mtime, tree.f!.mode & 0o7777, tree.g!.group], ['-2.500000000', 0o640, 'f'])
    assert.deepEqual([tree.l!.mtime, tree.l!.content], ['1700000000.000000000', 'f'])
    assert.deepEqual(
      [tree.p!.mode, tree.null!.rdev, tree.disk!.rdev, tree.disk!.mode & 0o777],
      [0o010622, '1:3', '259:300', 0o660],
    )
  })
  it('holes stay holes', () =>
    inScratch(async (folder) => {
      const map = pax([
        ['GNU.sparse.size', '50000000'],
        ['GNU.sparse.map', '20000000,4,50000000,0'],
      ])
      const result = await unpackBytes(folder, [map, file('s', 'DATA')])
      const stat = statSync(join(folder, 'layer', 's'))
      assert.deepEqual([stat.size, stat.blocks < 100, result.bytes], [50_000_000, true, 4])
      assert.equal(readFileSync(join(folder, 'layer', 's')).toString('latin1', 20_000_000, 20_000_004), 'DATA')
    }))
  it('names that are no UTF-8 stay what they are', async () => {
    const { tree } = await treeOf([file('caf\xe9\xff', 'x')])
    assert.ok(tree['caf\xe9\xff'])
  })
  it('a closed umask, a default ACL and a setgid parent change nothing', () =>
    inScratch(async (folder) => {
      chmodSync(folder, 0o2755)
      setXattr(
        folder,
        'system.posix_acl_default',
        aclFromText('user::rwx,user:1:rwx,group::r-x,mask::rwx,other::r-x') as Buffer,
      )
      const before = process.umask(0o077)
      try {
        await unpackBytes(folder, [
          directory('d/', { mode: 0o775 }),
          file('d/f', 'x', { mode: 0o666 }),
          file('e/g', 'x'),
        ])
      } finally {
        process.umask(before)
      }
      const tree = snapshot(join(folder, 'layer'))
      assert.deepEqual(
        Object.values(tree).map((each) => each.xattrs),
        [{}, {}, {}, {}, {}],
      )
      assert.deepEqual(
        ['d', 'd/f', 'e', 'e/g'].map((name) => (tree[name]!.mode & 0o7777).toString(8)),
        ['775', '666', '755', '644'],
      )
    }))
})

describe('directories that no entry describes', () => {
  it('are 0755, with the time of what they were made for', async () => {
    const { tree } = await treeOf([file('a/b/f', 'x', { mtime: 5 }), file('a/g', 'x', { mtime: 6 })])
    assert.deepEqual([tree.a!.mode & 0o7777, tree.a!.mtime, tree['a/b']!.mtime], [0o755, '5.000000000', '5.000000000'])
  })
  it('are what the layers beneath have there', { skip: needsRoot }, () =>
    inScratch(async (folder) => {
      const lower = join(folder, 'lower')
      mkdirSync(join(lower, 'a'), { recursive: true })
      setXattr(join(lower, 'a'), 'user.k', Buffer.from('v'))
      chownSync(join(lower, 'a'), 7, 8)
      chmodSync(join(lower, 'a'), 0o3770)
      mkdirSync(join(folder, 'nothing'))
      await unpackBytes(folder, [file('a/b/f')], { lowers: [join(folder, 'nothing'), lower] })
      const tree = snapshot(join(folder, 'layer'))
      const { mode, owner, xattrs } = tree.a!
      assert.deepEqual(
        [mode & 0o7777, owner, xattrs, tree['a/b']!.mode & 0o7777],
        [0o3770, '7:8', { 'user.k': 'v' }, 0o755],
      )
    }),
  )
})

describe('what the layers beneath show', { skip: needsRoot }, () => {
  const whiteout = (path: string) => ok(native.mknodat(AT_FDCWD, path, S_IFCHR, 0, 0))
  /** Three layers beneath: `a/b` and `a/f` in the lowest, and what `between` makes in the one above it. */
  const withBetween = async (between: (layer: string) => void, parts: Buffer[]) =>
    inScratch(async (folder) => {
      const [top, middle, bottom] = ['top', 'middle', 'bottom'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ]
      for (const each of [top, middle]) mkdirSync(each)
      mkdirSync(join(bottom, 'a/b'), { recursive: true })
      writeFileSync(join(bottom, 'a/f'), '')
      for (const each of ['a', 'a/b']) {
        chmodSync(join(bottom, each), 0o700)
        chownSync(join(bottom, each), 7, 8)
      }
      between(middle)
      const result = await unpackBytes(folder, parts, { lowers: [top, middle, bottom] })
      return { tree: snapshot(join(folder, 'layer')), result }
    })
  const opaque = (layer: string) => {
    mkdirSync(join(layer, 'a'))
    setXattr(join(layer, 'a'), OPAQUE, Buffer.from('y'))
  }
  const deleted: [name: string, between: (layer: string) => void][] = [
    ['a whiteout', (layer) => whiteout(join(layer, 'a'))],
    ['a whiteout as .wh.NAME', (layer) => writeFileSync(join(layer, '.wh.a'), '')],
    ['an opaque directory', opaque],
    [
      'an opaque directory as a file says',
      (layer) => {
        mkdirSync(join(layer, 'a'))
        writeFileSync(join(layer, 'a/.wh..wh..opq'), '')
      },
    ],
    ['a file in its place', (layer) => writeFileSync(join(layer, 'a'), '')],
    [
      'a whiteout beside a new one',
      (layer) => {
        mkdirSync(join(layer, 'a'))
        writeFileSync(join(layer, '.wh.a'), '')
      },
    ],
  ]
  for (const [name, between] of deleted) {
    it(`a directory that is only implied is root’s, 0755, where ${name} deleted it between`, async () => {
      const { tree } = await withBetween(between, [file('a/b/new')])
      assert.deepEqual([tree['a/b']!.mode & 0o7777, tree['a/b']!.owner], [0o755, '0:0'])
    })
    it(`a whiteout hides nothing and is left out, where ${name} deleted it between`, async () => {
      const { tree, result } = await withBetween(between, [directory('a/'), file('a/.wh.f'), file('a/.wh.b')])
      assert.deepEqual([Object.keys(tree), result.leansOnBelow], [['.', 'a'], true])
    })
  }
  it('where nothing was deleted both are as they were', async () => {
    const { tree } = await withBetween(
      (layer) => mkdirSync(join(layer, 'a')),
      [file('a/b/new'), file('a/.wh.f'), file('a/.wh.g')],
    )
    assert.ok(isWhiteout(tree['a/f']))
    assert.deepEqual([Object.keys(tree), tree['a/b']!.mode & 0o7777], [['.', 'a', 'a/b', 'a/b/new', 'a/f'], 0o700])
  })
  it('the layer’s own opaque directory has nothing beneath', async () => {
    const { tree } = await withBetween(() => {}, [file('a/.wh..wh..opq'), file('a/b/new'), file('a/.wh.f')])
    assert.deepEqual([Object.keys(tree), tree['a/b']!.mode & 0o7777], [['.', 'a', 'a/b', 'a/b/new'], 0o755])
  })
  it('an implied directory is root’s where the folder around gives its group away', () =>
    inScratch(async (folder) => {
      chownSync(folder, 0, 9)
      chmodSync(folder, 0o2755)
      await unpackBytes(folder, [file('d/f')])
      assert.equal(snapshot(join(folder, 'layer')).d!.owner, '0:0')
    }))
})

describe('names that other readers take', () => {
  it('begin with a slash, are the root, or lead to it', async () => {
    const { tree } = await treeOf([
      directory('/', { mode: 0o711 }),
      directory('/a'),
      file('//a/f', 'x'),
      hardLink('/h', '/a/f'),
      file('/a/.wh.gone'),
    ])
    assert.deepEqual(Object.keys(tree), ['.', 'a', 'a/f', 'a/gone', 'h'])
    assert.deepEqual([tree['.']!.mode & 0o777, tree.h!.group], [0o711, 'a/f'])
  })
  it('go through links of the layer, whichever way those are written', async () => {
    const links = [
      symlink('l1', 'real'),
      symlink('l2', '/real'),
      symlink('d/l3', '../real'),
      symlink('l4', '../../d/l3'),
    ]
    const { tree } = await treeOf([
      directory('real/', { mode: 0o751 }),
      ...links,
      ...['l1', 'l2', 'd/l3', 'l4'].map((name, i) => file(`${name}/f${i}`)),
      hardLink('h', 'l4/f0'),
      file('l1/.wh..wh..opq'),
    ])
    assert.deepEqual(
      Object.keys(tree).filter((name) => name.startsWith('real/')),
      ['real/f0', 'real/f1', 'real/f2', 'real/f3'],
    )
    assert.deepEqual([tree.real!.xattrs[OPAQUE], tree.real!.mode & 0o777, tree.l1!.content], ['y', 0o751, 'real'])
  })
  it('go through a link to what is not there: it becomes a directory', async () => {
    const { tree } = await treeOf([symlink('l', 'no/such'), file('l/f')])
    assert.deepEqual(Object.keys(tree), ['.', 'l', 'no', 'no/such', 'no/such/f'])
  })
  it('are there again, of any kind: the last counts', async () => {
    const kinds: [string, Buffer[]][] = [
      ['file', [file('x', 'old')]],
      ['link', [symlink('x', 'y')]],
      ['directory', [directory('x/'), file('x/in'), file('x/.wh.w'), directory('x/deep/'), file('x/deep/f')]],
      ['fifo', [header({ name: 'x', flag: '6' })]],
    ]
    for (const [old, before] of kinds)
      for (const [fresh, after] of kinds) {
        const tree = await treeWithoutTimes([...before, ...after])
        const alone = await treeWithoutTimes(after)
        if (old !== 'directory' || fresh !== 'directory') assert.deepEqual(tree, alone, `${old}, then ${fresh}`)
      }
  })
  it('a hard link to its own name changes nothing', async () => {
    const { tree } = await treeOf([file('f', 'x'), hardLink('f', 'f'), hardLink('f', './f')])
    assert.equal(tree.f!.content, 'x')
  })
})

describe('as an ordinary user', { skip: needsRoot }, () => {
  /** Unpacks `parts` as user 65534 in a process of its own. */
  const asNobody = (folder: string, parts: Buffer[], wishes: Wishes) => {
    chmodSync(folder, 0o777)
    writeFileSync(join(folder, 'archive'), archive(...parts))
    const module = pathToFileURL(join(checkoutRoot(), 'dist/test/oci/scratch.js')).href
    const code = `
      process.setgroups([]); process.setgid(65534); process.setuid(65534)
      const { requestFor } = await import(${JSON.stringify(module)})
      const { unpack } = await import(${JSON.stringify(module.replace('/test/oci/scratch.js', '/src/oci/apply/unpack.js'))})
      const result = await unpack(requestFor('archive', ${JSON.stringify(join(folder, 'layer'))}, ${JSON.stringify(wishes)}))
      console.log(JSON.stringify(result))`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      cwd: folder,
      encoding: 'utf8',
    })
    return JSON.parse(output) as { notes: string[] }
  }
  const PARTS = [
    directory('locked/', { mode: 0o500, uid: 5 }),
    file('locked/su', 'x', { mode: 0o4755, uid: 7 }),
    pax([
      ['SCHILY.xattr.user.k', 'v'],
      ['SCHILY.xattr.security.capability', 'x'],
      ['SCHILY.xattr.trusted.t', 'x'],
    ]),
    file('r', 'x', { mode: 0o444 }),
    header({ name: 'null', flag: '3', major: 1, minor: 3 }),
    file('d/.wh..wh..opq'),
    file('.wh.gone'),
  ]
  it('all belongs to them, no set-id bit lends their rights, and each kind of loss is told', () =>
    inScratch((folder) => {
      const { notes } = asNobody(folder, PARTS, {})
      const tree = snapshot(join(folder, 'layer'))
      assert.deepEqual(Object.keys(tree), ['.', 'd', 'gone', 'locked', 'locked/su', 'r'])
      assert.ok(Object.values(tree).every(({ owner }) => owner === '65534:65534'))
      assert.deepEqual(
        [tree['locked/su']!.mode & 0o7777, tree.locked!.mode & 0o7777, tree.r!.xattrs],
        [0o755, 0o500, { 'user.k': 'v' }],
      )
      assert.ok(isWhiteout(tree.gone))
      assert.deepEqual(tree.d!.xattrs, { 'user.overlay.opaque': 'y' })
      assert.equal(notes.length, 4, notes.join('\n'))
    }))
  it('root of a user namespace has no power over the machine: devices and trusted attributes are left out, marks are user.*', () =>
    inScratch((folder) => {
      const parts = [
        header({ name: 'null', flag: '3', major: 1, minor: 3 }),
        pax([['SCHILY.xattr.trusted.t', 'x']]),
        file('d/f'),
        file('d/.wh..wh..opq'),
        file('.wh.gone'),
      ]
      writeFileSync(join(folder, 'archive'), archive(...parts))
      mkdirSync(join(folder, 'below/d'), { recursive: true })
      writeFileSync(join(folder, 'below/d/hidden'), '')
      const stratafs = [process.execPath, join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')]
      const inside = (...words: string[]) =>
        execFileSync('unshare', ['--user', '--map-root-user', '--mount', ...stratafs, ...words], {
          cwd: folder,
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        })
      inside('apply', 'archive', 'layer')
      const tree = snapshot(join(folder, 'layer'))
      assert.deepEqual(Object.keys(tree), ['.', 'd', 'd/f', 'gone'])
      assert.ok(isWhiteout(tree.gone))
      assert.deepEqual([tree.d!.xattrs, tree['d/f']!.xattrs], [{ 'user.overlay.opaque': 'y' }, {}])
      const listed = inside('ls', '--layers', '--lower', join(folder, 'layer'), '--lower', join(folder, 'below'), 'd')
      assert.match(listed, /^layer +f\n$/)
    }))
  it('with owners in an attribute a mount can show the true ones', () =>
    inScratch((folder) => {
      asNobody(folder, PARTS, { owners: 'xattr' })
      const tree = snapshot(join(folder, 'layer'))
      assert.equal(tree['locked/su']!.xattrs['user.containers.override_stat'], '7:0:4755')
      assert.equal(tree.locked!.xattrs['user.containers.override_stat'], '5:0:500')
    }))
  it('what is refused is removed, closed directories too', () =>
    inScratch((folder) => {
      assert.throws(() => asNobody(folder, [...PARTS, directory('c/', { mode: 0 }), file('../x')], {}), /leads out/)
      assert.equal(existsSync(join(folder, 'layer')), false)
      assert.deepEqual(namesIn(folder), ['archive'])
    }))
})
