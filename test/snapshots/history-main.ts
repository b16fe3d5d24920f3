/**
 * One history in a process of its own. Arguments: an empty directory, the seed, the steps, and what kind of mount: as
 * root `passthrough` or `cached`, or `user`, in a user namespace.
 */
import { runHistory } from './history.js'

const [at = '', given = '1', steps = '120', kind = 'user'] = process.argv.slice(2)
const seed = Number(given)
const length = { seed, steps: Number(steps) }
// Every other one has a limit that it does not reach, and a change log.
const counted = seed % 2 === 0 ? ['size=1G,changelog=1'] : []
if (kind === 'user') {
  // Directories that a snapshot holds are lower ones: without redirects they cannot be renamed.
  const options = ['redirect_dir=on,allow_root', ...counted].join(',')
  await runHistory(at, { ...length, data: 'cached', root: false, options })
} else {
  const words = [...(seed % 3 === 0 ? ['metacopy=on'] : []), ...counted].join(',')
  const options = words === '' ? {} : { options: words }
  await runHistory(at, { ...length, data: kind === 'cached' ? kind : 'passthrough', root: true, ...options })
}
