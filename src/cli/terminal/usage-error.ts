/**
 * What is wrong with the arguments, in our words: yargs says that something is unknown, not what was probably meant.
 */
import type { Argv } from 'yargs'
import { shown } from '../../base/text.js'
import { nearest } from '../../daemon/options/nearest.js'

/** Thrown out of yargs for arguments that it refuses; `message` is for a person. */
export class UsageError extends Error {}

/** What yargs says when there are options only; then nothing else is wrong with them. */
export const NO_COMMAND = 'no command given'

/** What yargs knows where it failed. */
interface ParserState {
  getOptions(): { readonly key: Readonly<Record<string, unknown>> }
  getGroups(): Readonly<Record<string, readonly string[]>>
  getInternalMethods(): { getUsageInstance(): { getCommands(): readonly (readonly [line: string, ...unknown[]])[] } }
}

/** The sentence for yargs' `message` about `args` (latin1). */
export function usageWords(message: string, args: readonly string[], yargs: Argv): string {
  const parser = yargs as unknown as ParserState
  const unknown = /^Unknown (?:argument|command)s?: (.*)$/s.exec(message)
  const missing = message.startsWith('Not enough non-option arguments')
  // An option that is not known may have taken what is missing as its value.
  const option = unknown !== null || missing || message === NO_COMMAND ? unknownOption(args, parser) : null
  if (option !== null) return option
  if (missing) return missingWords(shown(args[0] ?? ''), commandsOf(parser))
  if (unknown !== null) return unknownCommand(unknown[1]!.split(', ')[0]!, args, parser)
  const invalid = /Argument: (.*), Given: "?(.*?)"?, Choices: (.*)$/s.exec(message)
  if (invalid !== null) {
    const [, name, given, choices] = invalid as unknown as [string, string, string, string]
    const dashes = optionsOf(parser).includes(name) ? '--' : ''
    return invalidChoice(`${dashes}${name}`, given, choices.match(/[^", ]+/g) ?? [])
  }
  const inner =
    message.startsWith('say which: ') || message.startsWith('name what ') ? unknownInner(args, parser) : null
  return inner ?? shown(message.split('\n').join('; '))
}

function missingWords(command: string, inner: readonly string[]): string {
  return inner.length > 0 ? `say which: ${inner.join(', ')}` : `${command}: a directory or file has to be named`
}

/** Of a command of commands the word that is none of them. */
function unknownInner(args: readonly string[], parser: ParserState): string | null {
  const word = args.slice(1).find((arg) => !arg.startsWith('-'))
  return word === undefined ? null : unknownCommand(word, args, parser)
}

function invalidChoice(option: string, given: string, choices: readonly string[]): string {
  return `${option} ${shown(given)}: it takes ${choices.join(', ')}${suggestion(given, choices, '')}`
}

function unknownOption(args: readonly string[], parser: ParserState): string | null {
  const { key } = parser.getOptions()
  const end = args.indexOf('--')
  for (const arg of end < 0 ? args : args.slice(0, end)) {
    const [, dashes, name] = /^(--?)([^=]+)/s.exec(arg) ?? []
    if (name === undefined || Object.hasOwn(key, name)) continue
    return `unknown option ${dashes}${shown(name)}${suggestion(name, optionsOf(parser), '--')}`
  }
  return null
}

function unknownCommand(word: string, args: readonly string[], parser: ParserState): string {
  const commands = commandsOf(parser)
  if (commands.length === 0) return `there is no place for ${shown(word)}`
  // Of several unknown words yargs may name a later one.
  const command = args.slice(1).find((arg) => !arg.startsWith('-')) ?? word
  return `unknown command ${shown(command)}${suggestion(command, commands, '')}`
}

/** `: did you mean …?`, or nothing. */
export function suggestion(word: string, known: readonly string[], dashes: '--' | ''): string {
  const near = nearest(word, known)
  return near === null ? '' : `: did you mean ${dashes}${near}?`
}

function optionsOf(parser: ParserState): string[] {
  const positionals = Object.values(parser.getGroups()).flat()
  return Object.keys(parser.getOptions().key).filter((key) => key.length > 1 && !positionals.includes(key))
}

function commandsOf(parser: ParserState): string[] {
  const commands = parser.getInternalMethods().getUsageInstance().getCommands()
  return commands.map(([line]) => line.replace(/^stratafs /, '').split(' ')[0]!)
}
