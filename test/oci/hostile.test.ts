/**
 * Archives made to do harm. Each is refused with the name of the entry, nothing of it is left, and what lies outside
 * the directory is as it was: neither written nor read nor linked.
 */
import assert from 'node:assert/strict'
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { removeUnpacked } from '../../src/oci/apply/remove.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { archive, directory, file, hardLink, header, pax, symlink } from './archive.js'
import { inScratch, namesIn, snapshot, unpackBytes, type Wishes } from './scratch.js'

interface Case {
  readonly name: string
  readonly parts: (outside: string) => Buffer[]
  readonly words: RegExp
  readonly wishes?: Wishes
}

const long = (value: string) => pax([['path', value]])
const device = (name: string, flag = '3', fields = {}) => header({ name, flag, major: 1, minor: 3, ...fields })

const CASES: readonly Case[] = [
  { name: '.. at the beginning', parts: () => [file('../victim', 'bad')], words: /\.\.\/victim: its name leads out/ },
  {
    name: '.. in the middle',
    parts: () => [directory('a/'), file('a/../../victim', 'bad')],
    words: /a\/\.\.\/\.\.\/victim: /,
  },
  { name: '.. that stays inside', parts: () => [directory('a/'), file('a/../b', 'bad')], words: /a\/\.\.\/b: / },
  { name: '.. alone', parts: () => [directory('..')], words: /^.*\.\.: its name leads out/ },
  { name: '.. in a long name', parts: () => [long('x/../../victim'), file('x', 'bad')], words: /victim: its name/ },
  { name: 'an empty name', parts: () => [file('', 'bad')], words: /its name is empty/ },
  { name: 'NUL in a name', parts: () => [long('a\0b'), file('x', 'bad')], words: /contains NUL/ },
  {
    name: 'a name of 5,000 bytes',
    parts: () => [long('a/'.repeat(2500)), file('x', 'bad')],
    words: /a\/a\/.*5000 bytes long/,
  },
  {
    name: 'a component of 256 bytes',
    parts: () => [long(`d/${'n'.repeat(256)}`), file('x', 'bad')],
    words: /256 bytes long/,
  },
  {
    name: 'a file onto a symbolic link, where the last one counts',
    parts: (outside) => [symlink('f', `${outside}/victim`), file('f', 'bad'), file('f/x', 'bad')],
    words: /f\/x: .*needs a directory \(f\)/,
    wishes: { replace: true },
  },
  {
    name: 'a hard link out',
    parts: () => [hardLink('h', '../outside/victim')],
    words: /h: the name it links to leads out/,
  },
  {
    name: 'a hard link to an absolute name',
    parts: (outside) => [hardLink('h', `${outside}/victim`)],
    words: /h: a hard link to .*victim, which is not in this layer/,
  },
  {
    name: 'a hard link through a symbolic link',
    parts: (outside) => [symlink('way', outside), hardLink('h', 'way/victim')],
    words: /h: a hard link to .*outside\/victim, which is not in this layer/,
  },
  { name: 'a hard link to a directory', parts: () => [directory('d/'), hardLink('h', 'd')], words: /h: / },
  { name: 'a hard link to nothing', parts: () => [hardLink('h', 'missing')], words: /h: .*not in this layer/ },
  { name: 'a hard link to the root', parts: () => [hardLink('h', './')], words: /h: a hard link to the layer/ },
  { name: 'a hard link to a whiteout', parts: () => [file('.wh.w'), hardLink('h', 'w')], words: /h: / },
  {
    name: 'a hard link to a whiteout’s own name',
    parts: () => [file('.wh.w'), hardLink('h', '.wh.w')],
    words: /h: a hard link to a whiteout/,
  },
  {
    name: 'a whiteout of ..',
    parts: () => [directory('a/'), file('a/.wh...')],
    words: /a\/\.wh\.\.\.: a whiteout has to name/,
  },
  { name: 'a whiteout of .', parts: () => [file('.wh..')], words: /\.wh\.\.: a whiteout has to name/ },
  { name: 'a whiteout of nothing', parts: () => [file('.wh.')], words: /\.wh\.: a whiteout has to name/ },
  { name: 'a whiteout with a slash behind', parts: () => [directory('.wh./')], words: /\.wh\.\/?: a whiteout/ },
  {
    name: 'a whiteout of a whiteout',
    parts: () => [directory('d/'), file('d/.wh..wh.x')],
    words: /d\/\.wh\.\.wh\.x: /,
  },
  {
    name: 'a whiteout that is a directory',
    parts: () => [directory('.wh.d/'), file('.wh.d/x', 'bad')],
    words: /\.wh\.d\/?: a whiteout is an empty file/,
  },
  {
    name: 'a whiteout that is a symbolic link',
    parts: (outside) => [symlink('.wh.l', outside)],
    words: /\.wh\.l: a whiteout is/,
  },
  {
    name: 'an opaque mark that is a symbolic link',
    parts: (outside) => [symlink('.wh..wh..opq', outside)],
    words: /opq: a whiteout is/,
  },
  { name: 'a file in a hidden directory', parts: () => [file('.wh.d/x', 'bad')], words: /\.wh\.d\/x: it lies in/ },
  {
    name: 'a device where none may be',
    parts: () => [device('dev/sda', '4')],
    words: /dev\/sda: a device/,
    wishes: { nodev: true },
  },
  {
    name: 'setuid where none may be',
    parts: () => [file('su', 'x', { mode: 0o4755 })],
    words: /su: setuid/,
    wishes: { nosuid: true },
  },
  {
    name: 'setgid where none may be',
    parts: () => [file('sg', 'x', { mode: 0o2755 })],
    words: /sg: setuid or setgid/,
    wishes: { nosuid: true },
  },
  {
    name: 'capabilities where none may be',
    parts: () => [
      pax([['SCHILY.xattr.security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')]]),
      file('cap', 'x'),
    ],
    words: /cap: file capabilities/,
    wishes: { nosuid: true },
  },
  {
    name: 'a file twice',
    parts: () => [file('f', 'one'), file('f', 'two')],
    words: /f: the archive holds .* of this name already/,
    wishes: { replace: false },
  },
  {
    name: 'a link, then a file of its name',
    parts: (outside) => [symlink('f', outside), file('f', 'x')],
    words: /f: the archive holds .* of this name already/,
    wishes: { replace: false },
  },
  {
    name: 'a link, then a directory of its name',
    parts: (outside) => [symlink('f', outside), directory('f/')],
    words: /f\/: the archive holds .* of this name already/,
    wishes: { replace: false },
  },
  {
    name: 'links in a circle',
    parts: () => [symlink('a', 'b'), symlink('b', 'a'), file('a/x', 'bad')],
    words: /a\/x: it goes through more symbolic links/,
  },
  {
    name: 'links that double their way',
    parts: () => [symlink('a', 'a/a'), file('a/x', 'bad')],
    words: /a\/x: it goes through more symbolic links/,
  },
  {
    name: 'headers for all entries without end',
    parts: () => Array.from({ length: 40 }, (_each, i) => pax([[`SCHILY.xattr.user.${i}`, 'x'.repeat(4000)]], 'g')),
    words: /PAX headers for all entries hold more than 65536 bytes/,
  },
  {
    name: 'more names of attributes than Linux lists',
    parts: () => [
      pax(Array.from({ length: 400 }, (_each, i) => [`SCHILY.xattr.user.${'n'.repeat(200)}${i}`, 'x'] as const)),
      file('f'),
    ],
    words: /f: the names of its attributes are \d+ bytes long together/,
  },
  {
    name: 'a file, then a directory of its name',
    parts: () => [file('f', 'x'), directory('f/')],
    words: /f\/?: /,
    wishes: { replace: false },
  },
  {
    name: 'a file in a file',
    parts: () => [file('f', 'x'), file('f/x', 'y')],
    words: /f\/x: .*needs a directory \(f\)/,
  },
  { name: 'the root as a file', parts: () => [file('./', 'x', { flag: '7' })], words: /root can only be a directory/ },
  { name: 'the root as a link', parts: (outside) => [symlink('.', outside)], words: /root can only be a directory/ },
  {
    name: 'a sparse file of a pebibyte and more',
    parts: () => [
      pax([
        ['GNU.sparse.size', '9007199254740991'],
        ['GNU.sparse.map', '0,1'],
      ]),
      file('huge', 'x'),
    ],
    words: /huge: .*more than this filesystem could ever hold/,
  },
  {
    name: 'a file larger than what is free',
    parts: () => [
      file('big', '', { size: 2 ** 32, patch: (block) => block.write('77777777777\0', 124, 'latin1') }),
      header({ name: 'x' }),
    ],
    words: /big: |cut short.*big/,
  },
  {
    name: 'more bytes than allowed',
    parts: () => [file('a', 'x'.repeat(600)), file('b', 'x'.repeat(600))],
    words: /b: .*more than the 1000 bytes/,
    wishes: { maxBytes: 1000 },
  },
  {
    name: 'holes count, too',
    parts: () => [
      pax([
        ['GNU.sparse.size', '5000'],
        ['GNU.sparse.map', '0,1'],
      ]),
      file('s', 'x'),
    ],
    words: /s: .*more than the 1000 bytes/,
    wishes: { maxBytes: 1000 },
  },
  {
    name: 'more entries than allowed',
    parts: () => [file('a'), file('b'), file('c')],
    words: /c: .*more than the 2 entries/,
    wishes: { maxEntries: 2 },
  },
  {
    name: 'an attribute without a name',
    parts: () => [pax([['SCHILY.xattr.user.', 'x']]), file('f')],
    words: /f: an extended attribute cannot be called user\./,
  },
  {
    name: 'an attribute with NUL in its name',
    parts: () => [pax([['SCHILY.xattr.user.a\0b', 'x']]), file('f')],
    words: /f: an extended attribute/,
  },
  {
    name: 'an attribute of 70,000 bytes',
    parts: () => [pax([['SCHILY.xattr.user.big', 'x'.repeat(70_000)]]), file('f')],
    words: /f: its attribute user\.big is 70000 bytes/,
  },
  {
    name: 'an ACL of nonsense',
    parts: () => [pax([['SCHILY.acl.access', 'user::rwx,everybody:please']]), file('f')],
    words: /f: its ACL cannot be read/,
  },
  {
    name: 'an ACL that names a stranger',
    parts: () => [
      pax([['SCHILY.acl.access', 'user::rwx,user:no-such-user:rwx,group::---,mask::rwx,other::---']]),
      file('f'),
    ],
    words: /f: .*no-such-user/,
  },
  { name: 'a symbolic link to nothing', parts: () => [symlink('l', '')], words: /l: a symbolic link to nothing/ },
  {
    name: 'good entries, then rubbish',
    parts: () => [directory('d/'), file('d/f', 'x'), Buffer.alloc(512, 7)],
    words: /d\/f: .*no tar header/,
  },
]

