/**
 * Which mounts of a mountinfo file are idmapped. That podman's are served right is a case of test/attach (--uidmap).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasIdmappedMount, idmappedAmong } from '../../src/layers/idmapped.js'

const MOUNTINFO = `97 44 254:0 /a /a rw,relatime,idmapped - ext4 /dev/vda rw
98 44 254:0 /idmapped /idmapped rw,relatime shared:1 - ext4 /dev/vda rw,idmapped
`

for (const [id, expected] of [
  [97, true],
  [98, false],
  [9, false],
  [44, false],
] as const) {
  test(`mount ${id} is ${expected ? '' : 'not '}idmapped`, () =>
    assert.equal(hasIdmappedMount(MOUNTINFO, id), expected))
}

test('an ordinary directory, and one that is not there', () => {
  assert.deepEqual(idmappedAmong(['/', '/no/such/directory']), [false, false])
})
