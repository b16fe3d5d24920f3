/**
 * The INIT negotiation: what the kernel offers, what this filesystem wants, what is agreed. Pure, so that every
 * kernel's offer is a unit test. A flag the kernel did not offer is never sent back: an old kernel reads unknown bits
 * as it likes. The oldest kernel served is Linux 4.18 (7.27); before it the messages had other sizes.
 *
 * Not asked for:
 *
 * - SPLICE_*: data never passes a pipe;
 * - POSIX_LOCKS and FLOCK_LOCKS: the kernel keeps locks itself, which is all a local filesystem needs;
 * - EXPORT_SUPPORT: a nodeid does not outlive its FORGET. Where an overlay lies above, NO_EXPORT_SUPPORT says so to it;
 * - AUTO_INVAL_DATA: all change comes through the mount, and EXPLICIT_INVAL_DATA says just that;
 * - SECURITY_CTX and CREATE_SUPP_GROUP.
 *
 * The two data modes are agreed here, because neither can change while mounted. With PASSTHROUGH every open is
 * answered, and the kernel drops it where WRITEBACK_CACHE is asked for. Without it no open is answered (ENOSYS to
 * OPEN). Then truncation has to come as a SETATTR, and ATOMIC_O_TRUNC must be off.
 */
import { Errno } from '../base/errno.js'
import { InitFlag, InitFlag2 } from './flags.js'
import { FUSE_KERNEL_MINOR_VERSION, FUSE_KERNEL_VERSION, FUSE_OLDEST_MINOR_VERSION } from './opcodes.js'

/** fuse_init_in's fields. */
interface InitOffer {
  readonly major: number
  readonly minor: number
  readonly maxReadahead: number
  readonly flags: number
  readonly flags2: number
}

/** What the mount wants for file data. */
export interface DataChoices {
  /** Reads and writes go to the layer's file, where the kernel has that; how deep filesystems may be stacked. */
  readonly passthrough: boolean
  readonly stackDepth: 1 | 2
  /** Without passthrough: the kernel gathers writes in its page cache. */
  readonly writeback: boolean
}

/** What INIT agreed on about file data. */
interface DataModeAgreed {
  readonly passthrough: boolean
  /** OPEN and CREATE are declined, once each. */
  readonly noOpen: boolean
  readonly writeback: boolean
}

/** What the mount chooses. */
export interface InitChoices {
  /** What is wanted of the data modes. */
  readonly data: DataChoices
  /** Kernel-side POSIX ACL checks. */
  readonly acl: boolean
  /** `auto`: the kernel decides per listing whether attributes come along. */
  readonly readdirplus: 'on' | 'auto' | 'off'
  /** Files are opened with FOPEN_DIRECT_IO: shared mappings of them must then be allowed expressly. */
  readonly directIo: boolean
  /** Largest WRITE and READ in bytes, as the buffers allow. */
  readonly maxWrite: number
  /** The kernel's page size in bytes. */
  readonly pageSize: number
  /** A kernel overlay lies above, and is to keep no file handles. */
  readonly overlaid?: boolean | undefined
  /** The mount outlives its process: unanswered requests are to come again then. */
  readonly resends?: boolean | undefined
}

/** What init_out says. */
export interface InitAnswer {
  readonly major: number
  readonly minor: number
  readonly maxReadahead: number
  readonly flags: number
  readonly flags2: number
  readonly maxBackground: number
  readonly congestionThreshold: number
  readonly maxWrite: number
  readonly timeGran: number
  readonly maxPages: number
  /** 0 where nothing is passed through. */
  readonly maxStackDepth: number
}

/** The most pages a request may span (FUSE_MAX_MAX_PAGES): 1 MiB in pages of 4 KiB. */
const MAX_PAGES = 256

/** Requests the kernel keeps under way without a waiting process (readahead), and where it starts to hold back. */
const MAX_BACKGROUND = 64
const CONGESTION_THRESHOLD = 48

/** The flags wanted in every mount. */
const ALWAYS =
  InitFlag.ASYNC_READ |
  InitFlag.BIG_WRITES |
  InitFlag.DONT_MASK |
  InitFlag.HAS_IOCTL_DIR |
  InitFlag.PARALLEL_DIROPS |
  InitFlag.MAX_PAGES |
  InitFlag.CACHE_SYMLINKS |
  InitFlag.NO_OPENDIR_SUPPORT |
  InitFlag.EXPLICIT_INVAL_DATA |
  InitFlag.HANDLE_KILLPRIV_V2 |
  InitFlag.SETXATTR_EXT |
  InitFlag.INIT_EXT

