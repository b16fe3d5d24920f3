/**
 * The opcode table: one row per message, naming how it is decoded, what runs, and how the result is answered. The
 * session serves requests from it, the trace prints them from it, the counters take their names from it.
 *
 * A message without a row is answered ENOSYS, and some of those the kernel then never sends again. That is wanted:
 * FLUSH and ACCESS would cost a round trip and have nothing to do (`default_permissions` checks access). The kernel
 * keeps locks itself. BMAP and POLL mean nothing here.
 */
import { Opcode } from '../protocol/opcodes.js'
import * as requests from '../protocol/requests.js'
import * as data from '../protocol/requests-data.js'
import * as attributes from './attributes.js'
import * as connection from './connection.js'
import type { Context } from './context.js'
import * as directories from './directories.js'
import * as answers from './encoders.js'
import * as files from './files.js'
import { ioctl } from './ioctls.js'
import * as names from './namespace.js'
import * as xattrs from './xattrs.js'

/** One row. */
export interface Operation<A extends object = object> {
  readonly name: string
  readonly decode: requests.Decoder<A>
  /** The result: >= 0 for `encode`, or -errno. */
  run(context: Context, args: A): number
  readonly encode: answers.Answer
  /**
   * True where ENOSYS is meant: elsewhere it would end that message for the whole connection, and becomes EOPNOTSUPP.
   */
  readonly declinable?: boolean
}

/** Ties a row's types together; the table forgets them. */
function operation<A extends object>(row: Operation<A>): Operation {
  return row
}

