import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RequestBuffer } from '../../src/protocol/request-buffer.js'
import * as requests from '../../src/protocol/requests.js'
import * as data from '../../src/protocol/requests-data.js'
import { type Field, pack, request, s64, u16, u32, u64 } from './messages.js'

const EINVAL = -22
const EFBIG = -27

function loaded(bytes: Uint8Array, extendedSetxattr = true): RequestBuffer {
  const buffer = new ArrayBuffer(8192)
  new Uint8Array(buffer).fill(0x41).set(bytes)
  const view = new RequestBuffer(buffer)
  view.extendedSetxattr = extendedSetxattr
  return view
}

function decode<A extends object>(decoder: requests.Decoder<A>, fields: Field[], extended = true): A | number {
  const bytes = request({ opcode: 1 }, ...fields)
  const view = loaded(bytes, extended)
  assert.equal(view.begin(bytes.length), true)
  const result = decoder.read(view, decoder.args)
  return result < 0 ? result : { ...decoder.args }
}

const value = Buffer.from([1, 0, 2])

/** One well-formed body per decoder, what it decodes to, and the shortest prefix that is still whole. */
const bodies: ReadonlyArray<readonly [string, requests.Decoder<object>, Field[], object, number?]> = [
  ['name', requests.name, ['caf\xe9\0'], { name: 'caf\xe9' }],
  ['statx', requests.statx, [u32(1), u32(0), u64(9), u32(0x100), u32(0xfff)], { flags: 0x100, mask: 0xfff }],
  [
    'setattr',
    requests.setattr,
    [u32(0x7f), u32(0), u64(3), u64(2 ** 40), u64(0), s64(-5), s64(6), s64(7), u32(50), u32(60), u32(70)].concat([
      u32(0o644),
      u32(0),
      u32(11),
      u32(12),
      u32(0),
    ]),
    { valid: 0x7f, mode: 0o644, uid: 11, gid: 12, size: 2 ** 40, atime: -5, atimeNs: 50, mtime: 6, mtimeNs: 60 },
  ],
  ['forget', requests.forget, [u64(2 ** 33 + 1)], { nlookup: 2 ** 33 + 1 }],
  ['batchForget', requests.batchForget, [u32(2), u32(0), u64(5), u64(1), u64(6), u64(2)], { count: 2 }],
  ['symlink', requests.symlink, ['l\0', '../t\0'], { name: 'l', target: '../t' }],
  [
    'mknod',
    requests.mknod,
    [u32(0o20644), u32(0x801), u32(0o22), u32(0), 'd\0'],
    { mode: 0o20644, rdev: 0x801, umask: 0o22, name: 'd' },
  ],
  ['mkdir', requests.mkdir, [u32(0o755), u32(0o1022), 'd\0'], { mode: 0o755, umask: 0o22, name: 'd' }],
  ['link', requests.link, [u64(77), 'n\0'], { oldnodeid: 77, name: 'n' }],
  ['rename', requests.rename, [u64(9), 'a\0', 'b\0'], { newdir: 9, flags: 0, oldName: 'a', newName: 'b' }],
  [
    'rename2',
    requests.rename2,
    [u64(9), u32(4), u32(0), 'a\0', 'bb\0'],
    { newdir: 9, flags: 4, oldName: 'a', newName: 'bb' },
  ],
  ['getxattr', requests.getxattr, [u32(64), u32(0), 'user.x\0'], { size: 64, attribute: 'user.x' }],
  ['listxattr', requests.listxattr, [u32(64), u32(0)], { size: 64 }],
  [
    'setxattr',
    requests.setxattr,
    [u32(3), u32(1), u32(1), u32(0), 'user.x\0', value],
    { flags: 1, killSgid: 1, attribute: 'user.x', value },
  ],
  ['removexattr', requests.removexattr, ['user.x\0'], { attribute: 'user.x' }],
  ['open', data.open, [u32(0x8002), u32(1)], { flags: 0x8002, killSuidGid: 1 }],
  [
    'create',
    data.create,
    [u32(0x8241), u32(0o100600), u32(0o77), u32(0), 'f\0'],
    { flags: 0x8241, mode: 0o100600, umask: 0o77, name: 'f' },
  ],
  [
    'tmpfile',
    data.tmpfile,
    [u32(0x410002), u32(0o100600), u32(0o77), u32(0), '/\0'],
    { flags: 0x410002, mode: 0o100600, umask: 0o77 },
    16,
  ],
  ['release', data.release, [u64(5), u32(2), u32(1), u64(8)], { fh: 5, flags: 2 }],
  [
    'read',
    data.read,
    [u64(5), u64(4096), u32(512), u32(0), u64(0), u32(0), u32(0)],
    { fh: 5, offset: 4096, size: 512 },
  ],
  [
    'write',
    data.write,
    [u64(5), u64(4096), u32(3), u32(4), u64(0), u32(0), u32(0), value],
    { fh: 5, offset: 4096, size: 3, flags: 4 },
  ],
  ['fsync', data.fsync, [u64(5), u32(1), u32(0)], { fh: 5, datasync: 1 }],
  ['fallocate', data.fallocate, [u64(5), u64(10), u64(20), u32(3), u32(0)], { fh: 5, offset: 10, length: 20, mode: 3 }],
  ['lseek', data.lseek, [u64(5), u64(10), u32(4), u32(0)], { fh: 5, offset: 10, whence: 4 }],
  [
    'copyFileRange',
    data.copyFileRange,
    [u64(1), u64(2), u64(3), u64(4), u64(5), u64(6), u64(0)],
    { fhIn: 1, offsetIn: 2, nodeOut: 3, fhOut: 4, offsetOut: 5, length: 6 },
  ],
  [
    'ioctl',
    data.ioctl,
    [u64(5), u32(16), u32(0x40086602), u64(0), u32(4), u32(0), u32(0x20)],
    { fh: 5, flags: 16, command: 0x40086602, inSize: 4, outSize: 0, value: 0x20 },
  ],
  ['interrupt', data.interrupt, [u64(99)], { unique: 99 }],
  [
    'init',
    data.init,
    [u32(7), u32(45), u32(131072), u32(0x73fffffb), u32(0x5fd), new Uint8Array(44)],
    { major: 7, minor: 45, maxReadahead: 131072, flags: 0x73fffffb, flags2: 0x5fd },
    16,
  ],
]

