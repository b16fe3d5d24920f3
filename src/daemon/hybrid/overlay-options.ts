/** The options of the kernel overlay of engine=hybrid, from those of the mount. Pure. */
import { USER_MARKS } from '../../layers/marks.js'
import type { UnionConfig } from '../../union/context/config.js'

/**
 * Key and value; a word alone is true by being there. `prefix`: the marks'. `index`: the kernel keeps hard links of
 * lower files together, which a lower with file handles allows.
 */
export function overlayOptions(config: UnionConfig, prefix: string, index = false): [string, string?][] {
  const steps: [string, string?][] = [['xino', config.xino === 'off' ? 'off' : 'on']]
  if (prefix === USER_MARKS) steps.push(['userxattr'])
  else steps.push(['redirect_dir', config.redirectDir], ['metacopy', config.metacopy ? 'on' : 'off'])
  if (config.upper === null) return steps
  steps.push(['index', index ? 'on' : 'off'])
  if (config.verity) steps.push(['verity', 'on'])
  if (config.volatile) steps.push(['volatile'])
  else if (config.strictSync) steps.push(['fsync', 'strict'])
  return steps
}
