/**
 * What GNU tar and bsdtar write, in each of their formats, comes out as the tree that went in; and what GNU tar unpacks
 * of random trees, apply unpacks alike: content, owners, modes, times, attributes, ACLs, hard links, holes, names of
 * any bytes.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { aclFromText } from '../../src/oci/apply/acl.js'
import { policyOf } from '../../src/oci/apply/policy.js'
import { unpack } from '../../src/oci/apply/unpack.js'
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
} from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { isRoot } from '../syscalls/support.js'
import { inScratch, type Snapshot, snapshot } from './scratch.js'

const has = (program: string) => spawnSync(program, ['--version']).status === 0
const isGnu = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU tar') === true
const skipGnu = !isRoot ? 'needs root' : isGnu ? false : 'needs GNU tar'
const skipBsd = !isRoot ? 'needs root' : has('bsdtar') ? false : 'needs bsdtar (libarchive-tools)'

function ok(answer: number): number {
  if (answer < 0) throw new Error(`a call failed with ${answer}`)
  return answer
}

interface Item {
  readonly kind: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'char' | 'block'
  readonly name: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly mtimeNs: number
  /** Text, target, or (for a link) which of the files before it. */
  readonly content: string
  readonly hole: number
  readonly xattr: string
  readonly acl: boolean
}

/** Makes `items` below `root`, each in a directory that came before it. */
function grow(root: string, items: readonly Item[], plain: boolean): void {
  mkdirSync(root)
  const fd = ok(native.openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0))
  const directories = ['']
  const files: string[] = []
  const made: [string, Item][] = []
  for (const item of items) {
    const parent = directories[item.uid % directories.length]!
    const path = parent === '' ? item.name : `${parent}/${item.name}`
    if (native.statat(fd, path) >= 0) continue
    if (make(fd, path, item, files)) made.push([path, item])
    if (item.kind === 'directory') directories.push(path)
    if (item.kind === 'file') files.push(path)
  }
  for (const [path, item] of made.reverse()) if (item.kind !== 'link') dress(fd, path, item, plain)
  ok(native.utimensat(fd, '', 5, 0, 5, 0))
  native.close(fd)
}

function make(fd: number, path: string, item: Item, files: readonly string[]): boolean {
  switch (item.kind) {
    case 'directory':
      return ok(native.mkdirat(fd, path, 0o700)) === 0
    case 'symlink':
      return ok(native.symlinkat(item.content === '' ? 'x' : item.content, fd, path)) === 0
    case 'link':
      return files.length > 0 && ok(native.linkat(fd, files[item.gid % files.length]!, fd, path)) === 0
    case 'file':
      return writeFile(fd, path, item)
    default: {
      const type = { fifo: S_IFIFO, char: S_IFCHR, block: S_IFBLK }[item.kind]
      return (
        ok(
          native.mknodat(
            fd,
            path,
            type | 0o600,
            item.kind === 'fifo' ? 0 : 1 + (item.uid % 200),
            item.kind === 'fifo' ? 0 : item.gid % 200,
          ),
        ) === 0
      )
    }
  }
}

function writeFile(dir: number, path: string, item: Item): boolean {
  const fd = ok(native.openat(dir, path, O_CREAT | O_EXCL | O_WRONLY, 0o600))
  const bytes = Buffer.from(item.content, 'latin1')
  if (bytes.length > 0) ok(native.pwrite(fd, bytes, 0, bytes.length, item.hole))
  else ok(native.ftruncate(fd, item.hole))
  native.close(fd)
  return true
}

function dress(fd: number, path: string, item: Item, plain: boolean): void {
  ok(native.chownat(fd, path, item.uid, item.gid))
  const carries = item.kind === 'file' || item.kind === 'directory'
  if (carries && !plain && item.xattr !== '')
    ok(native.setxattr(fd, path, 'user.it', Buffer.from(item.xattr, 'latin1'), 0))
  if (item.kind !== 'symlink') ok(native.chmodat(fd, path, item.mode))
  if (carries && !plain && item.acl) {
    ok(
      native.setxattr(
        fd,
        path,
        'system.posix_acl_access',
        aclFromText('user::rw-,user:7:r-x,group::---,mask::r-x,other::--x') as Buffer,
        0,
      ),
    )
  }
  ok(native.utimensat(fd, path, item.mtime, item.mtimeNs, item.mtime, item.mtimeNs))
}

const byte = fc.integer({ min: 1, max: 255 }).filter((code) => code !== 0x2f)
const nameOf = fc
  .oneof(
    { weight: 4, arbitrary: fc.array(byte, { minLength: 1, maxLength: 12 }) },
    { weight: 1, arbitrary: fc.array(byte, { minLength: 101, maxLength: 255 }) },
  )
  .map((codes) => String.fromCharCode(...codes))
  .filter((name) => name !== '.' && name !== '..' && !name.startsWith('.wh.'))
const bytesOf = (maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes))

const itemOf = fc.record<Item>({
  kind: fc.constantFrom('file', 'file', 'directory', 'directory', 'symlink', 'link', 'fifo', 'char', 'block'),
  name: nameOf,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.constant(4_294_967_294)),
  gid: fc.integer({ min: 0, max: 70_000 }),
  mtime: fc.integer({ min: 0, max: 2 ** 33 }),
  mtimeNs: fc.integer({ min: 0, max: 999_999_999 }),
  content: fc.oneof(bytesOf(40), bytesOf(1500)).map((text) => text.replaceAll('\0', 'o')),
  hole: fc.constantFrom(0, 0, 0, 4096, 300_000),
  xattr: bytesOf(60),
  acl: fc.boolean(),
})

