/**
 * One history in a process of its own, for users other than root. Arguments: an empty directory, the seed, the steps.
 */
import { runHistory } from './history.js'

const [at = '', seed = '1', steps = '120'] = process.argv.slice(2)
// Directories that a snapshot holds are lower ones: without redirects they cannot be renamed.
const options = 'redirect_dir=on,allow_root'
await runHistory(at, { seed: Number(seed), steps: Number(steps), data: 'cached', root: false, options })
