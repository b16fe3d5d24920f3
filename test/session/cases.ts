/** One well-formed request per message that reaches an operation: what it must become is in the same row. */
import type { Opcode } from '../../src/protocol/opcodes.js'
import { type Field, u32, u64 } from '../protocol/messages.js'
import type { Call } from './fake-operations.js'

const caller = (umask: number) => ({ uid: 1000, gid: 1001, pid: 4242, umask })
const value = Buffer.from([1, 0, 2])

/** Message, body, the call it becomes, the size of the reply's body. All are about node 3. */
export const cases: ReadonlyArray<readonly [keyof typeof Opcode, Field[], Call, number]> = [
  ['LOOKUP', ['a\0'], ['lookup', 3, 'a'], 128],
  ['GETATTR', [u32(0), u32(0), u64(0)], ['getattr', 3], 104],
  ['STATX', [u32(0), u32(0), u64(0), u32(0), u32(0xfff)], ['getattr', 3], 288],
  ['READLINK', [], ['readlink', 3], 7],
  ['SYMLINK', ['l\0', 't/\xff\0'], ['symlink', caller(0), 3, 'l', 't/\xff'], 128],
  [
    'MKNOD',
    [u32(0o20600), u32(0x493103e0), u32(0o22), u32(0), 'd\0'],
    ['mknod', caller(0o22), 3, 'd', 0o20600, 259, 300_000],
    128,
  ],
  ['MKDIR', [u32(0o777), u32(0o27), 'd\0'], ['mkdir', caller(0o27), 3, 'd', 0o777], 128],
  ['UNLINK', ['a\0'], ['unlink', 3, 'a'], 0],
  ['RMDIR', ['a\0'], ['rmdir', 3, 'a'], 0],
  ['RENAME', [u64(4), 'a\0', 'b\0'], ['rename', 3, 'a', 4, 'b', 0], 0],
  ['RENAME2', [u64(4), u32(5), u32(0), 'a\0', 'b\0'], ['rename', 3, 'a', 4, 'b', 5], 0],
  ['LINK', [u64(8), 'n\0'], ['link', 8, 3, 'n'], 128],
  ['OPEN', [u32(0x8002), u32(0)], ['open', 3, 0x8002], 16],
  [
    'CREATE',
    [u32(0x80c2), u32(0o100666), u32(0o22), u32(0), 'f\0'],
    ['create', caller(0o22), 3, 'f', 0o100666, 0x80c2],
    144,
  ],
  [
    'TMPFILE',
    [u32(0x410002), u32(0o100600), u32(0o22), u32(0), '/\0'],
    ['tmpfile', caller(0o22), 3, 0o100600, 0x410002],
    144,
  ],
  ['READ', [u64(5), u64(8192), u32(512), u32(0), u64(0), u32(0), u32(0)], ['read', 3, 512, 8192], 512],
  ['WRITE', [u64(5), u64(8192), u32(3), u32(4), u64(0), u32(0), u32(0), value], ['write', 3, 3, 8192, true], 8],
  ['RELEASE', [u64(5), u32(0), u32(0), u64(0)], ['release', 3, 5], 0],
  ['FSYNC', [u64(5), u32(1), u32(0)], ['fsync', 3, true], 0],
  ['FSYNCDIR', [u64(5), u32(0), u32(0)], ['fsyncdir', 3, false], 0],
  ['FALLOCATE', [u64(5), u64(1), u64(2), u32(3), u32(0)], ['fallocate', 3, 3, 1, 2], 0],
  ['LSEEK', [u64(5), u64(1), u32(3), u32(0)], ['lseek', 3, 1, 3], 8],
  [
    'COPY_FILE_RANGE',
    [u64(5), u64(1), u64(4), u64(6), u64(2), u64(2 ** 33), u64(0)],
    ['copyFileRange', 3, 1, 4, 2, 0xfffff000],
    8,
  ],
  [
    'COPY_FILE_RANGE_64',
    [u64(5), u64(1), u64(4), u64(6), u64(2), u64(2 ** 33), u64(0)],
    ['copyFileRange', 3, 1, 4, 2, 2 ** 33],
    8,
  ],
  ['STATFS', [], ['statfs', 3], 80],
  ['GETXATTR', [u32(64), u32(0), 'user.x\0'], ['getxattr', 3, 'user.x'], 5],
  ['LISTXATTR', [u32(64), u32(0)], ['listxattr', 3, 1000], 14],
  [
    'SETXATTR',
    [u32(3), u32(2), u32(1), u32(0), 'user.x\0', value],
    ['setxattr', 3, 'user.x', new Uint8Array(value), 2, true],
    0,
  ],
  ['REMOVEXATTR', ['user.x\0'], ['removexattr', 3, 'user.x'], 0],
]
