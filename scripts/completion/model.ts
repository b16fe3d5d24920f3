/**
 * What shells complete, read from the command definitions and the list of mount options that `--help` is made of: for
 * each command its options and places, and of which kind the value of each is.
 */
import type { Options } from 'yargs'
import { MOUNT_OPTIONS } from '../../src/cli/mount/mount-options-help.js'
import { type Command, readCommands } from '../man/read-commands.js'

/**
 * `mountpoint`: of a mount of ours. `image`: LAYOUT:TAG. `tag`: of the layout that is named elsewhere in the line.
 * `layer`: DIR or NAME=DIR. `options`: after `-o`. `free`: anybody's words.
 */
type Kind =
  | 'directory'
  | 'file'
  | 'mountpoint'
  | 'image'
  | 'tag'
  | 'layer'
  | 'options'
  | 'platform'
  | 'command'
  | 'free'

/** A value: of one of the kinds, or one of a few words. */
export type Value = Kind | readonly string[]

export interface Flag {
  /** With its dashes. */
  readonly words: readonly string[]
  readonly about: string
  /** Null: it takes none. */
  readonly value: Value | null
}

export interface Place {
  readonly name: string
  readonly about: string
  readonly value: Value
  /** All further words are of this kind, too. */
  readonly isRepeated: boolean
}

export interface Completed {
  /** `image mount`. */
  readonly name: string
  /** Other spellings of the last word. */
  readonly aliases: readonly string[]
  readonly about: string
  readonly flags: readonly Flag[]
  readonly places: readonly Place[]
  readonly commands: readonly Completed[]
}

/** By the name of the option or place, wherever it is. */
const BY_NAME: Readonly<Record<string, Kind>> = {
  lower: 'layer',
  upper: 'directory',
  work: 'directory',
  store: 'directory',
  layout: 'directory',
  directory: 'directory',
  directories: 'directory',
  merged: 'mountpoint',
  o: 'options',
  'log-file': 'file',
  output: 'file',
  archive: 'file',
  path: 'file',
  image: 'image',
  base: 'tag',
  platform: 'platform',
  command: 'command',
  root: 'directory',
  containerd: 'file',
}
/** Where the same name means something else. */
const BY_COMMAND: Readonly<Record<string, Kind>> = {
  'mount merged': 'directory',
  'image mount merged': 'directory',
  'ls directory': 'file',
  'du directory': 'file',
  'bundle command': 'file',
  'image diff other': 'image',
  'explore target': 'image',
  'explore index': 'file',
  'snapshotter address': 'file',
  'layer remove layers': 'directory',
  'layer replace layer': 'directory',
}
/** What is written freely: a test looks that nothing else is. */
export const FREE = [
  ...[
    'level',
    'timestamp',
    'depth',
    'author',
    'message',
    'change',
    'created-by',
    'digest',
    'diff-id',
    'format',
    'user',
  ],
  ...['size', 'inodes', 'since', 'max-size', 'max-entries', 'max-wasted', 'max-wasted-ratio', 'max-layers', 'allow'],
  ...['filter', 'layer', 'fail-below', 'address', 'view', 'snapshot', 'name', 'from', 'to', 'metrics'],
  ...['keep', 'older-than'],
]

function kindFor(command: string, name: string, { choices }: Options): Value {
  if (choices !== undefined) return choices.map(String)
  return BY_COMMAND[`${command} ${name}`] ?? BY_NAME[name] ?? 'free'
}

function flagOf(command: string, [name, option]: [string, Options]): Flag {
  const words = [name, ...[option.alias ?? []].flat()].map((word) => (word.length === 1 ? `-${word}` : `--${word}`))
  const value = option.type === 'boolean' ? null : kindFor(command, name, option)
  return { words, about: option.describe ?? '', value }
}

function placesOf({ name: command, usage, arguments: described }: Command): Place[] {
  return [...usage.matchAll(/[<[]([\w-]+)(\.\.)?[>\]]/g)].flatMap(([, name, dots]) => {
    const about = described.find(([each]) => each === name)?.[1]
    if (name === 'command' && about === undefined && command !== 'help') return []
    const choices = described.find(([each]) => each === name)?.[2]
    const value = choices ?? kindFor(command, name!, {})
    return [{ name: name!, about: about ?? '', value, isRepeated: dots !== undefined }]
  })
}

const HELP: Flag = { words: ['--help', '-h'], about: 'how it is used', value: null }

function completed(command: Command): Completed {
  const { name, about, aliases, options, commands } = command
  return {
    name,
    aliases: aliases.map((alias) => alias.replace(/ .*/, '')),
    about,
    flags: [...options.map((option) => flagOf(name, option)), HELP],
    places: placesOf(command),
    commands: commands.map(completed),
  }
}

/** The commands, as shells are told of them. */
export function completedCommands(): Completed[] {
  return readCommands().commands.map(completed)
}

/** Every command that does something: no groups. */
export function leaves(commands: readonly Completed[] = completedCommands()): Completed[] {
  return commands.flatMap((each) => (each.commands.length > 0 ? leaves(each.commands) : [each]))
}

export interface MountOption {
  /** Without `=`. */
  readonly name: string
  readonly about: string
  /** Null: it takes none. */
  readonly value: Value | null
}

const PATHS: Readonly<Record<string, Kind>> = {
  ...{ lowerdir: 'directory', 'lowerdir+': 'directory', 'datadir+': 'directory' },
  ...{ upperdir: 'directory', workdir: 'directory', log: 'file' },
}

/** What `-o` takes, as `--help` and the manual tell of it: `redirect_dir=on|off|follow`. */
export function mountOptions(): MountOption[] {
  const all = MOUNT_OPTIONS.flatMap(([words, about]) => words.split(' ').map((word) => mountOption(word, about)))
  return all.filter(({ name }, at) => all.findIndex((other) => other.name === name) === at)
}

function mountOption(word: string, about: string): MountOption {
  const equals = word.indexOf('=')
  if (equals < 0) return { name: word, about, value: null }
  const name = word.slice(0, equals)
  const written = word.slice(equals + 1)
  return { name, about, value: PATHS[name] ?? (/^[a-z0-9|-]+$/.test(written) ? written.split('|') : 'free') }
}
