/**
 * What every row of the opcode table works with: the request and reply in view, the operations behind, the mount's
 * choices, and the scratch that carries an answer from `run` to `encode`. One per session, reused for each request.
 */
import type { Caller, DataPort, EntrySink, Operations } from '../operations/contract.js'
import { DirectoryList } from '../protocol/directory.js'
import type { DataChoices, InitAnswer } from '../protocol/init.js'
import { type Validity, validity } from '../protocol/replies.js'
import { ReplyBuffer } from '../protocol/reply-buffer.js'
import { RequestBuffer } from '../protocol/request-buffer.js'

/** What the mount chooses for its session. Timeouts in seconds; fractions and Infinity are allowed. */
export interface SessionConfig {
  /** How long the kernel may believe a name's nodeid. */
  readonly entryTimeout: number
  /** How long it may believe attributes. */
  readonly attrTimeout: number
  /** How long it may believe that a name is absent; 0: not at all. */
  readonly negativeTimeout: number
  /** POSIX ACLs are checked by the kernel. */
  readonly acl: boolean
  /** Every open file bypasses the page cache (FOPEN_DIRECT_IO). */
  readonly directIo: boolean
  readonly readdirplus: 'on' | 'auto' | 'off'
  /** What is wanted for file data; a plain mount wants nothing. */
  readonly data: DataChoices
  /** The kernel's page size in bytes; 4096 where nothing else is known. */
  readonly pageSize?: number
  /** Told what INIT has agreed on, before the kernel is. */
  readonly agreed?: ((answer: InitAnswer) => void) | undefined
  /** What was read and not answered is asked for again, should this process die. */
  readonly resends?: boolean | undefined
  /** A kernel overlay lies above. */
  readonly overlaid?: boolean | undefined
}

/** The largest WRITE and READ asked for, in bytes, where the buffers hold that much. */
const MAX_WRITE = 1 << 20

/** What a request buffer holds beside a WRITE's bytes: headers, rounded up to a page. */
const REQUEST_HEADROOM = 4096

const NOT_AT_ALL = validity(0)

export class Context {
  readonly request: RequestBuffer
  readonly reply: ReplyBuffer
  operations: Operations
  readonly port: DataPort
  readonly config: SessionConfig
  readonly entryValid: Validity
  readonly attrValid: Validity
  readonly negativeValid: Validity
  /** Largest body of a WRITE or READ, as told to the kernel. */
  readonly maxWrite: number
  readonly caller: Caller = { uid: 0, gid: 0, pid: 0, umask: 0 }
  readonly list: DirectoryList
  /** Where a READDIR's and a READDIRPLUS's entries go: into `list`. */
  readonly namesSink: EntrySink
  readonly plusSink: EntrySink
  /** What INIT agreed on; null before. */
  agreed: InitAnswer | null = null
  /** The nodeid the request is about. */
  nodeid = 0

  constructor(request: ArrayBuffer, reply: ArrayBuffer, operations: Operations, port: DataPort, config: SessionConfig) {
    this.request = new RequestBuffer(request)
    this.reply = new ReplyBuffer(reply)
    this.operations = operations
    this.port = port
    this.config = config
    this.entryValid = validity(config.entryTimeout)
    this.attrValid = validity(config.attrTimeout)
    this.negativeValid = validity(config.negativeTimeout)
    this.list = new DirectoryList(this.reply)
    this.namesSink = { add: (name, cookie, ino, type) => this.list.add(name, cookie, ino, type) }
    this.plusSink = { add: (name, cookie, ino, type, nodeid) => this.#addPlus(name, cookie, ino, type, nodeid) }
    this.maxWrite = Math.min(MAX_WRITE, request.byteLength - REQUEST_HEADROOM, this.reply.room)
  }

  #addPlus(name: string, cookie: number, ino: number, type: number, nodeid: number): boolean {
    const attr = nodeid > 0 ? this.operations.attr : null
    return this.list.addPlus(name, cookie, ino, type, nodeid, attr, this.entryValid, this.attrValidNow)
  }

  /** How long the kernel may believe the attributes that are being answered. */
  get attrValidNow(): Validity {
    return this.operations.attr.lasting ? this.attrValid : NOT_AT_ALL
  }

  /** True when INIT agreed on `flag` (InitFlag). */
  agreedOn(flag: number): boolean {
    return this.agreed !== null && (this.agreed.flags & flag) !== 0
  }

  /** The caller of the request in view, with the umask it carried. The same object each time. */
  callerWith(umask: number): Caller {
    const caller = this.caller
    caller.uid = this.request.uid
    caller.gid = this.request.gid
    caller.pid = this.request.pid
    caller.umask = umask
    return caller
  }
}
