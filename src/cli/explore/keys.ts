/** What a terminal sends, as names of keys. Letters are themselves. Pure. */

const SEQUENCES: readonly (readonly [sequence: string, key: string])[] = [
  ['\x1b[A', 'up'],
  ['\x1bOA', 'up'],
  ['\x1b[B', 'down'],
  ['\x1bOB', 'down'],
  ['\x1b[C', 'right'],
  ['\x1bOC', 'right'],
  ['\x1b[D', 'left'],
  ['\x1bOD', 'left'],
  ['\x1b[5~', 'page-up'],
  ['\x1b[6~', 'page-down'],
  ['\x1b[H', 'home'],
  ['\x1bOH', 'home'],
  ['\x1b[1~', 'home'],
  ['\x1b[F', 'end'],
  ['\x1bOF', 'end'],
  ['\x1b[4~', 'end'],
  ['\x1b[Z', 'tab'],
]

/** ctrl-M is what Enter sends. */
const CONTROLS: Readonly<Record<string, string>> = {
  '\0': 'ctrl-space',
  '\t': 'tab',
  '\r': 'ctrl-m',
  '\n': 'ctrl-m',
  '\x1b': 'escape',
  '\x7f': 'backspace',
  '\b': 'backspace',
}

/** The keys in `text`, as they came. */
export function keysIn(text: string): string[] {
  const keys: string[] = []
  for (let rest = text; rest !== ''; ) {
    const [length, key] = firstKey(rest)
    if (key !== null) keys.push(key)
    rest = rest.slice(length)
  }
  return keys
}

function firstKey(text: string): [length: number, key: string | null] {
  const known = SEQUENCES.find(([sequence]) => text.startsWith(sequence))
  if (known !== undefined) return [known[0].length, known[1]]
  // A key that is not known here means nothing.
  const unknown = text.startsWith('\x1b') ? /^.[[O][0-9;?]*[ -/]*[@-~]/.exec(text) : null
  if (unknown !== null) return [unknown[0].length, null]
  const letter = [...text][0]!
  const code = letter.codePointAt(0)!
  const control = CONTROLS[letter] ?? (code < 32 ? `ctrl-${String.fromCharCode(code + 96)}` : letter)
  return [letter.length, control]
}
