import type { Native } from '../../native-bindings/index.js'
export function nodeNative(): Native {
  throw new Error('not yet')
}
