/**
 * What a caller is told when a call fails: gRPC's code says which of containerd's kinds of error it is, and containerd
 * goes by that. A differ that says UNIMPLEMENTED is passed over for the next one.
 */
import { status } from '@grpc/grpc-js'
import { type FailureCode, StratafsError } from '../../base/failure.js'

/** A call that cannot be done, in containerd's kinds. */
export class Refusal extends Error {
  override readonly name = 'Refusal'

  constructor(
    readonly code: status,
    message: string,
  ) {
    super(message)
  }
}

export const notFound = (what: string) => new Refusal(status.NOT_FOUND, `${what}: not found`)
export const alreadyThere = (what: string) => new Refusal(status.ALREADY_EXISTS, `${what}: already exists`)
export const unfit = (what: string) => new Refusal(status.FAILED_PRECONDITION, what)
export const invalid = (what: string) => new Refusal(status.INVALID_ARGUMENT, what)
export const notOurs = (what: string) => new Refusal(status.UNIMPLEMENTED, what)

const CODES: Partial<Record<FailureCode, status>> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  EXISTS: status.ALREADY_EXISTS,
  IN_USE: status.FAILED_PRECONDITION,
  DAMAGED: status.FAILED_PRECONDITION,
  CHANGED_MEANWHILE: status.UNAVAILABLE,
}

/** What goes to the caller; `isOurs`: nothing that was expected. */
export function statusOf(error: unknown): { code: status; details: string; isOurs: boolean } {
  if (error instanceof Refusal) return { code: error.code, details: error.message, isOurs: false }
  if (error instanceof StratafsError)
    return { code: CODES[error.code] ?? status.UNKNOWN, details: error.message, isOurs: false }
  // Of the service that was asked in turn.
  const { code, details } = error as { code?: unknown; details?: unknown }
  if (typeof code === 'number' && typeof details === 'string') return { code, details, isOurs: false }
  return { code: status.INTERNAL, details: error instanceof Error ? error.message : String(error), isOurs: true }
}