const treeOf = fc.array(itemOf, { maxLength: 25 })

interface Format {
  readonly name: string
  readonly program: string
  readonly words: readonly string[]
  /** Times in whole seconds, no attributes. */
  readonly plain: boolean
  readonly runs: number
}

const GNU: readonly Format[] = [
  {
    name: 'pax with attributes, ACLs and holes',
    program: 'tar',
    words: ['--format=pax', '--xattrs', '--acls', '--xattrs-include=*', '--sparse'],
    plain: false,
    runs: 25,
  },
  {
    name: 'pax, holes in the first way',
    program: 'tar',
    words: ['--format=pax', '--sparse', '--sparse-version=0.0'],
    plain: true,
    runs: 8,
  },
  {
    name: 'pax, holes in the second way',
    program: 'tar',
    words: ['--format=pax', '--sparse', '--sparse-version=0.1'],
    plain: true,
    runs: 8,
  },
  { name: 'gnu with holes', program: 'tar', words: ['--format=gnu', '--sparse'], plain: true, runs: 12 },
  { name: 'oldgnu', program: 'tar', words: ['--format=oldgnu'], plain: true, runs: 5 },
]
const BSD: Format = {
  name: 'pax with attributes and ACLs',
  program: 'bsdtar',
  words: ['--format=pax', '--xattrs', '--acls'],
  plain: false,
  runs: 12,
}

/** What a format cannot say is left out of the comparison. */
function comparable(tree: Record<string, Snapshot>, plain: boolean, seconds: boolean): Record<string, Snapshot> {
  for (const each of Object.values(tree)) {
    if (seconds) each.mtime = each.mtime.replace(/\..*/, '')
    if (plain) each.xattrs = {}
  }
  return tree
}

async function roundTrip(format: Format, items: readonly Item[]): Promise<void> {
  await inScratch(async (folder) => {
    grow(join(folder, 'tree'), items, format.plain)
    execFileSync(format.program, [...format.words, '-cf', 'archive', '-C', 'tree', '.'], { cwd: folder, stdio: 'pipe' })
    await unpack({
      archive: join(folder, 'archive'),
      directory: join(folder, 'layer'),
      policy: policyOf({}),
      sync: false,
    })
    const seconds = !format.words.includes('--format=pax')
    assert.deepEqual(
      comparable(snapshot(join(folder, 'layer')), format.plain, seconds),
      comparable(snapshot(join(folder, 'tree')), format.plain, seconds),
    )
  })
}

describe('random trees, archived by GNU tar, come out as they were', { skip: skipGnu }, () => {
  for (const format of GNU) {
    it(format.name, () =>
      fc.assert(
        fc.asyncProperty(treeOf, (items) => roundTrip(format, items)),
        { numRuns: format.runs },
      ),
    )
  }
})

describe('random trees, archived by bsdtar, come out as they were', { skip: skipBsd }, () => {
  it(BSD.name, () => {
    // It writes text, in the host's locale, where bytes are no UTF-8.
    const ascii = treeOf.map((items) =>
      items.map((item) => ({
        ...item,
        name: item.name.replace(/[^\x20-\x7e]/g, '_'),
        content: item.content.replace(/[^\x20-\x7e]/g, '_'),
      })),
    )
    return fc.assert(
      fc.asyncProperty(ascii, (items) => roundTrip(BSD, items)),
      { numRuns: BSD.runs },
    )
  })
})

describe('the old formats, as far as they go', { skip: skipGnu }, () => {
  const simple: Item[] = [
    {
      kind: 'directory',
      name: 'd',
      mode: 0o755,
      uid: 0,
      gid: 3,
      mtime: 7,
      mtimeNs: 0,
      content: '',
      hole: 0,
      xattr: '',
      acl: false,
    },
    {
      kind: 'file',
      name: 'f',
      mode: 0o4755,
      uid: 1,
      gid: 0,
      mtime: 8,
      mtimeNs: 0,
      content: 'x'.repeat(3000),
      hole: 0,
      xattr: '',
      acl: false,
    },
    {
      kind: 'link',
      name: 'h',
      mode: 0,
      uid: 0,
      gid: 0,
      mtime: 0,
      mtimeNs: 0,
      content: '',
      hole: 0,
      xattr: '',
      acl: false,
    },
    {
      kind: 'symlink',
      name: 's',
      mode: 0,
      uid: 2,
      gid: 0,
      mtime: 9,
      mtimeNs: 0,
      content: 'd/f',
      hole: 0,
      xattr: '',
      acl: false,
    },
  ]
  for (const name of ['v7', 'ustar']) {
    it(name, () => roundTrip({ name, program: 'tar', words: [`--format=${name}`], plain: true, runs: 1 }, simple))
  }
  it('an archive that was appended to, with the last one counting', () =>
    inScratch(async (folder) => {
      grow(join(folder, 'tree'), simple, true)
      const tar = (...words: string[]) => execFileSync('tar', words, { cwd: folder, stdio: 'pipe' })
      tar('-cf', 'archive', '-C', 'tree', '.')
      ok(native.truncateat(AT_FDCWD, join(folder, 'tree', 'd', 'f'), 5))
      tar('-rf', 'archive', '-C', 'tree', './d/f')
      const request = { archive: join(folder, 'archive'), directory: join(folder, 'layer'), sync: false }
      await assert.rejects(unpack({ ...request, policy: policyOf({ replace: false }) }), /d\/f: .*already/)
      await unpack({ ...request, policy: policyOf({}) })
      assert.equal(statSync(join(folder, 'layer', 'd', 'f')).size, 5)
    }))
})
