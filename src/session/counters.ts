/**
 * Counts of requests and of errors by message, for `stats`. Plain slots by opcode, so that counting costs an addition;
 * opcodes beyond the table share slot 0, which no message has.
 */
import { opcodeNames } from '../protocol/opcodes.js'

const SLOTS = 64

/** One message's counts. */
interface Count {
  readonly requests: number
  /** Answers that were an error, expected ones (ENOENT, ENODATA) among them. */
  readonly errors: number
}

export class Counters {
  readonly #requests = new Float64Array(SLOTS)
  readonly #errors = new Float64Array(SLOTS)
  /** Throws that became EIO: bugs. */
  faults = 0
  /** Requests that contradicted themselves. */
  malformed = 0

  request(opcode: number): void {
    this.#requests[slot(opcode)]! += 1
  }

  error(opcode: number): void {
    this.#errors[slot(opcode)]! += 1
  }

  /** Counts by the kernel's name, of the messages that came; UNKNOWN for those without one. */
  byName(): Record<string, Count> {
    const result: Record<string, Count> = {}
    for (const [opcode, requests] of this.#requests.entries()) {
      const errors = this.#errors[opcode]!
      if (requests > 0) result[opcodeNames.get(opcode) ?? 'UNKNOWN'] = { requests, errors }
    }
    return result
  }
}

function slot(opcode: number): number {
  return opcodeNames.has(opcode) ? opcode : 0
}
