/** What is written of EROFS, held against a reader of its own, and against fsck.erofs where that is installed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type InodeFacts, isSealed, type NameFacts, type Xattr } from '../../src/erofs/format.js'
import { ImageWriter, NotInImage } from '../../src/erofs/image-writer.js'
import { notInstalled } from '../tools/installed.js'
import { inodeAt, namesIn, rootOf } from './read-image.js'

const FILE = 0o100644
const DIRECTORY = 0o040755

function facts(mode: number, more: Partial<InodeFacts> = {}): InodeFacts {
  const none = { uid: 0, gid: 0, nlink: 1, size: 0, mtime: 1, mtimeNs: 2, rdevMajor: 0, rdevMinor: 0 }
  return { mode, ...none, ...more }
}

interface Leaf {
  readonly name: string
  readonly facts: InodeFacts
  readonly xattrs?: readonly Xattr[]
  readonly content?: Uint8Array
}

/** An image of one directory with `leaves` in it, and an empty directory `sub`. */
function imageOf(leaves: readonly Leaf[], rootXattrs: readonly Xattr[] = []): { image: Buffer; uuid: Buffer } {
  let image = Buffer.alloc(0)
  const writer = new ImageWriter({
    write(bytes, at) {
      if (image.length < at + bytes.length)
        image = Buffer.concat([image, Buffer.alloc(at + bytes.length - image.length)])
      image.set(bytes, at)
    },
  })
  const names = [...leaves.map(({ name }) => name), 'sub', '.', '..'].sort()
  const root = writer.begin(facts(DIRECTORY, { nlink: 3 }), rootXattrs, names)
  const entries: NameFacts[] = leaves.map(({ name, facts: each, xattrs = [], content }) => ({
    name,
    nid: writer.add(each, xattrs, content),
    mode: each.mode,
  }))
  const sub = writer.begin(facts(0o041777, { nlink: 2 }), [], ['.', '..'])
  const dots = (own: number): NameFacts[] => [
    { name: '.', nid: own, mode: DIRECTORY },
    { name: '..', nid: root.nid, mode: DIRECTORY },
  ]
  writer.finish(sub, dots(sub.nid))
  const all = [...entries, ...dots(root.nid), { name: 'sub', nid: sub.nid, mode: DIRECTORY }]
  writer.finish(
    root,
    all.sort((a, b) => (a.name < b.name ? -1 : 1)),
  )
  const { bytes, uuid } = writer.end(root, () => Buffer.from('own words\n'))
  return { image: Buffer.concat([image, Buffer.alloc(bytes - image.length)]), uuid }
}

/** Of each kind one, with attributes at the edges of their fields. */
const LARGEST = Buffer.alloc(65_535, 7)
const KINDS: readonly Leaf[] = [
  {
    name: 'big',
    facts: facts(FILE, { size: 2 ** 43 + 1, uid: 4294967294, gid: 70000, mtime: -5, mtimeNs: 999999999, nlink: 70000 }),
    xattrs: [
      { name: 'trusted.overlay.redirect', value: Buffer.from('/l/big') },
      { name: 'trusted.overlay.metacopy', value: Buffer.alloc(0) },
    ],
  },
  { name: 'empty', facts: facts(FILE) },
  { name: 'link', facts: facts(0o120777, { size: 5 }), content: Buffer.from('where') },
  { name: 'long', facts: facts(0o120777, { size: 4095 }), content: Buffer.alloc(4095, 0x78) },
  { name: 'device', facts: facts(0o020600, { rdevMajor: 259, rdevMinor: 70000 }) },
  { name: 'fifo', facts: facts(0o010600) },
  { name: '\xff\x01', facts: facts(0o104755, { size: 1 }), xattrs: [{ name: 'user.x', value: LARGEST }] },
  {
    name: '-acl',
    facts: facts(FILE, { size: 4096 }),
    xattrs: ['system.posix_acl_access', 'system.posix_acl_default', 'security.capability'].map((name) => ({
      name,
      value: Buffer.from('v'),
    })),
  },
]

