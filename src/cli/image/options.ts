/**
 * How what the image commands take is described. Apart from what reads it, since every command describes all others.
 */

/** How the positional is described. */
export const REFERENCE = {
  type: 'string',
  demandOption: true,
  describe: 'LAYOUT:TAG, an image in an OCI layout; LAYOUT alone where it holds one',
} as const

export const STORE = {
  type: 'string',
  requiresArg: true,
  describe: 'the store of unpacked layers [STRATAFS_STORE, /var/lib/stratafs, ~/.local/share/stratafs]',
} as const

export const PLATFORM = {
  type: 'string',
  requiresArg: true,
  describe: 'of an image for several: linux/arm64, linux/amd64/v3 [this machine’s, the plain one]',
} as const
