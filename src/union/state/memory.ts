/**
 * What a new process needs to serve a mount on and cannot read from the disk, in memory that outlives this one: a
 * memfd, which the keeper holds, too. It is written in place as the engine goes. A change is whole or has not happened:
 * whatever says that something is there is written last. The kernel ends a process between two instructions, so what a
 * thread has stored is there in the order in which it was stored.
 *
 * Layout: header @0 (numbers here, the journal's in journal.ts) · counts to take back @64 KiB · text @192 KiB ·
 * request buffer @2 MiB · FORGETs behind it (forgets.ts) · slots @4 MiB (slots.ts).
 */
import { native } from '../../syscalls/native.js'

const KIB = 1024
const HEADER_BYTES = 64 * KIB
const LOG_AT = HEADER_BYTES
const LOG_BYTES = 128 * KIB
const TEXT_AT = LOG_AT + LOG_BYTES
const TEXT_BYTES = (2048 * KIB - TEXT_AT) / 2
const REQUEST_AT = 2048 * KIB
/** The largest WRITE with its headers, in whole pages. */
const REQUEST_BYTES = 1028 * KIB
export const SLOTS_AT = 4096 * KIB
/** FORGETs that wait to be carried out (forgets.ts). */
export const FORGETS_AT = REQUEST_AT + REQUEST_BYTES
export const FORGETS_BYTES = SLOTS_AT - FORGETS_AT

const MAGIC = 0x73667374
/** Of all that is laid out here, in journal.ts, slots.ts and in the text; formats.ts knows those before. */
export const STATE_FORMAT = 3

/** Words of the header. */
export const Word = {
  MAGIC: 0,
  FORMAT: 1,
  /** Slots that have ever been used. */
  SLOTS: 2,
  /** Rises with each slot that is written anew. */
  SEQUENCE: 3,
  TEXT_LENGTH: 6,
  /** INIT has been agreed on. */
  AGREED: 7,
  LAST_BACKING: 8,
  /** Which of two places has the limit; 0: the mount has what it was made with. */
  LIMIT: 9,
  /** Slots up to this number in SEQUENCE are of a tree that is no more. */
  VOID: 10,
  /** 1: what the kernel remembers may be of another tree, and it is to be told so. */
  TELL: 11,
  /** 1: somebody is about to have all become void. */
  RESTORING: 14,
  /** Which of two places has the text, 0 or 1. */
  TEXT_PLACE: 12,
  /** Its length in the second one. */
  OTHER_LENGTH: 13,
  /** Slots with SHADOW count where this is one more than TEXT_PLACE. */
  SHADOWS: 15,
} as const

/** Doubles of the header: the next nodeid, and INIT's terms. */
const NEXT_ID = 2
const TERMS = 64
/** Two places of two: size in bytes, inodes. */
const LIMITS = 54

export class StateMemory {
  readonly words: Uint32Array
  readonly doubles: Float64Array
  readonly bytes: Buffer
  readonly log: Uint32Array
  /** Where requests are read into. */
  readonly request: ArrayBuffer

  private constructor(
    readonly fd: number,
    header: ArrayBuffer,
    log: ArrayBuffer,
    request: ArrayBuffer,
  ) {
    this.words = new Uint32Array(header)
    this.doubles = new Float64Array(header)
    this.bytes = Buffer.from(header)
    this.log = new Uint32Array(log)
    this.request = request
  }

  /** Maps the memfd `fd`, which stays the caller's; or -errno. */
  static map(fd: number): StateMemory | number {
    const header = native.mapShared(fd, 0, HEADER_BYTES)
    const log = native.mapShared(fd, LOG_AT, LOG_BYTES)
    const request = native.mapShared(fd, REQUEST_AT, REQUEST_BYTES)
    if (typeof header === 'number') return header
    if (typeof log === 'number') return log
    return typeof request === 'number' ? request : new StateMemory(fd, header, log, request)
  }

  /** Of a memfd that was just made. */
  begin(): void {
    this.words[Word.FORMAT] = STATE_FORMAT
    this.doubles[NEXT_ID] = 1
    this.words[Word.MAGIC] = MAGIC
  }

  /** Null: nothing was ever written. */
  get format(): number | null {
    return this.words[Word.MAGIC] === MAGIC ? this.words[Word.FORMAT]! : null
  }

  /** As `stratafs limit` has said last; null: it never has. */
  get limit(): { readonly size: number; readonly inodes: number } | null {
    const place = this.words[Word.LIMIT]!
    const at = LIMITS + 2 * place
    return place === 0 ? null : { size: this.doubles[at]!, inodes: this.doubles[at + 1]! }
  }
  setLimit(size: number, inodes: number): void {
    const place = this.words[Word.LIMIT] === 1 ? 2 : 1
    this.doubles[LIMITS + 2 * place] = size
    this.doubles[LIMITS + 2 * place + 1] = inodes
    this.words[Word.LIMIT] = place
  }

  /** All that the kernel knows means nothing from now on. */
  voidAll(): void {
    this.words[Word.VOID] = this.words[Word.SEQUENCE]!
    this.words[Word.RESTORING] = 0
  }

  get nextId(): number {
    return this.doubles[NEXT_ID]!
  }
  set nextId(id: number) {
    this.doubles[NEXT_ID] = id
  }

  /** INIT's terms, in the order in which they were given; null before. */
  get terms(): readonly number[] | null {
    const count = this.words[Word.AGREED]!
    return count === 0 ? null : [...this.doubles.subarray(TERMS, TERMS + count)]
  }
  set terms(values: readonly number[]) {
    this.doubles.set(values, TERMS)
    this.words[Word.AGREED] = values.length
  }

  /** What the mount is made from, as text; another one takes its place with one store. False: it is too long. */
  setText(text: string): boolean {
    const bytes = Buffer.from(text)
    const { words } = this
    const place = words[Word.TEXT_LENGTH] === 0 ? 0 : 1 - words[Word.TEXT_PLACE]!
    const mapped = bytes.length > TEXT_BYTES ? -1 : native.mapShared(this.fd, TEXT_AT + place * TEXT_BYTES, TEXT_BYTES)
    if (typeof mapped === 'number') return false
    Buffer.from(mapped).set(bytes)
    words[place === 0 ? Word.TEXT_LENGTH : Word.OTHER_LENGTH] = bytes.length
    words[Word.TEXT_PLACE] = place
    return true
  }

  get text(): string {
    const place = this.words[Word.TEXT_PLACE]!
    const length = this.words[place === 0 ? Word.TEXT_LENGTH : Word.OTHER_LENGTH]
    const mapped = native.mapShared(this.fd, TEXT_AT + place * TEXT_BYTES, TEXT_BYTES)
    return typeof mapped === 'number' ? '' : Buffer.from(mapped).toString('utf8', 0, length)
  }
}
