/** Requests about the connection itself: INIT, INTERRUPT, DESTROY. */
import { InitFlag } from '../protocol/flags.js'
import { dataTerms, negotiate } from '../protocol/init.js'
import type * as requests from '../protocol/requests-data.js'
import type { Context } from './context.js'

const USUAL_PAGE = 4096

export function init(context: Context, args: typeof requests.init.args): number {
  const { acl, readdirplus, directIo, data, overlaid, pageSize = USUAL_PAGE } = context.config
  const answer = negotiate(args, { acl, readdirplus, directIo, data, maxWrite: context.maxWrite, pageSize, overlaid })
  if (typeof answer === 'number') return answer
  context.agreed = answer
  context.request.extendedSetxattr = context.agreedOn(InitFlag.SETXATTR_EXT)
  // A kernel that is asked to speak another version sends a second INIT.
  if (answer.maxWrite > 0) context.operations.begin(dataTerms(answer))
  return 0
}

/** Every operation has ended before the next request is read: there is never one left to interrupt. */
export function interrupt(): number {
  return 0
}

export function destroy(): number {
  return 0
}
