/**
 * The smallest filesystem that the device test can mount, run as a child process: a root directory with `file`, whose
 * data is served by the device from a backing file; `plain`, the same through JavaScript; `bad`, whose LOOKUP is
 * answered with a reply that the kernel refuses. In the mode `backed` every open is passed through to the backing file
 * as it lies in a read-only clone of its mount, whatever it is opened for. Arguments: the mountpoint and the backing
 * file. Prints "mounted" when the wake descriptor, signalled before, has been seen, which is after INIT; and at the end
 * what it counted, as JSON.
 */
import { writeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import * as c from '../../src/syscalls/constants.js'
import { type Device, native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'

const [mountpoint, backing, mode] = process.argv.slice(2) as [string, string, string | undefined]
const ROOT = 1
/** Beyond 2^32, so that a nodeid cut to 32 bits would show. */
const FILE = 2 ** 40 + 7
const PLAIN = 3
const FUSE_KERNEL_MINOR = 31
const FOPEN_DIRECT_IO = 1
const FOPEN_PASSTHROUGH = 128
/** INIT_EXT, and PASSTHROUGH in the second word of flags. */
const EXTENDED = 1 << 30
const PASSTHROUGH = 1 << 5
const HEADER = 16

/** Opcodes this filesystem knows (linux/fuse.h). */
const Op = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  RELEASE: 18,
  INIT: 26,
  BATCH_FORGET: 42,
}

const file = native.openat(c.AT_FDCWD, backing, c.O_RDWR, 0)
const fuse = native.openat(c.AT_FDCWD, '/dev/fuse', c.O_RDWR, 0)
const wake = native.eventfd()
const mounted = native.mount('stratafs-test', mountpoint, 'fuse', 0, `fd=${fuse},rootmode=40000,user_id=0,group_id=0`)
if (mounted < 0) throw new Error(`mount failed with ${mounted}`)

const device: Device = new native.Device(fuse, wake, 1024 * 1024 + 4096)
const request = new DataView(device.request)
const reply = new DataView(device.reply)
let wakes = 0
let unexpected = 0
let notified = 0

/** Ends a reply of `payload` bytes after the header: its length. */
function finish(payload: number, error = 0): number {
  reply.setUint32(0, HEADER + payload, true)
  reply.setInt32(4, error, true)
  reply.setBigUint64(8, request.getBigUint64(8, true), true)
  return HEADER + payload
}

/** fuse_attr: u64 ino @0 · size @8 · blocks @16 · times @24 · u32 mode @60 · nlink @64 · uid gid rdev blksize */
function putAttr(at: number, nodeid: number): void {
  for (let i = 0; i < 88; i++) reply.setUint8(at + i, 0)
  native.statat(file, '')
  reply.setBigUint64(at, BigInt(nodeid), true)
  reply.setBigUint64(at + 8, BigInt(nodeid === ROOT ? 0 : native.stat[Stat.SIZE]!), true)
  reply.setUint32(at + 60, nodeid === ROOT ? c.S_IFDIR | 0o755 : c.S_IFREG | 0o644, true)
  reply.setUint32(at + 64, 1, true)
}

/**
 * fuse_init_out: u32 major minor max_readahead flags @0 · u16 max_background @16 · u32 max_write @20 · time_gran @24 ·
 * u16 max_pages @28
 */
function init(): number {
  for (let i = 0; i < 64; i++) reply.setUint8(HEADER + i, 0)
  reply.setUint32(HEADER, 7, true)
  reply.setUint32(HEADER + 4, mode === 'backed' ? 45 : FUSE_KERNEL_MINOR, true)
  reply.setUint32(HEADER + 8, 131072, true)
  reply.setUint32(HEADER + 12, (1 << 5) | (1 << 22) | (mode === 'backed' ? EXTENDED : 0), true)
  reply.setUint32(HEADER + 20, 1024 * 1024, true)
  reply.setUint32(HEADER + 24, 1, true)
  reply.setUint16(HEADER + 28, 256, true)
  if (mode === 'backed') {
    reply.setUint32(HEADER + 32, PASSTHROUGH, true)
    reply.setUint32(HEADER + 36, 1, true)
  }
  return finish(64)
}

/** fuse_entry_out: u64 nodeid @0 · generation @8 · valid @16.. · attr @40 */
function lookup(): number {
  let name = ''
  for (let at = 40; request.getUint8(at) !== 0; at++) name += String.fromCharCode(request.getUint8(at))
  if (name === 'file') notified = notify()
  if (name === 'bad') return finish(3) - 1
  const nodeid = name === 'file' ? FILE : name === 'plain' ? PLAIN : 0
  if (nodeid === 0) return finish(0, -2)
  for (let i = 0; i < 40; i++) reply.setUint8(HEADER + i, 0)
  reply.setBigUint64(HEADER, BigInt(nodeid), true)
  putAttr(HEADER + 40, nodeid)
  return finish(128)
}

function attributes(nodeid: number): number {
  for (let i = 0; i < 16; i++) reply.setUint8(HEADER + i, 0)
  putAttr(HEADER + 16, nodeid)
  return finish(104)
}

/** READ and WRITE that came to JavaScript: offset @48, size @56 of the request. */
function data(opcode: number): number {
  if (mode === 'bound') unexpected++
  const offset = Number(request.getBigUint64(48, true))
  const size = request.getUint32(56, true)
  if (opcode === Op.READ) {
    const got = device.readInto(file, size, offset)
    return got < 0 ? finish(0, got) : finish(got)
  }
  const put = device.writeFrom(file, 80, size, offset, false)
  if (put < 0) return finish(0, put)
  reply.setUint32(HEADER, put, true)
  reply.setUint32(HEADER + 4, 0, true)
  return finish(8)
}

/** Answers the request at hand: the length of the reply. */
function answer(): number {
  const opcode = request.getUint32(4, true)
  const nodeid = Number(request.getBigUint64(16, true))
  if (opcode === Op.INIT) return init()
  if (opcode === Op.LOOKUP) return lookup()
  if (opcode === Op.FORGET || opcode === Op.BATCH_FORGET) return 0
  if (opcode === Op.GETATTR) return attributes(nodeid)
  if (opcode === Op.READ || opcode === Op.WRITE) return data(opcode)
  if (opcode === Op.RELEASE) return finish(0)
  if (opcode !== Op.OPEN) return finish(0, -38)
  for (let i = 0; i < 16; i++) reply.setUint8(HEADER + i, 0)
  reply.setUint32(HEADER + 8, mode === 'backed' ? FOPEN_PASSTHROUGH : FOPEN_DIRECT_IO, true)
  if (mode === 'backed') reply.setInt32(HEADER + 12, backingId(), true)
  return finish(16)
}

let backingOf = 0
/** One id for all opens, as long as there are any. */
function backingId(): number {
  if (backingOf > 0) return backingOf
  const clone = native.cloneMount(dirname(backing), c.MOUNT_ATTR_RDONLY)
  const fd = native.openat(clone, basename(backing), c.O_PATH, 0)
  backingOf = device.openBacking(fd)
  native.close(fd)
  native.close(clone)
  return backingOf
}

device.bind(FILE, file, true)
device.bind(PLAIN, file, true)
device.unbind(PLAIN)
if (mode === 'readonly') device.bind(FILE, file, false)
if (mode === 'traced') device.direct(false)
/**
 * FUSE_NOTIFY_INVAL_INODE of the root (no lock is taken for that one), as another thread would send it: past the
 * device, with a plain write.
 */
function notify(): number {
  const message = new DataView(new ArrayBuffer(40))
  message.setUint32(0, 40, true)
  message.setInt32(4, 2, true)
  message.setBigUint64(16, BigInt(ROOT), true)
  message.setBigInt64(24, -1n, true)
  return native.pwrite(fuse, new Uint8Array(message.buffer), 0, 40, 0)
}

native.signalEvent(wake)
native.signalEvent(wake)
let length = device.next(0)
while (length >= 0) {
  if (length === 0) {
    wakes++
    writeSync(1, 'mounted\n')
  }
  length = device.next(length === 0 ? 0 : answer())
}
const closedBefore = device.next(0)
device.close()
const closed = device.next(0)
const counters = [...device.counters]
writeSync(1, `${JSON.stringify({ end: length, again: closedBefore, closed, wakes, unexpected, notified, counters })}\n`)