/** The agreement, or -EINVAL for a kernel that cannot be served. */
export function negotiate(offer: InitOffer, choices: InitChoices): InitAnswer | number {
  if (offer.major < FUSE_KERNEL_VERSION) return -Errno.EINVAL
  if (offer.major > FUSE_KERNEL_VERSION) return otherMajor()
  if (offer.minor < FUSE_OLDEST_MINOR_VERSION) return -Errno.EINVAL
  const data = agreedData(offer, choices.data)
  const flags = wantedFlags(choices, data) & offer.flags
  const pages = Math.min(MAX_PAGES, Math.floor(choices.maxWrite / choices.pageSize))
  return {
    major: FUSE_KERNEL_VERSION,
    minor: Math.min(offer.minor, FUSE_KERNEL_MINOR_VERSION),
    maxReadahead: offer.maxReadahead,
    flags,
    flags2: flags & InitFlag.INIT_EXT ? wantedFlags2(choices, data) & offer.flags2 : 0,
    maxBackground: MAX_BACKGROUND,
    congestionThreshold: CONGESTION_THRESHOLD,
    maxWrite: choices.maxWrite,
    timeGran: 1,
    maxPages: flags & InitFlag.MAX_PAGES ? pages : 0,
    maxStackDepth: data.passthrough ? choices.data.stackDepth : 0,
  }
}

function agreedData(offer: InitOffer, wanted: DataChoices): DataModeAgreed {
  const extended = (offer.flags & InitFlag.INIT_EXT) !== 0
  const passthrough = wanted.passthrough && extended && (offer.flags2 & InitFlag2.PASSTHROUGH) !== 0
  const writeback = !passthrough && wanted.writeback && (offer.flags & InitFlag.WRITEBACK_CACHE) !== 0
  return { passthrough, writeback, noOpen: !passthrough && (offer.flags & InitFlag.NO_OPEN_SUPPORT) !== 0 }
}

const TERMS = [
  'major',
  'minor',
  'maxReadahead',
  'flags',
  'flags2',
  'maxBackground',
  'congestionThreshold',
  'maxWrite',
  'timeGran',
  'maxPages',
  'maxStackDepth',
] as const

/** An agreement as numbers, and back. */
export function termsOf(answer: InitAnswer): number[] {
  return TERMS.map((name) => answer[name])
}

export function answerOf(terms: readonly number[]): InitAnswer {
  return Object.fromEntries(TERMS.map((name, at) => [name, terms[at]!])) as unknown as InitAnswer
}

/** What an agreement means for file data. */
export function dataTerms(answer: InitAnswer): DataModeAgreed {
  return {
    passthrough: (answer.flags2 & InitFlag2.PASSTHROUGH) !== 0,
    noOpen: (answer.flags & InitFlag.NO_OPEN_SUPPORT) !== 0,
    writeback: (answer.flags & InitFlag.WRITEBACK_CACHE) !== 0,
  }
}

function wantedFlags(choices: InitChoices, data: DataModeAgreed): number {
  let flags: number = ALWAYS
  flags |= data.noOpen ? InitFlag.NO_OPEN_SUPPORT : InitFlag.ATOMIC_O_TRUNC
  if (data.writeback) flags |= InitFlag.WRITEBACK_CACHE
  if (choices.acl) flags |= InitFlag.POSIX_ACL
  if (choices.readdirplus !== 'off') flags |= InitFlag.DO_READDIRPLUS
  if (choices.readdirplus === 'auto') flags |= InitFlag.READDIRPLUS_AUTO
  return flags
}

function wantedFlags2(choices: InitChoices, data: DataModeAgreed): number {
  const handles = choices.overlaid ? InitFlag2.NO_EXPORT_SUPPORT : 0
  const mapped = choices.directIo ? InitFlag2.DIRECT_IO_ALLOW_MMAP : 0
  const resends = choices.resends ? InitFlag2.HAS_RESEND : 0
  return handles | mapped | resends | (data.passthrough ? InitFlag2.PASSTHROUGH : 0)
}

/** A newer major: name ours and wait; the kernel then sends a second INIT that speaks it. */
function otherMajor(): InitAnswer {
  return {
    major: FUSE_KERNEL_VERSION,
    minor: FUSE_KERNEL_MINOR_VERSION,
    maxReadahead: 0,
    flags: 0,
    flags2: 0,
    maxBackground: 0,
    congestionThreshold: 0,
    maxWrite: 0,
    timeGran: 0,
    maxPages: 0,
    maxStackDepth: 0,
  }
}
