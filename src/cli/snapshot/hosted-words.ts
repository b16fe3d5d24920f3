/**
 * Commands that a host carries out for the launcher, so that no Node is started for them: `snapshot create`, `snapshot
 * restore` and `branch create` in their plain spellings, read without yargs. Whatever could mean something else to
 * yargs is left to the command. Pure.
 */

/** A call, read; latin1. Paths are as they were given. */
export type HostedWords =
  | { readonly kind: 'create'; readonly merged: string; readonly name?: string; readonly message?: string }
  | { readonly kind: 'restore'; readonly merged: string; readonly name: string; readonly discard: boolean }
  | {
      readonly kind: 'branch'
      readonly merged: string
      readonly name: string
      readonly directory: string
      readonly from?: string
    }

interface Shape {
  /** How many words stand by themselves: at least, at most. */
  readonly places: readonly [number, number]
  /** The option with a value, in its spellings. */
  readonly value: readonly string[]
  readonly flags: readonly string[]
}

const SHAPES: Readonly<Record<string, Shape>> = {
  'snapshot create': { places: [1, 2], value: ['--message', '-m'], flags: ['--json'] },
  'snapshot restore': { places: [2, 2], value: [], flags: ['--json', '--discard'] },
  'branch create': { places: [3, 3], value: ['--from'], flags: ['--json'] },
}

/** Null where the command has to read `args`. */
export function readHostedWords(args: readonly string[]): (HostedWords & { readonly json: boolean }) | null {
  const called = args.slice(0, 2).join(' ')
  const shape = Object.hasOwn(SHAPES, called) ? SHAPES[called]! : null
  const read = shape === null ? null : readBy(shape, args.slice(2))
  if (shape === null || read === null) return null
  const [least, most] = shape.places
  const { places, flags, value } = read
  if (places.length < least || places.length > most) return null
  const [merged, name, directory] = places as [string, string, string]
  const json = flags.has('--json')
  if (called === 'snapshot restore') return { kind: 'restore', merged, name, discard: flags.has('--discard'), json }
  if (called === 'branch create')
    return { kind: 'branch', merged, name, directory, json, ...(value === undefined ? {} : { from: value }) }
  return {
    kind: 'create',
    merged,
    json,
    ...(name === undefined ? {} : { name }),
    ...(value === undefined ? {} : { message: value }),
  }
}

interface Read {
  readonly places: readonly string[]
  readonly flags: ReadonlySet<string>
  readonly value?: string
}

function readBy(shape: Shape, words: readonly string[]): Read | null {
  const places: string[] = []
  const flags = new Set<string>()
  const values: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (shape.flags.includes(word)) flags.add(word)
    else if (shape.value.includes(word)) values.push(words[++at] ?? '')
    else places.push(word)
  }
  if (values.length > 1 || ![...places, ...values].every(isPlain)) return null
  return { places, flags, ...(values.length === 0 ? {} : { value: values[0]! }) }
}

/** Not empty, not an option's name, and no word that yargs takes for the value of a flag. */
function isPlain(word: string): boolean {
  return word !== '' && !word.startsWith('-') && word !== 'true' && word !== 'false'
}
