/**
 * The kinds of answers: how an operation's result becomes a reply's body, and how the trace reads it back. A row of the
 * opcode table names one. `encode` runs only for results >= 0, gets that number, takes the rest from the operations'
 * scratch objects, and returns the body's size in bytes.
 */
import { OpenedFlag } from '../protocol/flags.js'
import * as print from '../protocol/print-replies.js'
import * as replies from '../protocol/replies.js'
import type { Context } from './context.js'

export interface Answer {
  /** Writes the body; its size. */
  readonly encode: (context: Context, result: number) => number
  readonly print: print.ReplyPrinter
  /** True for messages that are never answered, whatever happens. */
  readonly silent?: boolean
}

/** No reply at all: FORGET and its like. */
export const silent: Answer = { encode: () => 0, print: print.printEmpty, silent: true }

/** A reply without a body. */
export const empty: Answer = { encode: () => 0, print: print.printEmpty }

function encodeEntry(context: Context, nodeid: number): number {
  const { reply, operations, entryValid } = context
  if (nodeid === 0) return replies.negativeEntryOut(reply, 0, context.negativeValid)
  return replies.entryOut(reply, 0, nodeid, operations.attr, entryValid, context.attrValidNow)
}

/** The FOPEN_* bits of an opened file: what the operation says, and the mount's direct-io choice over it. */
function openedFlags(context: Context): number {
  const { flags } = context.operations.opened
  return context.config.directIo ? (flags | OpenedFlag.DIRECT_IO) & ~OpenedFlag.KEEP_CACHE : flags
}

function encodeOpened(context: Context, at: number): number {
  const { fh, backing } = context.operations.opened
  return replies.openOut(context.reply, at, fh, openedFlags(context), backing)
}

/** The result is a nodeid, 0 for a name that is absent. */
export const entry: Answer = { encode: encodeEntry, print: print.printEntry }

/** As `entry`, then the opened file. */
export const create: Answer = {
  encode: (context, nodeid) => encodeEntry(context, nodeid) + encodeOpened(context, replies.ENTRY_OUT_SIZE),
  print: print.printCreate,
}

export const open: Answer = { encode: (context) => encodeOpened(context, 0), print: print.printOpen }

/** A directory opened without the operations' knowing: cached by the kernel. */
export const openDirectory: Answer = {
  encode: ({ reply }) => replies.openOut(reply, 0, 0, OpenedFlag.KEEP_CACHE | OpenedFlag.CACHE_DIR),
  print: print.printOpen,
}

export const attr: Answer = {
  encode: ({ reply, operations, attrValidNow }) => replies.attrOut(reply, 0, operations.attr, attrValidNow),
  print: print.printAttr,
}

export const statx: Answer = {
  encode: ({ reply, operations, attrValidNow }) => replies.statxOut(reply, 0, operations.attr, attrValidNow),
  print: print.printStatx,
}

export const statfs: Answer = {
  encode: ({ reply, operations }) => replies.statfsOut(reply, 0, operations.fsstat),
  print: print.printStatfs,
}

/** The result is a number of bytes: fuse_write_out. */
export const size: Answer = {
  encode: ({ reply }, result) => replies.sizeOut(reply, 0, result),
  print: print.printSize,
}

/** The result is an offset or a 64-bit count. */
export const offset: Answer = {
  encode: ({ reply }, result) => replies.offsetOut(reply, 0, result),
  print: print.printOffset,
}

/** The result counts bytes that `run` has put into the body. */
export const data: Answer = { encode: (_context, result) => result, print: print.printData }

/** As `data`; the bytes are a symbolic link's target. */
export const text: Answer = { encode: (_context, result) => result, print: print.printText }

/** As `data`; the bytes are fuse_dirents. */
export const entries: Answer = { encode: (_context, result) => result, print: print.printEntries }

/** As `data`; the bytes are fuse_direntpluses. */
export const entriesPlus: Answer = { encode: (_context, result) => result, print: print.printEntriesPlus }

/** As `data`; the body begins with a fuse_ioctl_out. */
export const ioctl: Answer = { encode: (_context, result) => result, print: print.printIoctl }

/** INIT's answer, as agreed. */
export const init: Answer = {
  encode: ({ reply, agreed }) => (agreed === null ? 0 : replies.initOut(reply, 0, agreed)),
  print: print.printInit,
}
