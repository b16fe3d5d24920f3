/**
 * How what the image commands take is described. Apart from what reads it, since every command describes all others.
 */
export { PLATFORM, REFERENCE } from '../contents/options.js'

export const STORE = {
  type: 'string',
  requiresArg: true,
  describe: 'the store of unpacked layers [STRATAFS_STORE, /var/lib/stratafs, ~/.local/share/stratafs]',
} as const
