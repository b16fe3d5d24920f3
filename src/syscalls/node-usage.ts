/** What an upper takes up is counted by the addon alone: a mount with a limit is refused without it. */
import type { Native } from '../../native-bindings/index.js'
import { Errno } from '../base/errno.js'
import { refuse } from './node-paths.js'

type Counting = Pick<
  Native,
  | 'usageOpen'
  | 'usageClose'
  | 'usageLimit'
  | 'usageTake'
  | 'usageSet'
  | 'usageDrop'
  | 'usageNote'
  | 'usageFreed'
  | 'usageSettled'
  | 'usageTotals'
  | 'usageEntries'
  | 'usageLoad'
  | 'usageGuess'
  | 'usageFits'
  | 'usageWalk'
  | 'usageSeen'
  | 'usageWalked'
>

const refused = refuse(Errno.EOPNOTSUPP)
const none = refuse(Errno.ENOENT)

export const counting: Counting = {
  usageOpen: refused,
  usageClose: refused,
  usageLimit: refused,
  usageTake: refused,
  usageSet: refused,
  usageDrop: refused,
  usageNote: refused,
  usageFreed: refused,
  usageSettled: refused,
  usageTotals: refused,
  usageEntries: refused,
  usageLoad: refused,
  usageGuess: refused,
  usageFits: refused,
  usageWalk: refused,
  usageSeen: none,
  usageWalked: none,
}
