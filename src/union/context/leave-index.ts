/** The end of a mount's owner index, which is about other layers from now on. Its change log goes on. */
import { indexOnOtherLayers } from '../../snapshots/other-layers.js'
import type { Union } from './union.js'

export function leaveIndex(u: Union): void {
  if (indexOnOtherLayers(u.config) === 'log') u.lowerIndex?.leaveToLog()
  else u.lowerIndex?.close()
  u.lowerIndex = null
}
