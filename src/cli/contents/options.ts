/**
 * How what the image commands take is described. Apart from what reads it, since every command describes all others.
 */

/** How the positional is described. */
export const REFERENCE = {
  type: 'string',
  demandOption: true,
  describe: 'LAYOUT:TAG, an image in an OCI layout; LAYOUT alone where it holds one',
} as const

export const PLATFORM = {
  type: 'string',
  requiresArg: true,
  describe: 'of an image for several: linux/arm64, linux/amd64/v3 [this machine’s, the plain one]',
} as const

export const JSON_OPTION = { type: 'boolean', describe: 'as JSON' } as const

/** Of commands that list: `fields` are the names of its columns. */
export function rowFormat(fields: string) {
  return {
    type: 'string',
    requiresArg: true,
    describe: `a line for each as docker’s --format has it, json, or "table TEMPLATE": ${fields}`,
  } as const
}
