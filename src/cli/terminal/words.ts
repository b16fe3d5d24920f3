/**
 * The arguments as yargs has to be given them, so that they mean what they mean to every other program: `--` ends the
 * options, `-` is standard input, `-oX` has its value with it, and `help COMMAND` is `COMMAND --help`. Pure.
 */

/** Of a bundle the words after its two directories are the command that runs in it. */
const BUNDLE_PLACES = 2
const BUNDLE_VALUES = ['--user']

/** `args` (latin1) for yargs. */
export function wordsForParser(args: readonly string[]): string[] {
  const asked = args[0] === '--' ? args.slice(1) : args
  if (asked[0] === 'help') return [...asked.slice(1).filter((word) => word !== '--'), '--help']
  const end = asked.indexOf('--')
  if (end < 0) return optionsOf(asked)
  const before = asked.slice(0, end)
  const after = asked.slice(end + 1)
  if (asked[0] !== 'bundle') return [...optionsOf(before), ...namesOf(before, after)]
  const places = Math.max(0, BUNDLE_PLACES - placesIn(before.slice(1)))
  return [...optionsOf(before), ...after.slice(0, places).map(asName), '--', ...after.slice(places)]
}

function optionsOf(words: readonly string[]): string[] {
  return detachOptions(nameStandardInput(words, words))
}

function namesOf(before: readonly string[], after: readonly string[]): string[] {
  return nameStandardInput(before, after).map(asName)
}

/** A name that begins with a dash, spelled so that it cannot be taken for an option: all names are paths. */
function asName(word: string): string {
  return word.startsWith('-') ? `./${word}` : word
}

/** `-` as an archive: yargs would hand over an empty word. */
function nameStandardInput([command]: readonly string[], words: readonly string[]): string[] {
  const takesArchive = command === 'apply' || command === 'image' || command === 'explore'
  return words.map((word) => (takesArchive && word === '-' ? '/dev/stdin' : word))
}

/** `-oX` as `-o X`: yargs would read the letters of X as further flags. */
function detachOptions(words: readonly string[]): string[] {
  return words.flatMap((word) => (/^-o./s.test(word) ? ['-o', word.slice(2)] : [word]))
}

/** How many words are no options, nor values of options. */
function placesIn(words: readonly string[]): number {
  return words.filter((word, i) => !word.startsWith('-') && !BUNDLE_VALUES.includes(words[i - 1] ?? '')).length
}