describe('request decoders', () => {
  for (const [label, decoder, fields, expected] of bodies) {
    it(`${label}: every field from its place`, () => {
      assert.deepEqual(decode(decoder, fields), expected)
    })
  }

  for (const [label, decoder, fields, , whole] of bodies) {
    it(`${label}: refused at every shorter length`, () => {
      const body = pack(...fields)
      for (let length = 0; length < (whole ?? body.length); length++) {
        assert.equal(decode(decoder, [body.subarray(0, length)]), EINVAL, `cut to ${length} bytes`)
      }
    })
  }

  it('takes a rename2 apart from its bytes written out by hand', () => {
    const written =
      '3e0000002d0000009c01000000000000' + // len 62, opcode 45, unique 412
      '0700000000000000e8030000e8030000' + // nodeid 7, uid 1000, gid 1000
      'd204000000000000' + // pid 1234
      '09000000000000000100000000000000' + // newdir 9, NOREPLACE
      '610062620000'
    const bytes = Buffer.from(written, 'hex')
    const view = loaded(bytes)
    assert.equal(view.begin(62), true)
    assert.deepEqual([view.opcode, view.unique, view.nodeid, view.uid, view.pid], [45, 412, 7, 1000, 1234])
    assert.equal(requests.rename2.read(view, requests.rename2.args), 0)
    assert.deepEqual(requests.rename2.args, { newdir: 9, flags: 1, oldName: 'a', newName: 'bb' })
  })

  it('reads the short setxattr of kernels before SETXATTR_EXT', () => {
    const decoded = decode(requests.setxattr, [u32(3), u32(2), 'user.x\0', value], false)
    assert.deepEqual(decoded, { flags: 2, killSgid: 0, attribute: 'user.x', value })
  })

  it('refuses names that are no directory entries', () => {
    for (const name of ['', '.', '..', 'a/b', '/']) assert.equal(decode(requests.name, [`${name}\0`]), EINVAL, name)
    assert.equal(decode(requests.name, ['no end']), EINVAL)
  })

  it('keeps any other byte of a name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 255 }), (bytes) => {
        const name = Buffer.from(bytes).toString('latin1')
        fc.pre(!name.includes('/') && name !== '.' && name !== '..')
        assert.deepEqual(decode(requests.name, [bytes, '\0']), { name })
      }),
    )
  })

  it('refuses sizes and offsets that no file has', () => {
    const huge = 2n ** 60n
    assert.equal(decode(data.write, [u64(0), u64(huge), u32(0), u32(0), new Uint8Array(16)]), EFBIG)
    assert.equal(decode(data.fallocate, [u64(0), u64(0), u64(huge), u32(0), u32(0)]), EFBIG)
    assert.equal(decode(requests.setattr, [u32(8), u32(0), u64(0), u64(huge), new Uint8Array(64)]), EFBIG)
    const copied = decode(data.copyFileRange, [u64(0), u64(0), u64(2), u64(0), u64(0), u64(2n ** 63n), u64(0)])
    assert.equal(typeof copied === 'object' && copied.length, Number.MAX_SAFE_INTEGER)
  })

  it('refuses a batch whose count is a lie', () => {
    assert.equal(decode(requests.batchForget, [u32(0xffffffff), u32(0), u64(1), u64(1)]), EINVAL)
  })

  it('leaves extensions at the end out of view', () => {
    const bytes = request({ opcode: 9, extension: Buffer.alloc(16, 0x42) }, u32(0o755), u32(0), 'd\0')
    const view = loaded(bytes)
    assert.equal(view.begin(bytes.length), true)
    assert.equal(view.end, bytes.length - 16)
    assert.equal(requests.mkdir.read(view, requests.mkdir.args), 0)
    assert.equal(requests.mkdir.args.name, 'd')
  })

  it('refuses a header that contradicts the length', () => {
    const good = request({ opcode: 1 }, 'a\0')
    const view = loaded(good)
    assert.equal(view.begin(good.length), true)
    for (const length of [0, 39, good.length - 1, good.length + 1, 100_000]) assert.equal(view.begin(length), false)
    const liar = Buffer.from(good)
    liar.set(pack(u16(9)), 36)
    assert.equal(loaded(liar).begin(liar.length), false)
  })
})
