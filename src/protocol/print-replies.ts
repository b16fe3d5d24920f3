/**
 * The trace's second half: what a reply says, read back from its bytes. Reading the bytes, not what was meant to be
 * written, is the point: a trace that lies about an encoder's mistake would hide it. Each function gets the reply and
 * the size of its body, and is only asked about replies without an error.
 */
import { DIRENT_HEAD, direntSize } from './directory.js'
import { InitFlag, InitFlag2, OpenedFlag } from './flags.js'
import { OUT_HEADER } from './opcodes.js'
import { flagNames, octal, quote } from './print.js'
import { ENTRY_OUT_SIZE } from './replies.js'
import type { ReplyBuffer } from './reply-buffer.js'

/** Words for one kind of body. */
export type ReplyPrinter = (reply: ReplyBuffer, size: number) => string

const openedFlags = flagNames(OpenedFlag)
const initFlags = flagNames(InitFlag)
const initFlags2 = flagNames(InitFlag2)

/** Nothing to say. */
export const printEmpty: ReplyPrinter = () => ''

/** fuse_attr at `at`. */
function attributes(reply: ReplyBuffer, at: number): string {
  const mode = octal(reply.u32(at + 60))
  const owner = `${reply.u32(at + 68)}:${reply.u32(at + 72)}`
  return `ino:${reply.u64(at)} mode:${mode} nlink:${reply.u32(at + 64)} owner:${owner} size:${reply.u64(at + 8)}`
}

function opened(reply: ReplyBuffer, at: number): string {
  return `fh:${reply.u64(at)} flags:${openedFlags(reply.u32(at + 8))}`
}

export const printAttr: ReplyPrinter = (reply) => `{${attributes(reply, 16)} valid:${reply.u64(0)}}`

export const printStatx: ReplyPrinter = (reply) => {
  const mode = octal(reply.u32(60) & 0xffff)
  const btime = reply.s64(112)
  return `{mask:0x${reply.u32(32).toString(16)} ino:${reply.u64(64)} mode:${mode} size:${reply.u64(72)} btime:${btime}}`
}

export const printEntry: ReplyPrinter = (reply) => {
  if (reply.u64(0) === 0) return `{absent valid:${reply.u64(16)}}`
  return `{n${reply.u64(0)} ${attributes(reply, 40)} valid:${reply.u64(16)}/${reply.u64(24)}}`
}

export const printOpen: ReplyPrinter = (reply) => `{${opened(reply, 0)}}`

export const printCreate: ReplyPrinter = (reply) =>
  `{n${reply.u64(0)} ${attributes(reply, 40)} ${opened(reply, ENTRY_OUT_SIZE)}}`

export const printStatfs: ReplyPrinter = (reply) =>
  `{blocks:${reply.u64(0)} bavail:${reply.u64(16)} files:${reply.u64(24)} ` +
  `bsize:${reply.u32(40)} namelen:${reply.u32(44)}}`

export const printSize: ReplyPrinter = (reply) => `{size:${reply.u32(0)}}`

export const printOffset: ReplyPrinter = (reply) => `{offset:${reply.u64(0)}}`

export const printData: ReplyPrinter = (_reply, size) => `(${size} bytes)`

export const printText: ReplyPrinter = (reply, size) =>
  quote(reply.bytes.toString('latin1', OUT_HEADER, OUT_HEADER + size))

export const printIoctl: ReplyPrinter = (reply, size) => `{result:${reply.u32(0) | 0}} (${size - 16} bytes)`

export const printInit: ReplyPrinter = (reply) => {
  const version = `${reply.u32(0)}.${reply.u32(4)}`
  const flags = `flags:${initFlags(reply.u32(12))} flags2:${initFlags2(reply.u32(32))}`
  return `{version:${version} ${flags} maxWrite:${reply.u32(20)}}`
}

/** The first names of a listing, then how many there are. */
function listing(skip: number): ReplyPrinter {
  return (reply, size) => {
    const names: string[] = []
    for (let at = 0; at + skip + DIRENT_HEAD <= size; ) {
      const length = reply.u32(at + skip + 16)
      const start = OUT_HEADER + at + skip + DIRENT_HEAD
      names.push(quote(reply.bytes.toString('latin1', start, start + length)))
      at += skip + direntSize(length)
    }
    const more = names.length > 4 ? ' …' : ''
    return `{entries:${names.length} bytes:${size}} ${names.slice(0, 4).join(' ')}${more}`.trimEnd()
  }
}

export const printEntries: ReplyPrinter = listing(0)

export const printEntriesPlus: ReplyPrinter = listing(ENTRY_OUT_SIZE)