test('an image tells of each kind of file what was told of it', () => {
  const { image } = imageOf(KINDS)
  const root = rootOf(image)
  assert.deepEqual([root.mode, root.nlink, root.mtime, root.mtimeNs], [DIRECTORY, 3, 1n, 2])
  const names = namesIn(root)
  assert.deepEqual(
    names.map(([name, , type]) => [name, type]),
    [
      ['-acl', 1],
      ['.', 2],
      ['..', 2],
      ['big', 1],
      ['device', 3],
      ['empty', 1],
      ['fifo', 5],
      ['link', 7],
      ['long', 7],
      ['sub', 2],
      ['\xff\x01', 1],
    ],
  )
  const of = (name: string) => inodeAt(image, names.find(([each]) => each === name)![1])
  const { uid, gid, nlink, size, mtime, mtimeNs, union, xattrs } = of('big')
  assert.deepEqual([uid, gid, nlink, size], [4294967294, 70000, 70000, 2 ** 43 + 1])
  // Two chunks of 8 TiB.
  assert.deepEqual([mtime, mtimeNs, union], [-5n, 999999999, 31])
  assert.deepEqual(
    [...xattrs],
    [
      ['4 overlay.metacopy', ''],
      ['4 overlay.redirect', '/l/big'],
    ],
  )
  assert.equal(of('link').data.toString(), 'where')
  assert.equal(of('long').data.toString(), 'x'.repeat(4095))
  assert.equal(of('device').union, (70000 & 0xff) | (259 << 8) | ((70000 & ~0xff) << 12))
  assert.equal(of('\xff\x01').xattrs.get('1 x')?.length, 65_535)
  assert.deepEqual([...of('-acl').xattrs.keys()], ['6 capability', '2 ', '3 '])
  assert.deepEqual(
    namesIn(of('sub')).map(([name, nid]) => [name, nid]),
    [
      ['.', of('sub').nid],
      ['..', root.nid],
    ],
  )
})

test('a directory is found whole at every size around a block, with attributes behind its inode or without', () => {
  const long = [{ name: 'user.long', value: Buffer.alloc(3000) }]
  for (const length of [1, 40, 255])
    for (const count of [0, 1, 12, 13, 14, 15, 70, 71, 72, 73, 74, 75, 300])
      for (const xattrs of [[], long]) {
        const name = (i: number) => String(i).padStart(4, '0').padEnd(length, 'n').slice(-Math.max(length, 4))
        const leaves = Array.from({ length: count }, (_, i) => ({ name: name(i), facts: facts(FILE) }))
        const { image } = imageOf(leaves, xattrs)
        const root = rootOf(image)
        const names = namesIn(root).map(([each]) => each)
        assert.deepEqual(names, [...leaves.map((leaf) => leaf.name), 'sub', '.', '..'].sort(), `${count} of ${length}`)
        assert.equal(root.xattrs.size, xattrs.length)
      }
})

test('the same tree is the same image with the same UUID; a changed one has another', () => {
  const first = imageOf(KINDS)
  const again = imageOf(KINDS)
  assert.ok(first.image.equals(again.image))
  const changed = imageOf([{ ...KINDS[0]!, facts: { ...KINDS[0]!.facts, mtimeNs: 1 } }, ...KINDS.slice(1)])
  assert.notDeepEqual(changed.uuid, first.uuid)
})

test('a first block that is not as it was written is found out', () => {
  const { image } = imageOf(KINDS)
  const block = image.subarray(0, 4096)
  assert.ok(isSealed(block))
  for (const at of [1024, 1040, 1100, 1200, 4095]) {
    const broken = Buffer.from(block)
    broken[at]! ^= 1
    assert.ok(!isSealed(broken), `byte ${at}`)
  }
  assert.ok(!isSealed(block.subarray(0, 2048)))
})

test('what the format cannot hold is refused with its name', () => {
  const refused = (xattrs: Xattr[], size = 0): void => {
    imageOf([{ name: 'f', facts: facts(FILE, { size }), xattrs }])
  }
  assert.throws(() => refused([{ name: 'btrfs.compression', value: Buffer.alloc(1) }]), /btrfs\.compression/)
  assert.throws(() => refused([{ name: 'user.x', value: Buffer.alloc(65_536) }]), NotInImage)
  assert.throws(() => refused([], 2 ** 53), NotInImage)
})

test('fsck.erofs finds nothing to say', { skip: notInstalled('fsck.erofs') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-erofs-'))
  try {
    const path = join(folder, 'image')
    // It reads what files hold: 8 TiB of nothing would take its time.
    writeFileSync(path, imageOf(KINDS.filter(({ name }) => name !== 'big')).image)
    const { status, stderr } = spawnSync('fsck.erofs', [path], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
