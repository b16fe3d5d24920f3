/** The pages of the manual, each as text: stratafs(1), one for each command, and that of mount(8)'s helper. */
import type { Options } from 'yargs'
import { MOUNT_OPTIONS } from '../../src/cli/mount/mount-options-help.js'
import { ABOUT, EXAMPLE, FLAGS, SYNOPSIS } from '../../src/cli/mount/mount-program-usage.js'
import { packageVersion } from '../../src/cli/terminal/version.js'
import { type Command, readCommands } from './read-commands.js'
import { item, literal, paragraph, section, sentence, text, title } from './roff.js'

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['STRATAFS_STORE', 'the store of unpacked layers, where a command names none'],
  ['STRATAFS_RUN_DIR', 'where mounts are found again: an absolute path, a directory closed to others'],
  ['STRATAFS_ADDON', 'none: do without the addon in machine code'],
]

/** Every page by its file, below man/. */
export function manPages(): Map<string, string> {
  const program = readCommands()
  const pages = new Map([['man1/stratafs.1', programPage(program)]])
  const add = (command: Command) => {
    pages.set(`man1/${pageName(command)}.1`, commandPage(command))
    command.commands.forEach(add)
  }
  program.commands.forEach(add)
  return pages.set('man8/mount.fuse.stratafs.8', helperPage())
}

function pageName({ name }: Command): string {
  return ['stratafs', ...name.split(' ')].filter(Boolean).join('-')
}

function head(command: Command): string {
  const name = pageName(command)
  const about = command.about.replace(/[.,;:]$/, '')
  return `${title(name, 1, packageVersion())}${section('NAME')}${text(name)} \\- ${text(about)}\n`
}

function programPage(program: Command): string {
  return [
    head(program),
    section('SYNOPSIS'),
    paragraph('stratafs COMMAND [ARGUMENT ...]'),
    paragraph(`stratafs ${SYNOPSIS}`),
    section('DESCRIPTION'),
    paragraph('Merges read-only layers and one writable directory into one directory, as a FUSE filesystem.'),
    paragraph('The second form is that of container runtimes and mount(8): see mount.fuse.stratafs(8).'),
    section('COMMANDS'),
    ...listOf(program.commands),
    section('OPTIONS'),
    item('-h, --help', 'the commands; after a command, how it is used'),
    item('--version', 'versions, of the program and of the FUSE protocol'),
    section('EXIT STATUS'),
    item('0', 'done'),
    item('1', 'it could not be done; standard error says why, in one line'),
    item('2', 'it was asked for in a wrong way'),
    section('ENVIRONMENT'),
    ...ENVIRONMENT.map(([name, about]) => item(name, about)),
    section('SEE ALSO'),
    paragraph([...program.commands.map((each) => `${pageName(each)}(1)`), 'mount.fuse.stratafs(8)'].join(', ')),
  ].join('')
}

function listOf(commands: readonly Command[]): string[] {
  return commands.map((each) => item(each.name.split(' ').at(-1)!, `${sentence(each.about)} See ${pageName(each)}(1).`))
}

function commandPage(command: Command): string {
  const { usage, aliases, commands, options, examples } = command
  const also = aliases.map((alias) => alias.replace(/ .*/, ''))
  const above = command.name.split(' ').slice(0, -1)
  return [
    head(command),
    section('SYNOPSIS'),
    paragraph(`stratafs ${usage}${options.length > 0 ? ' [OPTION ...]' : ''}`),
    section('DESCRIPTION'),
    paragraph(sentence(capital(command.about))),
    ...(also.length === 0 ? [] : [paragraph(`Also called ${also.join(', ')}.`)]),
    ...part(
      'ARGUMENTS',
      command.arguments.map(([name, about]) => item(name, about)),
    ),
    ...part('COMMANDS', listOf(commands)),
    ...part(
      'OPTIONS',
      [...options, HELP].map(([name, option]) => item(optionTag(name, option), aboutOption(option))),
    ),
    ...(command.name === 'mount' ? mountOptions() : []),
    ...part('EXAMPLES', examples.flatMap(exampleText)),
    section('SEE ALSO'),
    paragraph(
      [above.length === 0 ? 'stratafs' : `stratafs-${above.join('-')}`, ...relatedTo(command)]
        .map((name) => `${name}(1)`)
        .join(', '),
    ),
  ].join('')
}

const HELP: [string, Options] = ['help', { alias: 'h', type: 'boolean', describe: 'how the command is used' }]

function relatedTo({ commands }: Command): string[] {
  return commands.map(pageName)
}

function part(name: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [section(name), ...items]
}

/** `-f, --foreground`; `--upper VALUE`. */
function optionTag(name: string, { alias, type, choices }: Options): string {
  const dashed = [...[alias ?? []].flat(), name].map((each) => (each.length === 1 ? `-${each}` : `--${each}`))
  const value = type === 'boolean' ? '' : choices === undefined ? ' VALUE' : ` ${choices.join('|')}`
  return dashed.sort((a, b) => a.length - b.length).join(', ') + value
}

function aboutOption({ describe, demandOption }: Options): string {
  return `${describe ?? ''}${demandOption ? ' (required)' : ''}`
}

function exampleText([line, about]: [string, string]): string[] {
  const shown = literal(line.replaceAll('$0', 'stratafs'))
  return about === '' ? [shown] : [paragraph(`${sentence(capital(about)).slice(0, -1)}:`), shown]
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function mountOptions(): string[] {
  const about = 'Given with -o, separated by commas. Names are those of kernel overlayfs and fuse-overlayfs.'
  return [section('MOUNT OPTIONS'), paragraph(about), ...MOUNT_OPTIONS.map(([words, does]) => item(words, does))]
}

function helperPage(): string {
  const name = 'mount.fuse.stratafs'
  return [
    title(name, 8, packageVersion()),
    section('NAME'),
    `${text(name)} \\- ${text('mount layers as one directory, for mount(8) and container runtimes')}\n`,
    section('SYNOPSIS'),
    paragraph(`${name} ${SYNOPSIS}`),
    paragraph('mount -t fuse.stratafs -o OPTIONS SOURCE MERGED'),
    section('DESCRIPTION'),
    paragraph(ABOUT),
    paragraph('mount(8) calls it for the type fuse.stratafs, also from fstab(5). SOURCE is any word.'),
    section('OPTIONS'),
    ...FLAGS.map(([flag, about]) => item(flag, about)),
    ...mountOptions(),
    section('EXAMPLES'),
    literal(`${name} ${EXAMPLE}`),
    paragraph('A line of /etc/fstab:'),
    literal('stratafs /merged fuse.stratafs lowerdir=/layers/base,upperdir=/data/upper,workdir=/data/work 0 0'),
    section('SEE ALSO'),
    paragraph('stratafs(1), stratafs-mount(1), mount(8), fstab(5)'),
  ].join('')
}
