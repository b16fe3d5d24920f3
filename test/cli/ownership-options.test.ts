/**
 * The options that change whose files they are, on a real mount: what the mount shows, and what the upper holds.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { at, makeRoom, removeRoom, run, stratafs } from './room.js'

function owner(...parts: string[]): string {
  const stat = lstatSync(at(...parts))
  return `${stat.uid}:${stat.gid}`
}

function mount(options: string): void {
  run(process.execPath, stratafs, '-o', `lowerdir=lower,upperdir=upper,workdir=work,${options}`, 'merged')
}

/** A new file in the sticky directory, made by uid 5 and gid 6. */
function makeAsFive(): void {
  run('setpriv', '--reuid=5', '--regid=6', '--clear-groups', 'sh', '-c', ': > merged/open/made')
}

describe('ownership options', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  beforeEach(() => {
    makeRoom('stratafs-owners-')
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(at(name))
    writeFileSync(at('lower/file'), 'x')
    chownSync(at('lower/file'), 100_005, 100_006)
    mkdirSync(at('lower/open'))
    chmodSync(at('lower/open'), 0o1777)
  })
  afterEach(() => {
    spawnSync(process.execPath, [stratafs, 'unmount', at('merged')])
    spawnSync('umount', ['-l', at('merged')])
    removeRoom()
  })

  it('uidmapping and gidmapping, with a leading colon, map both ways', () => {
    mount('uidmapping=:0:0:1:100000:1:65535,gidmapping=:0:0:1:100000:1:65535')
    assert.equal(owner('merged/file'), '6:7')
    chownSync(at('merged/file'), 7, 8)
    makeAsFive()
    assert.equal(owner('merged/file'), '7:8')
    assert.equal(owner('merged/open/made'), '5:6')
    assert.equal(owner('upper/file'), '100006:100007')
    assert.equal(owner('upper/open/made'), '100004:100005')
  })

  it('an id outside every range shows as the overflow id', () => {
    mount('uidmapping=0:0:1,gidmapping=0:0:1')
    assert.equal(owner('merged/file'), '65534:65534')
  })

  it('squash_to_root shows root, and the upper keeps who made it', () => {
    mount('squash_to_root')
    makeAsFive()
    assert.equal(owner('merged/file'), '0:0')
    assert.equal(owner('merged/open/made'), '0:0')
    assert.equal(owner('upper/open/made'), '5:6')
  })

  it('squash_to_uid and squash_to_gid show those', () => {
    mount('squash_to_uid=42,squash_to_gid=43')
    assert.equal(owner('merged/file'), '42:43')
  })

  it('xattr_permissions=2 keeps owner and mode in an xattr', () => {
    mount('xattr_permissions=2,nosuid')
    makeAsFive()
    chownSync(at('merged/file'), 7, 8)
    chmodSync(at('merged/file'), 0o4711)
    assert.equal(owner('merged/open/made'), '5:6')
    assert.equal(owner('merged/file'), '7:8')
    assert.equal(lstatSync(at('merged/file')).mode & 0o7777, 0o4711)
    assert.equal(owner('upper/open/made'), '0:0')
    assert.equal(owner('upper/file'), '0:0')
    const attribute = run('getfattr', '--only-values', '-n', 'user.containers.override_stat', 'upper/file')
    assert.equal(attribute, '7:8:4711:file')
    assert.equal(spawnSync('getfattr', ['-n', 'user.containers.override_stat', at('merged/file')]).status, 1)
  })
})
