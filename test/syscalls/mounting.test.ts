/** Mounts, private clones of mounts, and fusermount3. Nothing here serves a mount, so nothing touches one either. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { FsStatSlot } from '../../src/syscalls/stat.js'
import { inScratch, isRoot, makeFile, needsRoot, ok, openDescriptors } from './support.js'

const FUSERMOUNT = '/usr/bin/fusermount3'
const noFusermount = !isRoot
  ? 'needs root'
  : existsSync(FUSERMOUNT) && existsSync('/dev/fuse')
    ? false
    : 'needs fusermount3'

/** Whether something is mounted at `path`, asked without touching it. */
function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'latin1').includes(` ${path} `)
}

test('mount and umount', { skip: needsRoot }, () =>
  inScratch('/tmp', (scratch) => {
    const target = `${scratch.path}/mnt`
    mkdirSync(target)
    assert.equal(native.mount('none', target, 'tmpfs', c.MS_NOSUID | c.MS_NODEV, 'size=1m'), 0)
    assert.equal(isMounted(target), true)
    assert.equal(native.umount(target, c.UMOUNT_NOFOLLOW), 0)
    assert.equal(isMounted(target), false)
    assert.equal(native.umount(target, 0), -Errno.EINVAL)
    assert.equal(native.mount('none', `${scratch.path}/none`, 'tmpfs', 0, ''), -Errno.ENOENT)
    assert.equal(native.mount('none', target, 'nosuchfs', 0, ''), -Errno.ENODEV)
  }),
)

test('a cloned mount is read-only and keeps access times, whatever the original does', { skip: needsRoot }, () =>
  inScratch('/tmp', (scratch) => {
    makeFile(scratch, 'f')
    const attributes = c.MOUNT_ATTR_RDONLY | c.MOUNT_ATTR_NOATIME | c.MOUNT_ATTR_NODIRATIME
    const tree = ok(native.cloneMount(scratch.path, attributes))
    assert.equal(native.statat(tree, 'f'), 0)
    assert.equal(native.openat(tree, 'new', c.O_CREAT | c.O_RDWR, 0o600), -Errno.EROFS)
    assert.equal(native.unlinkat(tree, 'f', 0), -Errno.EROFS)
    assert.equal(native.statfs(tree), 0)
    const flags = native.fsstat[FsStatSlot.FLAGS]!
    assert.equal(flags & (c.ST_RDONLY | c.ST_NOATIME), c.ST_RDONLY | c.ST_NOATIME)
    native.close(tree)
    makeFile(scratch, 'still writable')
    assert.equal(native.cloneMount(`${scratch.path}/none`, 0), -Errno.ENOENT)
  }),
)

test('capabilities of the calling thread', () => {
  assert.equal(native.hasCapability(64), 0)
  assert.equal(native.hasCapability(-1), 0)
  if (isRoot) assert.equal(native.hasCapability(c.CAP_SYS_ADMIN), 1)
})

test('an eventfd counts', () => {
  const fd = ok(native.eventfd())
  assert.equal(native.signalEvent(fd), 0)
  assert.equal(native.signalEvent(fd), 0)
  native.close(fd)
  assert.equal(native.signalEvent(fd), -Errno.EBADF)
})

test('a mount program that fails: what it printed, or how it ended', () =>
  inScratch('/tmp', (scratch) => {
    const program = `${scratch.path}/program`
    // ThreadSanitizer's runtime, loaded before every program under scripts/sanitize.sh, crashes shells.
    writeFileSync(
      program,
      '#!/usr/bin/env -S -u LD_PRELOAD sh\n[ -n "$_FUSE_COMMFD" ] && printf "%s: no\\n" "$*" >&2\nexit 1\n',
    )
    chmodSync(program, 0o755)
    assert.equal(native.fusermount(program, 'a,b', '/x y'), '-o a,b -- /x y: no')
    assert.equal(native.fusermount(program, '', '/x'), '-- /x: no')
    assert.equal(
      native.fusermount('/bin/false', '', '/x'),
      '/bin/false exited with status 1 and handed over no descriptor',
    )
    assert.equal(native.fusermount(`${scratch.path}/none`, '', '/x'), -Errno.ENOENT)
    assert.equal(process.env._FUSE_COMMFD, undefined)
  }))

test('fusermount3 mounts and hands over the device', { skip: noFusermount }, () =>
  inScratch('/tmp', (scratch) => {
    const target = `${scratch.path}/mnt`
    mkdirSync(target)
    const before = openDescriptors()
    const fd = native.fusermount(FUSERMOUNT, 'fsname=stratafs-test,subtype=stratafs', target)
    try {
      assert.equal(typeof fd, 'number', String(fd))
      assert.match(readFileSync('/proc/self/mounts', 'latin1'), new RegExp(`stratafs-test ${target} fuse\\.stratafs `))
      assert.equal(openDescriptors(), before + 1)
    } finally {
      native.close(fd as number)
      native.umount(target, c.MNT_DETACH)
    }
    assert.match(String(native.fusermount(FUSERMOUNT, '', `${target}/none`)), /No such file|bad mount point/)
  }),
)

test('auto_unmount: the mount goes when the process does', { skip: noFusermount }, async () => {
  const { mkdtempSync, rmSync } = await import('node:fs')
  const target = mkdtempSync('/tmp/stratafs-native-')
  const module = new URL('../../src/syscalls/native.js', import.meta.url).href
  const script = `import('${module}').then(({ native }) => {
    const fd = native.fusermount('${FUSERMOUNT}', 'auto_unmount', '${target}')
    const mounted = require('fs').readFileSync('/proc/self/mounts', 'latin1').includes(' ${target} ')
    process.stdout.write(typeof fd + ' ' + mounted)
    process.kill(process.pid, 'SIGKILL')
  })`
  try {
    const run = spawnSync(process.execPath, ['-e', script], {
      encoding: 'latin1',
      timeout: 20_000,
      killSignal: 'SIGKILL',
    })
    assert.equal(run.stdout, 'number true', run.stderr)
    for (let i = 0; i < 100 && isMounted(target); i++) await sleep(50)
    assert.equal(isMounted(target), false)
  } finally {
    native.umount(target, c.MNT_DETACH)
    rmSync(target, { recursive: true, force: true })
  }
})