describe('hostile archives are refused by name and leave nothing', () => {
  for (const { name, parts, words, wishes } of CASES) {
    it(name, () =>
      inScratch(async (folder) => {
        const outside = join(folder, 'outside')
        mkdirSync(outside)
        writeFileSync(join(outside, 'victim'), 'precious')
        const before = snapshot(outside)
        await assert.rejects(unpackBytes(folder, parts(outside), wishes), (error: Error) => {
          assert.equal(error.name, 'StratafsError', error.stack)
          assert.match(error.message, words)
          return true
        })
        assert.deepEqual(snapshot(outside), before)
        assert.equal(statSync(join(outside, 'victim')).nlink, 1)
        assert.deepEqual(namesIn(folder), ['archive', 'outside'])
      }),
    )
  }
})

describe('what leads out is led back to the layer’s root, and outside nothing is touched', () => {
  const led: [name: string, parts: (outside: string) => Buffer[]][] = [
    ['an absolute name', (outside) => [file(`${outside}/victim`, 'bad')]],
    ['slashes before it', (outside) => [file(`//${outside}/victim`, 'bad')]],
    ['a file through a link', (outside) => [symlink('way', outside), file('way/victim', 'bad')]],
    ['… that climbs', (outside) => [symlink('way', `../../../..${outside}`), file('way/victim', 'bad')]],
    [
      '… that came after a directory',
      (outside) => [directory('way/'), symlink('way', outside), file('way/victim', 'bad')],
    ],
    [
      '… that a whiteout came before',
      (outside) => [file('.wh.way'), symlink('way', outside), file('way/victim', 'bad')],
    ],
    ['… in two steps', (outside) => [symlink('a', outside), symlink('b', 'a'), file('b/victim', 'bad')]],
    ['… that is a link of a link', (outside) => [symlink('a', outside), hardLink('h', 'a'), file('h/victim', 'bad')]],
  ]
  for (const [name, parts] of led)
    it(name, () =>
      inScratch(async (folder) => {
        const outside = join(folder, 'outside')
        mkdirSync(outside)
        writeFileSync(join(outside, 'victim'), 'precious')
        await unpackBytes(folder, parts(outside))
        assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'precious')
        assert.equal(readFileSync(join(folder, 'layer', outside, 'victim'), 'utf8'), 'bad')
      }),
    )
  it('what takes a link’s name takes nothing from where it led', () =>
    inScratch(async (folder) => {
      const outside = join(folder, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'victim'), 'precious')
      await unpackBytes(folder, [
        symlink('f', `${outside}/victim`),
        file('f', 'bad'),
        symlink('d', outside),
        directory('d/', { mode: 0o777 }),
        file('d/victim', 'bad'),
      ])
      assert.deepEqual(
        [readFileSync(join(outside, 'victim'), 'utf8'), statSync(outside).mode & 0o777],
        ['precious', 0o755],
      )
      assert.deepEqual(Object.keys(snapshot(join(folder, 'layer'))), ['.', 'd', 'd/victim', 'f'])
    }))
})

