/** Why a mount's layers cannot be changed now. */
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import type { Union } from './context/union.js'
import { placeFilled } from './copy-up/filling.js'

/** A file that is still being copied up lies nowhere yet: in no snapshot, and in nothing that can be gone back from. */
export function unsettled(u: Union): StratafsError | null {
  const isOnWay = placeFilled(u)
  const [node] = u.filling
  if (node === undefined && !isOnWay) return null
  const fault = `${shown(node?.name ?? 'a file')} is still being copied up`
  return new StratafsError(fault, 'IN_USE', 'try again, or see the log for why it cannot be')
}
