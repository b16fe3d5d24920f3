/**
 * A kernel for tests of the session: puts requests into its buffer, hands the reply back taken apart. What it moves for
 * READ and WRITE goes through a port that stands for the transport's.
 */
import type { DataPort } from '../../src/operations/contract.js'
import type { SessionConfig } from '../../src/session/context.js'
import { Session } from '../../src/session/session.js'
import { type Field, type Header, parseReply, type Reply, request, u32 } from '../protocol/messages.js'
import { FakeOperations } from './fake-operations.js'

const CONFIG: SessionConfig = {
  entryTimeout: 60,
  attrTimeout: 30,
  negativeTimeout: 10,
  acl: true,
  directIo: false,
  readdirplus: 'on',
  data: { passthrough: false, stackDepth: 1, writeback: false },
}

const BUFFER = (1 << 20) + 4096

export class SyntheticKernel {
  readonly operations = new FakeOperations()
  readonly request = new ArrayBuffer(BUFFER)
  readonly reply = new ArrayBuffer(BUFFER)
  readonly session: Session
  readonly faults: Array<{ error: unknown; request: string }> = []
  readonly written: string[] = []

  constructor(config: Partial<SessionConfig> = {}) {
    new Uint8Array(this.reply).fill(0xaa)
    const port: DataPort = {
      read: (_fd, length) => {
        new Uint8Array(this.reply).fill(0x64, 16, 16 + length)
        return length
      },
      write: (_fd, length) => {
        this.written.push(Buffer.from(this.request, 80, length).toString('latin1'))
        return length
      },
    }
    this.session = new Session({
      operations: this.operations,
      request: this.request,
      reply: this.reply,
      port,
      config: { ...CONFIG, ...config },
      fault: (error, text) => this.faults.push({ error, request: text }),
    })
  }

  /** Hands over bytes as they are; the reply's length. */
  raw(bytes: Uint8Array): number {
    new Uint8Array(this.request).set(bytes)
    return this.session.handle(bytes.length)
  }

  /** Sends a request; its reply, or null where none came. */
  send(header: Header, ...fields: Field[]): Reply | null {
    const length = this.raw(request(header, ...fields))
    return length === 0 ? null : parseReply(this.reply, length)
  }

  /** As `send`, where a reply has to come. */
  ask(header: Header, ...fields: Field[]): Reply {
    const reply = this.send(header, ...fields)
    if (reply === null) throw new Error(`no reply to opcode ${header.opcode}`)
    return reply
  }

  /** INIT as a kernel of 7.`minor` sends it. */
  init(minor: number, flags: number, flags2 = 0): Reply {
    const head = [u32(7), u32(minor), u32(131072), u32(flags)]
    const tail = minor >= 36 ? [u32(flags2), new Uint8Array(44)] : []
    return this.ask({ opcode: 26, nodeid: 0 }, ...head, ...tail)
  }

  /** INIT of the newest kernel. */
  initNewest(): Reply {
    return this.init(45, 0x73fffffb, 0x5fd)
  }
}