/** The rows, by opcode. */
export const operations: Readonly<Record<number, Operation>> = {
  [Opcode.LOOKUP]: operation({ name: 'LOOKUP', decode: requests.name, run: names.lookup, encode: answers.entry }),
  [Opcode.FORGET]: operation({ name: 'FORGET', decode: requests.forget, run: names.forget, encode: answers.silent }),
  [Opcode.BATCH_FORGET]: operation({
    name: 'BATCH_FORGET',
    decode: requests.batchForget,
    run: names.batchForget,
    encode: answers.silent,
  }),
  [Opcode.GETATTR]: operation({
    name: 'GETATTR',
    decode: requests.nothing,
    run: attributes.getattr,
    encode: answers.attr,
  }),
  [Opcode.STATX]: operation({
    name: 'STATX',
    decode: requests.statx,
    run: attributes.getattr,
    encode: answers.statx,
  }),
  [Opcode.SETATTR]: operation({
    name: 'SETATTR',
    decode: requests.setattr,
    run: attributes.setattr,
    encode: answers.attr,
  }),
  [Opcode.READLINK]: operation({
    name: 'READLINK',
    decode: requests.nothing,
    run: names.readlink,
    encode: answers.text,
  }),
  [Opcode.SYMLINK]: operation({
    name: 'SYMLINK',
    decode: requests.symlink,
    run: names.symlink,
    encode: answers.entry,
  }),
  [Opcode.MKNOD]: operation({ name: 'MKNOD', decode: requests.mknod, run: names.mknod, encode: answers.entry }),
  [Opcode.MKDIR]: operation({ name: 'MKDIR', decode: requests.mkdir, run: names.mkdir, encode: answers.entry }),
  [Opcode.UNLINK]: operation({ name: 'UNLINK', decode: requests.name, run: names.unlink, encode: answers.empty }),
  [Opcode.RMDIR]: operation({ name: 'RMDIR', decode: requests.name, run: names.rmdir, encode: answers.empty }),
  [Opcode.RENAME]: operation({ name: 'RENAME', decode: requests.rename, run: names.rename, encode: answers.empty }),
  [Opcode.RENAME2]: operation({ name: 'RENAME2', decode: requests.rename2, run: names.rename, encode: answers.empty }),
  [Opcode.LINK]: operation({ name: 'LINK', decode: requests.link, run: names.link, encode: answers.entry }),
  [Opcode.OPEN]: operation({
    name: 'OPEN',
    decode: data.open,
    run: files.open,
    encode: answers.open,
    declinable: true,
  }),
  [Opcode.CREATE]: operation({
    name: 'CREATE',
    decode: data.create,
    run: names.create,
    encode: answers.create,
    declinable: true,
  }),
  [Opcode.TMPFILE]: operation({ name: 'TMPFILE', decode: data.tmpfile, run: names.tmpfile, encode: answers.create }),
  [Opcode.READ]: operation({ name: 'READ', decode: data.read, run: files.read, encode: answers.data }),
  [Opcode.WRITE]: operation({ name: 'WRITE', decode: data.write, run: files.write, encode: answers.size }),
  [Opcode.RELEASE]: operation({ name: 'RELEASE', decode: data.release, run: files.release, encode: answers.empty }),
  [Opcode.FSYNC]: operation({ name: 'FSYNC', decode: data.fsync, run: files.fsync, encode: answers.empty }),
  [Opcode.FALLOCATE]: operation({
    name: 'FALLOCATE',
    decode: data.fallocate,
    run: files.fallocate,
    encode: answers.empty,
  }),
  [Opcode.LSEEK]: operation({
    name: 'LSEEK',
    decode: data.lseek,
    run: files.lseek,
    encode: answers.offset,
    declinable: true,
  }),
  [Opcode.COPY_FILE_RANGE]: operation({
    name: 'COPY_FILE_RANGE',
    decode: data.copyFileRange,
    run: files.copyFileRange,
    encode: answers.size,
  }),
  [Opcode.COPY_FILE_RANGE_64]: operation({
    name: 'COPY_FILE_RANGE_64',
    decode: data.copyFileRange,
    run: files.copyFileRange64,
    encode: answers.offset,
  }),
  [Opcode.OPENDIR]: operation({
    name: 'OPENDIR',
    decode: requests.nothing,
    run: directories.opendir,
    encode: answers.openDirectory,
    declinable: true,
  }),
  [Opcode.READDIR]: operation({
    name: 'READDIR',
    decode: data.read,
    run: directories.readdir,
    encode: answers.entries,
  }),
  [Opcode.READDIRPLUS]: operation({
    name: 'READDIRPLUS',
    decode: data.read,
    run: directories.readdirplus,
    encode: answers.entriesPlus,
  }),
  [Opcode.RELEASEDIR]: operation({
    name: 'RELEASEDIR',
    decode: data.release,
    run: directories.releasedir,
    encode: answers.empty,
  }),
  [Opcode.FSYNCDIR]: operation({
    name: 'FSYNCDIR',
    decode: data.fsync,
    run: directories.fsyncdir,
    encode: answers.empty,
  }),
  [Opcode.STATFS]: operation({
    name: 'STATFS',
    decode: requests.nothing,
    run: attributes.statfs,
    encode: answers.statfs,
  }),
  [Opcode.SETXATTR]: operation({
    name: 'SETXATTR',
    decode: requests.setxattr,
    run: xattrs.setxattr,
    encode: answers.empty,
  }),
  [Opcode.GETXATTR]: operation({
    name: 'GETXATTR',
    decode: requests.getxattr,
    run: xattrs.getxattr,
    encode: answers.data,
  }),
  [Opcode.LISTXATTR]: operation({
    name: 'LISTXATTR',
    decode: requests.listxattr,
    run: xattrs.listxattr,
    encode: answers.data,
  }),
  [Opcode.REMOVEXATTR]: operation({
    name: 'REMOVEXATTR',
    decode: requests.removexattr,
    run: xattrs.removexattr,
    encode: answers.empty,
  }),
  [Opcode.IOCTL]: operation({ name: 'IOCTL', decode: data.ioctl, run: ioctl, encode: answers.ioctl }),
  [Opcode.INIT]: operation({ name: 'INIT', decode: data.init, run: connection.init, encode: answers.init }),
  [Opcode.DESTROY]: operation({
    name: 'DESTROY',
    decode: requests.nothing,
    run: connection.destroy,
    encode: answers.empty,
  }),
  [Opcode.INTERRUPT]: operation({
    name: 'INTERRUPT',
    decode: data.interrupt,
    run: connection.interrupt,
    encode: answers.silent,
  }),
  [Opcode.NOTIFY_REPLY]: operation({
    name: 'NOTIFY_REPLY',
    decode: requests.nothing,
    run: connection.interrupt,
    encode: answers.silent,
  }),
}
