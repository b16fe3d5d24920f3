/** Extended attributes by name (the *xattrat calls, or /proc where the kernel has none) and by descriptor. */
import assert from 'node:assert/strict'
import { Errno } from '../../src/base/errno.js'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { makeFile, needsRoot, onEach, opened, STRANGE } from './support.js'

const bytes = (text: string) => Buffer.from(text, 'latin1')

function value(fd: number, name: string, attribute: string): string | number {
  const answer = native.getxattr(fd, name, attribute)
  return typeof answer === 'number' ? answer : Buffer.from(answer).toString('latin1')
}

onEach('an attribute is set, read, listed and removed by name', (scratch) => {
  makeFile(scratch, STRANGE)
  const set = (text: string, flags: number) => native.setxattr(scratch.fd, STRANGE, 'user.a', bytes(text), flags)
  assert.equal(value(scratch.fd, STRANGE, 'user.a'), -Errno.ENODATA)
  assert.equal(set('1', c.XATTR_REPLACE), -Errno.ENODATA)
  assert.equal(set('\0\xff', c.XATTR_CREATE), 0)
  assert.equal(set('2', c.XATTR_CREATE), -Errno.EEXIST)
  assert.equal(value(scratch.fd, STRANGE, 'user.a'), '\0\xff')
  assert.equal(native.setxattr(scratch.fd, STRANGE, 'user.b', bytes(''), 0), 0)
  assert.equal(value(scratch.fd, STRANGE, 'user.b'), '')
  assert.deepEqual((native.listxattr(scratch.fd, STRANGE) as string[]).sort(), ['user.a', 'user.b'])
  assert.equal(native.removexattr(scratch.fd, STRANGE, 'user.a'), 0)
  assert.equal(native.removexattr(scratch.fd, STRANGE, 'user.a'), -Errno.ENODATA)
  assert.deepEqual(native.listxattr(scratch.fd, STRANGE), ['user.b'])
})

onEach('the same through an O_PATH descriptor', (scratch) => {
  makeFile(scratch, 'f')
  opened(scratch, 'f', c.O_PATH, (fd) => {
    assert.deepEqual(native.listxattr(fd, ''), [])
    assert.equal(native.setxattr(fd, '', 'user.a', bytes('x'), 0), 0)
    assert.equal(value(fd, '', 'user.a'), 'x')
    assert.deepEqual(native.listxattr(fd, ''), ['user.a'])
    assert.equal(native.removexattr(fd, '', 'user.a'), 0)
    assert.equal(value(fd, '', 'user.a'), -Errno.ENODATA)
  })
})

onEach('long values and long lists come whole', (scratch) => {
  makeFile(scratch, 'f')
  const long = 'v'.repeat(2000)
  assert.equal(native.setxattr(scratch.fd, 'f', 'user.long', bytes(long), 0), 0)
  assert.equal(value(scratch.fd, 'f', 'user.long'), long)
  const names = Array.from({ length: 10 }, (_, i) => `user.${'n'.repeat(100)}${i}`)
  for (const name of names) assert.equal(native.setxattr(scratch.fd, 'f', name, bytes(''), 0), 0)
  assert.deepEqual((native.listxattr(scratch.fd, 'f') as string[]).sort(), [...names, 'user.long'].sort())
  assert.equal(native.setxattr(scratch.fd, 'f', 'user.huge', new Uint8Array(65537), 0), -Errno.E2BIG)
})

onEach(
  'links have attributes of their own',
  (scratch) => {
    makeFile(scratch, 'f')
    native.symlinkat('f', scratch.fd, 'link')
    assert.equal(native.setxattr(scratch.fd, 'link', 'trusted.overlay.x', bytes('y'), 0), 0)
    assert.equal(value(scratch.fd, 'link', 'trusted.overlay.x'), 'y')
    assert.equal(value(scratch.fd, 'f', 'trusted.overlay.x'), -Errno.ENODATA)
    opened(scratch, 'link', c.O_PATH, (fd) => assert.equal(value(fd, '', 'trusted.overlay.x'), 'y'))
    assert.equal(native.setxattr(scratch.fd, 'link', 'user.x', bytes('y'), 0), -Errno.EPERM)
  },
  needsRoot,
)

onEach('a place that is not there, and a whole path', (scratch) => {
  makeFile(scratch, 'f')
  assert.equal(value(scratch.fd, 'none', 'user.a'), -Errno.ENOENT)
  assert.equal(native.listxattr(scratch.fd, 'none'), -Errno.ENOENT)
  assert.equal(native.setxattr(c.AT_FDCWD, `${scratch.path}/f`, 'user.a', bytes('1'), 0), 0)
  assert.equal(value(c.AT_FDCWD, `${scratch.path}/f`, 'user.a'), '1')
})
