/**
 * Ids through mappings, and permissions kept in an xattr.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { mapAcl } from '../../src/layers/acl.js'
import { formatOverride, type IdMapping, parseOverride, shownId, storedId } from '../../src/layers/id-mapping.js'
import { aclOf } from '../engine/layers.js'

const none: IdMapping = { ranges: [], squash: null }
const mapped: IdMapping = {
  ranges: [
    { to: 0, host: 1000, length: 1 },
    { to: 1, host: 100000, length: 65536 },
  ],
  squash: null,
}

describe('an id', () => {
  it('is itself without a mapping', () => {
    for (const id of [0, 1, 65534, 2 ** 32 - 2]) {
      assert.equal(shownId(none, id), id)
      assert.equal(storedId(none, id), id)
    }
  })

  it('goes through its range, both ways', () => {
    const rows = [
      [1000, 0],
      [100000, 1],
      [165535, 65536],
    ] as const
    for (const [host, to] of rows) {
      assert.equal(shownId(mapped, host), to)
      assert.equal(storedId(mapped, to), host)
    }
  })

  it('is the overflow id outside every range', () => {
    for (const id of [0, 999, 1001, 99999, 165536]) assert.equal(shownId(mapped, id), 65534)
    assert.equal(storedId(mapped, 65537), 65534)
  })

  it('comes back, wherever it is mapped', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 65536 }), (id) => shownId(mapped, storedId(mapped, id)) === id))
  })

  it('is shown squashed, and stored as it is', () => {
    const squashed = { ranges: [], squash: 7 }
    assert.equal(shownId(squashed, 1000), 7)
    assert.equal(storedId(squashed, 1000), 1000)
  })
})

describe('an override', () => {
  const rows = [
    ['0:0:755', { uid: 0, gid: 0, mode: 0o755, type: 0, major: 0, minor: 0 }],
    ['1000:1001:4755:file', { uid: 1000, gid: 1001, mode: 0o4755, type: 0o100000, major: 0, minor: 0 }],
    ['0:0:555:dir', { uid: 0, gid: 0, mode: 0o555, type: 0o040000, major: 0, minor: 0 }],
    ['1:2:777:symlink', { uid: 1, gid: 2, mode: 0o777, type: 0o120000, major: 0, minor: 0 }],
    ['1:2:600:pipe', { uid: 1, gid: 2, mode: 0o600, type: 0o010000, major: 0, minor: 0 }],
    ['1:2:600:socket', { uid: 1, gid: 2, mode: 0o600, type: 0o140000, major: 0, minor: 0 }],
    ['0:5:620:char-136-3', { uid: 0, gid: 5, mode: 0o620, type: 0o020000, major: 136, minor: 3 }],
    ['0:6:660:block-8-0', { uid: 0, gid: 6, mode: 0o660, type: 0o060000, major: 8, minor: 0 }],
  ] as const
  for (const [text, override] of rows)
    it(`${text} is read and written`, () => {
      assert.deepEqual(parseOverride(text), override)
      assert.equal(formatOverride(override), text)
    })

  it('keeps nothing but permission bits as its mode, for it may be a whole st_mode', () => {
    assert.equal(parseOverride('0:0:100644')!.mode, 0o644)
  })

  for (const text of [
    '',
    '0:0',
    '0:0:',
    '-1:0:755',
    '0:0:888',
    '0:0:755:',
    'a:b:755',
    '0:0:755:file:x',
    ' 0:0:755',
    '0:0:755\n',
  ])
    it(`is not taken: ${JSON.stringify(text)}`, () => assert.equal(parseOverride(text), null))
})

describe('an ACL', () => {
  const acl = aclOf([
    [0x01, 7, 0xffffffff],
    [0x02, 6, 1000],
    [0x04, 5, 0xffffffff],
    [0x08, 4, 100000],
    [0x10, 7, 0xffffffff],
    [0x20, 0, 0xffffffff],
  ])

  it('names users and groups through their own mappings', () => {
    const gids: IdMapping = { ranges: [{ to: 5, host: 100000, length: 10 }], squash: null }
    const shown = mapAcl(acl, mapped, gids, 'shown')
    const wanted = acl.slice()
    new DataView(wanted.buffer).setUint32(4 + 8 + 4, 0, true)
    new DataView(wanted.buffer).setUint32(4 + 3 * 8 + 4, 5, true)
    assert.deepEqual(shown, wanted)
    assert.deepEqual(mapAcl(shown, mapped, gids, 'stored'), acl)
  })

  it('is itself without a mapping, and the value given is never changed', () => {
    const copy = acl.slice()
    assert.deepEqual(mapAcl(acl, none, none, 'shown'), acl)
    mapAcl(acl, mapped, mapped, 'shown')
    assert.deepEqual(acl, copy)
  })

  it('that is cut short is not read beyond its end', () => {
    for (let length = 0; length < acl.length; length++)
      assert.equal(mapAcl(acl.slice(0, length), mapped, mapped, 'shown').length, length)
  })
})
