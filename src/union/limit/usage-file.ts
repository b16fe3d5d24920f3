/**
 * `usage` in the workdir: what the upper took up when the mount ended, inode by inode, so that the next one need not
 * walk through it. While a mount is up the file says that it is, and how much there is at most: after a kill that is
 * what counts until a walk has counted anew. It is believed only where nobody used the workdir since.
 *
 * 128 bytes: magic @0 · u32 version @8 · u32 state @12 (1 in use, 2 complete) · f64 count @16 · f64 bytes at most @24 ·
 * f64 inodes at most @32 · f64 sum of sectors @40 · boot id @48 (36 bytes) · f64 inode, ctime and its nanoseconds of
 * `work/` @88. Then three f64 for each inode: low and high half of its number, sectors. All little-endian.
 */
import { readFileSync } from 'node:fs'
import { stampOf, type Workdir } from '../../layers/workdir.js'
import { O_CREAT, O_NOFOLLOW, O_RDWR } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'

const NAME = 'usage'
const MAGIC = 'STRATUSE'
const VERSION = 1
const IN_USE = 1
const COMPLETE = 2
const HEAD = 128
const PER_INODE = 3
const BYTES_PER_INODE = PER_INODE * 8
/** An upper of so many inodes is counted anew: more is not read in one piece. */
const MOST = 16_000_000

/** What is known of an upper when its mount begins. */
export interface KnownUsage {
  /** What is there at most, in bytes and inodes; Infinity: nobody knows. */
  readonly guess: readonly [bytes: number, inodes: number]
  /** Every inode; null: they have to be counted. */
  readonly entries: Float64Array | null
}

export const UNKNOWN_USAGE: KnownUsage = { guess: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], entries: null }

/** Without a limit nobody keeps the file true. */
export function removeUsage(work: Workdir): void {
  native.unlinkat(work.baseFd, NAME, 0)
}

export class UsageFile {
  private constructor(private readonly file: OwnedFd) {}

  get fd(): number {
    return this.file.fd
  }

  /** -errno where it cannot be opened. */
  static open(work: Workdir): UsageFile | number {
    const fd = native.openat(work.baseFd, NAME, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    return fd < 0 ? fd : new UsageFile(new OwnedFd(fd))
  }

  /** `stamp`: the workdir's as it was found. */
  read(stamp: readonly number[]): KnownUsage {
    const head = Buffer.alloc(HEAD)
    if (native.pread(this.fd, head, 0, HEAD, 0) !== HEAD) return UNKNOWN_USAGE
    if (head.toString('latin1', 0, 8) !== MAGIC || head.readUInt32LE(8) !== VERSION) return UNKNOWN_USAGE
    if (head.readUInt32LE(12) === IN_USE) return guessOf(head)
    const same = stamp.length === 3 && stamp.every((number, at) => head.readDoubleLE(88 + at * 8) === number)
    const entries = same && head.readUInt32LE(12) === COMPLETE ? this.#entries(head) : null
    return entries === null ? UNKNOWN_USAGE : { guess: [0, 0], entries }
  }

  #entries(head: Buffer): Float64Array | null {
    const count = head.readDoubleLE(16)
    if (!(count >= 0 && count <= MOST)) return null
    const entries = new Float64Array(count * PER_INODE)
    const bytes = new Uint8Array(entries.buffer)
    if (native.pread(this.fd, bytes, 0, bytes.length, HEAD) !== bytes.length) return null
    return sumOf(entries) === head.readDoubleLE(40) ? entries : null
  }

  /** What is there is not written down any more; `bytes` and `inodes`: at most so many. */
  begin(bytes: number, inodes: number): void {
    const head = newHead(IN_USE)
    head.writeDoubleLE(bytes, 24)
    head.writeDoubleLE(inodes, 32)
    head.write(bootId(), 48, 'latin1')
    native.pwrite(this.fd, head, 0, HEAD, 0)
    native.ftruncate(this.fd, HEAD)
  }

  /** Everything has been counted, and nobody changes it any more. */
  complete(entries: Float64Array, work: Workdir, syncs: boolean): void {
    const head = newHead(COMPLETE)
    head.writeDoubleLE(entries.length / PER_INODE, 16)
    head.writeDoubleLE(sumOf(entries), 40)
    for (const [at, number] of stampOf(work.fd).entries()) head.writeDoubleLE(number, 88 + at * 8)
    const bytes = new Uint8Array(entries.buffer, 0, (entries.length / PER_INODE) * BYTES_PER_INODE)
    if (native.pwrite(this.fd, bytes, 0, bytes.length, HEAD) !== bytes.length) return
    // The head says that the rest is there.
    if (!syncs || native.fdatasync(this.fd) >= 0) native.pwrite(this.fd, head, 0, HEAD, 0)
  }

  close(): void {
    this.file.close()
  }
}

function newHead(state: number): Buffer {
  const head = Buffer.alloc(HEAD)
  head.write(MAGIC, 0, 'latin1')
  head.writeUInt32LE(VERSION, 8)
  head.writeUInt32LE(state, 12)
  return head
}

/** After a kill the file is as the mount left it; after a crash of the machine it may be older than the upper. */
function guessOf(head: Buffer): KnownUsage {
  if (head.toString('latin1', 48, 84) !== bootId()) return UNKNOWN_USAGE
  const [bytes, inodes] = [head.readDoubleLE(24), head.readDoubleLE(32)]
  return bytes >= 0 && inodes >= 0 ? { guess: [bytes, inodes], entries: null } : UNKNOWN_USAGE
}

function sumOf(entries: Float64Array): number {
  let sum = 0
  for (let at = 2; at < entries.length; at += PER_INODE) sum += entries[at]!
  return sum
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().padEnd(36).slice(0, 36)
  } catch {
    return ''.padEnd(36)
  }
}
