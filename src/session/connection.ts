/** Requests about the connection itself: INIT, INTERRUPT, DESTROY. */
import { InitFlag } from '../protocol/flags.js'
import { dataTerms, type InitAnswer, negotiate } from '../protocol/init.js'
import type * as requests from '../protocol/requests-data.js'
import type { Context } from './context.js'

const USUAL_PAGE = 4096

export function init(context: Context, args: typeof requests.init.args): number {
  const { acl, readdirplus, directIo, data, overlaid, resends, pageSize = USUAL_PAGE } = context.config
  const { maxWrite } = context
  const choices = { acl, readdirplus, directIo, data, maxWrite, pageSize, overlaid, resends }
  const answer = negotiate(args, choices)
  if (typeof answer === 'number') return answer
  agree(context, answer)
  context.config.agreed?.(answer)
  return 0
}

function agree(context: Context, answer: InitAnswer): void {
  context.agreed = answer
  context.request.extendedSetxattr = context.agreedOn(InitFlag.SETXATTR_EXT)
  // A kernel that is asked to speak another version sends a second INIT.
  if (answer.maxWrite > 0) context.operations.begin(dataTerms(answer))
}

/** What was agreed on with another process holds on. */
export function resumeTerms(context: Context, answer: InitAnswer): void {
  agree(context, answer)
}

/** Every operation has ended before the next request is read: there is never one left to interrupt. */
export function interrupt(): number {
  return 0
}

export function destroy(): number {
  return 0
}
