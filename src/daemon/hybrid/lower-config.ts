/** What the union below a kernel overlay is made of: it writes nothing, and leaves content to the overlay. Pure. */
import type { UnionConfig } from '../../union/context/config.js'
import type { DataRoots } from './data-roots.js'

export function lowerConfig(config: UnionConfig, { view }: DataRoots): UnionConfig {
  const avoid = [config.upper, config.work].filter((path) => path !== null)
  return {
    ...config,
    upper: null,
    work: null,
    readonly: true,
    data: 'cached',
    verity: false,
    avoid,
    metadata: view,
  }
}
