/** Forgets the rows of a layer that is about to be removed: nobody would ever ask for them again. */
import { rmSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'
import { defaultPrefix } from '../../layers/marks.js'
import { LowerStack } from '../../stack/lower-stack.js'
import { layerRowsPath } from './layer-file.js'

/** Of the layer `path`, absolute, latin1; nothing happens where it cannot be opened, or has none. */
export function dropLayerRows(path: string): void {
  const prefix = defaultPrefix(null)
  const stack = LowerStack.open({ lowers: [path], prefix, redirectDir: 'on' })
  if (!(stack instanceof LowerStack)) return
  try {
    rmSync(pathBytes(layerRowsPath(stack.lowers[0]!, prefix)), { force: true })
  } finally {
    stack.close()
  }
}
