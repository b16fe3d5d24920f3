/**
 * One load in a process of its own. Arguments: an empty directory, the seconds, the seed, and `passthrough`, `cached`
 * or `user` (in a user namespace). Prints its result as JSON.
 */
import { load } from './load.js'

const [at = '', seconds = '10', seed = '1', kind = 'cached'] = process.argv.slice(2)
const data = kind === 'passthrough' ? kind : 'cached'
const options = kind === 'user' ? { options: 'redirect_dir=on,allow_root' } : {}
console.log(JSON.stringify(await load(at, { seconds: Number(seconds), seed: Number(seed), data, ...options })))
