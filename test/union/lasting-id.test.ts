/** Nodeids and file handles that mean one inode in every mount: there and back, and what has none. Pure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuseIndexName, fuseMark, isFuseIndexName, readFuseMark } from '../../src/layers/fuse-handle.js'
import { S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../../src/syscalls/constants.js'
import { inodeOfId, lastingId } from '../../src/union/nodes/lasting-id.js'

const UNIT = 2 ** 48

test('a lasting nodeid says filesystem, type and inode', () => {
  for (const type of [S_IFREG, S_IFLNK, S_IFCHR, S_IFIFO])
    for (const filesystem of [0, 1, 15])
      for (const inode of [1, 12, 2 ** 32 - 1, 2 ** 45 - 1]) {
        const ino = filesystem * UNIT + inode
        const id = lastingId(type, ino)
        assert.ok(Number.isSafeInteger(id) && id >= 2 ** 52, String(id))
        assert.deepEqual(inodeOfId(id), { type, filesystem, inode, ino })
      }
})

test('directories and numbers that do not fit have none, and a counted nodeid means nothing', () => {
  assert.equal(lastingId(S_IFDIR, 12), 0)
  assert.equal(lastingId(S_IFREG, 16 * UNIT), 0)
  assert.equal(lastingId(S_IFREG, 2 ** 45), 0)
  for (const id of [1, 2, 2 ** 32]) assert.equal(inodeOfId(id), null)
})

test('the origin mark of a FUSE inode is that of the kernel', () => {
  // As overlayfs of Linux 6.18 wrote it over an ext4 layer.
  const written = '00fb210081000000000000000000000000000000000000100046c22300e6b657f2'
  const handle = readFuseMark(Buffer.from(written, 'hex'))
  assert.deepEqual(handle, { nodeid: 0x10000000000000 + 0x23c246, generation: 0xf257b6e6 })
  assert.equal(fuseIndexName(handle!), written)
  assert.ok(isFuseIndexName(written))
  assert.deepEqual(readFuseMark(fuseMark({ nodeid: 1, generation: 0 })), { nodeid: 1, generation: 0 })
})

test('other marks are none of a FUSE inode', () => {
  const ext4 = '00fb1d0001dd5898b8d5d14e6fab4afdc8f5792daa45c22300e6b657f2'
  for (const name of [ext4, '', '#6646d', 'zz']) assert.equal(isFuseIndexName(name), false, name)
})
