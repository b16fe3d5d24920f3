/** How the mount-program form is used, for `--help` and for the man page of mount(8)'s helper. */

export const SYNOPSIS = '[-f] [-d] -o lowerdir=DIR[:DIR…][,upperdir=DIR,workdir=DIR][,OPTION…] [SOURCE] MERGED'

export const ABOUT = 'Mounts the merged directory on MERGED and goes to the background once it answers.'

export const FLAGS: readonly (readonly [flag: string, about: string])[] = [
  ['-f', 'stay in the foreground (mount.* names: check the options only, as mount(8) means it)'],
  ['-d', 'stay in the foreground and tell every request in one line'],
  ['-V', 'versions'],
]

export const EXAMPLE = '-o lowerdir=/layers/app:/layers/base,upperdir=/data/upper,workdir=/data/work /merged'

/** The text of `NAME --help`. */
export function programUsage(name: string): string {
  const flags = FLAGS.map(([flag, about]) => `  ${flag}  ${about}\n`).join('')
  return `usage: ${name} ${SYNOPSIS}\n\n${ABOUT}\n${flags}\nexample: ${name} ${EXAMPLE}\n`
}