describe('what only looks hostile is done as it says', () => {
  it('symbolic links may point anywhere: they are content', () =>
    inScratch(async (folder) => {
      await unpackBytes(folder, [symlink('passwd', '/etc/passwd'), symlink('up', '../../x')])
      const tree = snapshot(join(folder, 'layer'))
      assert.deepEqual([tree.passwd!.content, tree.up!.content], ['/etc/passwd', '../../x'])
    }))
  it('a whiteout through a symbolic link, or in a file, has nothing to hide and touches nothing', () =>
    inScratch(async (folder) => {
      mkdirSync(join(folder, 'outside'))
      writeFileSync(join(folder, 'outside', 'victim'), 'precious')
      const outside = join(folder, 'outside')
      await unpackBytes(folder, [
        symlink('way', outside),
        file('way/.wh.victim'),
        file('f', 'x'),
        file('f/.wh.y'),
        file('w/.wh.z'),
        file('w/deep/.wh.z'),
        symlink('w', outside),
        file('w/.wh.victim'),
      ])
      assert.deepEqual(Object.keys(snapshot(join(folder, 'layer'))), ['.', 'f', 'w', 'way'])
      assert.deepEqual(namesIn(outside), ['victim'])
    }))
  it('directories may be repeated; the last description counts', () =>
    inScratch(async (folder) => {
      await unpackBytes(folder, [directory('d/', { mode: 0o700 }), file('d/f'), directory('./d', { mode: 0o751 })])
      assert.equal(snapshot(join(folder, 'layer')).d!.mode & 0o7777, 0o751)
    }))
  it('the last file of a name counts, and no link of the first changes', () =>
    inScratch(async (folder) => {
      await unpackBytes(folder, [file('f', 'one'), hardLink('h', 'f'), file('f', 'two')], { replace: true })
      const tree = snapshot(join(folder, 'layer'))
      assert.deepEqual([tree.f!.content, tree.h!.content, tree.f!.group], ['two', 'one', null])
    }))
  it('a path eight hundred directories deep is made, and removed again when what follows is refused', () =>
    inScratch(async (folder) => {
      const deep = [pax([['path', `${'a/'.repeat(800)}f`]]), file('f', 'x')]
      await unpackBytes(folder, deep)
      const fd = native.openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0)
      assert.equal(removeUnpacked(fd, 'layer'), 0)
      native.close(fd)
      await assert.rejects(unpackBytes(folder, [...deep, file('../x', 'bad')]), /leads out/)
      assert.deepEqual(namesIn(folder), ['archive'])
    }))
  it('files that are there already are in nobody’s way: a full directory is refused', () =>
    inScratch(async (folder) => {
      mkdirSync(join(folder, 'layer'))
      writeFileSync(join(folder, 'layer', 'mine'), 'mine')
      linkSync(join(folder, 'layer', 'mine'), join(folder, 'mine'))
      await assert.rejects(unpackBytes(folder, [file('mine', 'bad')]), /layer is not empty/)
      assert.equal(readFileSync(join(folder, 'mine'), 'utf8'), 'mine')
    }))
  it('a directory that is a symbolic link is not unpacked through', () =>
    inScratch(async (folder) => {
      mkdirSync(join(folder, 'elsewhere'))
      symlinkSync('elsewhere', join(folder, 'layer'))
      await assert.rejects(unpackBytes(folder, [file('f', 'x')]), /layer is there already, and no directory/)
      assert.deepEqual(namesIn(join(folder, 'elsewhere')), [])
    }))
  it('an archive of nothing but its end is an empty layer', () =>
    inScratch(async (folder) => {
      const bytes = archive()
      await assert.rejects(unpackBytes(folder, bytes.subarray(0, 100)), /not a tar/)
      assert.equal((await unpackBytes(folder, bytes)).entries, 0)
      assert.deepEqual(namesIn(join(folder, 'layer')), [])
    }))
})

