/**
 * The bounded set of directory descriptors: whatever is evicted, a descriptor that the operation under way was given
 * stays open, a pinned one too, and every one that is handed out is of the directory that was asked for.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { Errno } from '../../src/base/errno.js'
import { Layer, LayerDir } from '../../src/layers/layer-dir.js'
import { DirCache } from '../../src/layers/real-dir.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'

const COUNT = 40
const CAPACITY = 8

let root: string
let layer: Layer
const inodes: number[] = []

function inodeOf(fd: number): number {
  return native.statat(fd, '') < 0 ? -1 : native.stat[Stat.INO_LOW]!
}

before(() => {
  root = mkdtempSync(join(tmpdir(), 'stratafs-dirs-'))
  for (let i = 0; i < COUNT; i++) {
    mkdirSync(join(root, `d${i}`))
    native.statat(AT_FDCWD, join(root, `d${i}`))
    inodes.push(native.stat[Stat.INO_LOW]!)
  }
  layer = new Layer(0, root, native.openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0), false)
})

after(() => {
  layer?.close()
  rmSync(root, { recursive: true, force: true })
})

function directories(): LayerDir[] {
  return Array.from({ length: COUNT }, (_, i) => new LayerDir(layer, layer.root, `d${i}`))
}

/** So many directories, each in the last, where they are made and removed fast. */
function deepWay(depth: number) {
  const place = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'stratafs-dirs-'))
  const memory = new Layer(0, place, native.openat(AT_FDCWD, place, O_PATH | O_DIRECTORY, 0), false)
  let deepest = memory.root
  let fd = native.openat(memory.rootFd, '.', O_PATH | O_DIRECTORY, 0)
  for (let made = 0; made < depth; made++) {
    assert.equal(native.mkdirat(fd, 'n', 0o700), 0)
    const inner = native.openat(fd, 'n', O_PATH | O_DIRECTORY, 0)
    native.close(fd)
    fd = inner
    deepest = new LayerDir(memory, deepest, 'n')
  }
  const inode = inodeOf(fd)
  native.close(fd)
  return { place, memory, deepest, inode }
}

describe('the directory cache', () => {
  it('never closes what the operation under way was given, nor what is pinned', () => {
    const operation = fc.array(fc.nat(COUNT - 1), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 30 }),
        fc.uniqueArray(fc.nat(COUNT - 1), { maxLength: 3 }),
        (operations, pins) => {
          const cache = new DirCache(CAPACITY)
          const dirs = directories()
          try {
            for (const pin of pins) cache.pin(dirs[pin]!)
            for (const uses of operations) {
              cache.beginOperation()
              const given = uses.map((i) => [i, cache.fd(dirs[i]!)] as const)
              for (const [i, fd] of given) assert.equal(inodeOf(fd), inodes[i])
              for (const pin of pins) assert.equal(inodeOf(dirs[pin]!.fd), inodes[pin])
            }
          } finally {
            cache.close()
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('holds no more than its capacity once operations are small', () => {
    const cache = new DirCache(CAPACITY)
    const dirs = directories()
    for (let round = 0; round < 3; round++)
      for (const dir of dirs) {
        cache.beginOperation()
        assert.ok(cache.fd(dir) >= 0)
      }
    assert.ok(cache.size <= CAPACITY, `${cache.size} are open`)
    cache.close()
    assert.equal(cache.size, 0)
    assert.ok(dirs.every((dir) => dir.fd === -1))
  })

  it('keeps few where descriptors are scarce, and those of an operation all the same', () => {
    const cache = new DirCache(COUNT, false, 0)
    const dirs = directories()
    for (const dir of dirs) {
      cache.beginOperation()
      assert.ok(cache.fd(dir) >= 0)
    }
    assert.ok(cache.size <= 17, `${cache.size} are open`)
    cache.beginOperation()
    assert.equal(new Set(dirs.map((dir) => cache.fd(dir))).size, COUNT)
    cache.close()
  })

  it('grows where one operation needs more', () => {
    const cache = new DirCache(CAPACITY)
    const dirs = directories()
    cache.beginOperation()
    const fds = dirs.map((dir) => cache.fd(dir))
    assert.equal(new Set(fds).size, COUNT)
    cache.close()
  })

  it('finds a way of 12,000 directories, none of them open, and keeps no more of it than its capacity', () => {
    const { place, memory, deepest, inode } = deepWay(12_000)
    try {
      const cache = new DirCache(CAPACITY)
      const [other] = directories()
      cache.beginOperation()
      const given = cache.fd(other!)
      assert.equal(inodeOf(cache.fd(deepest)), inode)
      assert.equal(inodeOf(given), inodes[0], 'what the operation was given before')
      assert.ok(cache.size <= CAPACITY + 1, `${cache.size} are open`)
      cache.close()
    } finally {
      memory.close()
      // rmSync names paths, which are too long here.
      spawnSync('rm', ['-rf', place])
    }
  })

  it('closes what is released, pinned or not', () => {
    const cache = new DirCache(CAPACITY)
    const [a, b] = directories()
    cache.beginOperation()
    cache.fd(a!)
    cache.pin(b!)
    const fd = b!.fd
    cache.release(a!)
    cache.release(b!)
    assert.equal(cache.size, 0)
    assert.ok(inodeOf(fd) !== inodes[1])
  })

  it('tells why a directory cannot be opened', () => {
    const cache = new DirCache(CAPACITY)
    assert.equal(cache.fd(new LayerDir(layer, layer.root, 'absent')), -2)
    assert.equal(cache.fd(new LayerDir(layer, new LayerDir(layer, layer.root, 'absent'), 'x')), -2)
  })

  it('opens directories for reading where it is asked to and may', (t) => {
    const cache = new DirCache(CAPACITY, true)
    const [a, b] = directories()
    // What is O_PATH has no position.
    assert.equal(native.lseek(cache.fd(a!), 0, 0), 0)
    const { openat } = native
    t.mock.method(native, 'openat', (fd: number, name: string, flags: number, mode: number) =>
      (flags & O_PATH) === 0 ? -Errno.EPERM : openat(fd, name, flags, mode),
    )
    assert.equal(inodeOf(cache.fd(b!)), inodes[1])
    assert.equal(native.lseek(cache.fd(b!), 0, 0), -Errno.EBADF)
    cache.close()
  })

  it('gives the path below the layer', () => {
    const inner = new LayerDir(layer, new LayerDir(layer, layer.root, 'a'), 'b')
    assert.deepEqual([layer.root.path(), inner.parent!.path(), inner.path()], ['', 'a', 'a/b'])
  })
})
