/**
 * Reads what the command line knows of itself: the functions that add commands to yargs are given a parser that only
 * writes down what it is told. So the manual says what `--help` says.
 */
import type { Argv, Options } from 'yargs'
import { describe } from '../../src/cli/commands.js'

/** One command as yargs is told of it. */
export interface Command {
  /** As it is called: `image mount`; empty for the program itself. */
  readonly name: string
  /** With its arguments: `image mount <image> <merged>`. */
  readonly usage: string
  readonly aliases: readonly string[]
  readonly about: string
  readonly arguments: [name: string, about: string, choices?: readonly string[]][]
  readonly options: [name: string, option: Options][]
  /** `$0` stands for the program. */
  readonly examples: [line: string, about: string][]
  readonly commands: Command[]
}

function command(usage: string, about: string, aliases: readonly string[], above: string): Command {
  const full = [above, usage].filter(Boolean).join(' ')
  const name = full.replace(/ [<[].*/, '')
  return { name, usage: full, aliases, about, arguments: [], options: [], examples: [], commands: [] }
}

/** A parser that writes into `into`; every other method of yargs does nothing. */
function recorder(into: Command): Argv {
  const methods: Record<string, (...given: never[]) => unknown> = {
    command: (names: string | string[], about: string, builder?: (child: Argv) => unknown) => {
      const [usage, ...aliases] = [names].flat() as [string, ...string[]]
      const child = command(usage, about, aliases, into.name)
      into.commands.push(child)
      builder?.(recorder(child))
    },
    positional: (name: string, { describe: about = '', choices }: Options) =>
      into.arguments.push(choices === undefined ? [name, about] : [name, about, choices.map(String)]),
    option: (name: string, option: Options) => into.options.push([name, option]),
    options: (all: Record<string, Options>) => into.options.push(...Object.entries(all)),
    example: (line: string, about: string) => into.examples.push([line, about]),
  }
  const parser: Argv = new Proxy({} as Argv, {
    get:
      (_target, method) =>
      (...given: never[]) => {
        methods[String(method)]?.(...given)
        return parser
      },
  })
  return parser
}

/** The program with all its commands. */
export function readCommands(): Command {
  const program = command('', 'merge read-only layers and one writable directory into one directory', [], '')
  describe(recorder(program), [], { code: 0 }, async () => 0)
  return program
}
