/**
 * A process that unmounts, for a daemon whose only thread serves the mount: `MOUNTPOINT` in hexadecimal, then `lazy` or
 * `now`; what `detach` answers goes to standard output as JSON.
 */
import { detach } from '../mount/mounter.js'

const [place = '', how] = process.argv.slice(2)
process.stdout.write(JSON.stringify(detach(Buffer.from(place, 'hex').toString('latin1'), how === 'lazy')))
