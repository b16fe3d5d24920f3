/**
 * `stratafs mount` read without yargs, which takes longer to load than a mount to make: its options in their plain
 * spellings, each but `--lower` and `-o` once. Whatever could mean something else to yargs is left to it. Pure.
 */
import type { MountArguments } from './mount-request.js'

/** Those with a value. */
const OPTIONS = ['--lower', '--upper', '--work', '-o', '--log', '--log-file', '--transport'] as const
type Option = (typeof OPTIONS)[number]

/** The arguments after `mount`, latin1; null where yargs has to read them. */
export function readMountWords(words: readonly string[]): MountArguments | null {
  const given = new Map<Option, string[]>()
  const merged: string[] = []
  let acceptLimits = false
  const rest = [...words]
  while (rest.length > 0) {
    const word = rest.shift() as string
    if (word === '--accept-limits') acceptLimits = true
    else if (word.startsWith('-')) {
      if (!takeOption(given, word, rest)) return null
    } else merged.push(word)
  }
  const [mountpoint, ...others] = merged
  if (mountpoint === undefined || others.length > 0 || !isPlain(mountpoint)) return null
  return collect(given, mountpoint, acceptLimits)
}

/** Puts the value of the option `word` into `given`: from the word itself, or from `rest`. */
function takeOption(given: Map<Option, string[]>, word: string, rest: string[]): boolean {
  const { option, value = rest.shift() } = split(word)
  if (!isOption(option) || value === undefined || !isPlain(value)) return false
  given.set(option, [...(given.get(option) ?? []), value])
  return true
}

function isOption(word: string): word is Option {
  return (OPTIONS as readonly string[]).includes(word)
}

function split(word: string): { readonly option: string; readonly value?: string } {
  if (/^-o./s.test(word)) return { option: '-o', value: word.slice(2) }
  const at = word.indexOf('=')
  return at < 0 ? { option: word } : { option: word.slice(0, at), value: word.slice(at + 1) }
}

/** Not empty, not an option's name, and no word that yargs takes for the value of a flag. */
function isPlain(value: string): boolean {
  return value !== '' && !value.startsWith('-') && value !== 'true' && value !== 'false'
}

function collect(given: Map<Option, string[]>, merged: string, acceptLimits: boolean): MountArguments | null {
  const one = (option: Option) => given.get(option)?.at(-1)
  const transport = one('--transport')
  if (transport !== undefined && transport !== 'dev-fuse' && transport !== 'fuse-native') return null
  const log = one('--log')
  if (log !== undefined && log !== 'journal') return null
  for (const [option, values] of given) if (option !== '--lower' && option !== '-o' && values.length > 1) return null
  return {
    merged,
    lowers: given.get('--lower') ?? [],
    upper: one('--upper'),
    work: one('--work'),
    options: given.get('-o') ?? [],
    foreground: false,
    trace: false,
    logFile: one('--log-file'),
    ...(log === undefined ? {} : { log }),
    transport,
    acceptLimits,
  }
}
