/** The end of the owner index of a mount in use: it is about other layers. The change log, which it carries, goes on. */
import { indexOnOtherLayers } from './config.js'
import type { Union } from './union.js'

export function leaveIndex(u: Union): void {
  if (indexOnOtherLayers(u.config) === 'log') u.lowerIndex?.leaveToLog()
  else u.lowerIndex?.close()
  u.lowerIndex = null
}
