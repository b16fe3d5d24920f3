/**
 * One history in a process of its own. Arguments: an empty directory, the seed, the steps, and what kind of mount: as
 * root `passthrough` or `cached`, or `user`, in a user namespace.
 */
import { runHistory } from './history.js'

const [at = '', given = '1', steps = '120', kind = 'user'] = process.argv.slice(2)
const seed = Number(given)
const length = { seed, steps: Number(steps) }
if (kind === 'user') {
  // Directories that a snapshot holds are lower ones: without redirects they cannot be renamed.
  const options = 'redirect_dir=on,allow_root'
  await runHistory(at, { ...length, data: 'cached', root: false, options })
} else {
  const options = seed % 3 === 0 ? { options: 'metacopy=on' } : {}
  await runHistory(at, { ...length, data: kind === 'cached' ? kind : 'passthrough', root: true, ...options })
}