describe('archives with random damage', () => {
  const parts = [
    directory('d/', { mode: 0o755 }),
    pax([
      ['SCHILY.xattr.user.k', 'v'],
      ['mtime', '3.5'],
      ['path', 'd/long'],
    ]),
    file('short', 'x'.repeat(700)),
    hardLink('h', 'd/long'),
    symlink('s', '../outside'),
    file('d/.wh.gone'),
    pax([
      ['GNU.sparse.size', '9000'],
      ['GNU.sparse.map', '1000,4,5000,4'],
      ['SCHILY.acl.access', 'user::rw-,user:7:r--,group::r--,mask::r--,other::---'],
    ]),
    file('sparse', 'AAAABBBB'),
  ]
  it('are refused in words or harmless: never a crash, never a thing outside, never half a layer', () =>
    inScratch(async (folder) => {
      const outside = join(folder, 'outside')
      mkdirSync(outside)
      const good = archive(...parts)
      const edit = fc.record({
        at: fc.nat(good.length - 1),
        byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0x2e, 0x2f, 0x30, 0x37, 0x80, 0xff)),
      })
      const damage = fc.record({
        edits: fc.array(edit, { maxLength: 6 }),
        mend: fc.boolean(),
        cut: fc.option(fc.nat(good.length)),
      })
      await fc.assert(
        fc.asyncProperty(damage, async ({ edits, mend, cut }) => {
          const bytes = Buffer.from(good)
          for (const { at, byte } of edits) bytes[at] = byte
          if (mend) for (const { at } of edits) mendChecksum(bytes, at - (at % 512))
          try {
            await unpackBytes(folder, bytes.subarray(0, cut ?? bytes.length))
          } catch (error) {
            assert.equal((error as Error).name, 'StratafsError', (error as Error).stack)
            assert.deepEqual(namesIn(folder), ['archive', 'outside'])
          }
          const fd = native.openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0)
          removeUnpacked(fd, 'layer')
          native.close(fd)
          assert.deepEqual([namesIn(folder), namesIn(outside)], [['archive', 'outside'], []])
        }),
        { numRuns: Number(process.env.STRATAFS_FUZZ_RUNS ?? 150) },
      )
    }))
})

/** Makes the checksum of the block at `at` right again, so that what was changed in it is believed. */
function mendChecksum(bytes: Buffer, at: number): void {
  bytes.fill(0x20, at + 148, at + 156)
  const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
}
