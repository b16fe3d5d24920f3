/** The completion for fish: one `complete` line for each option and place, with what `--help` says of it. */
import { MADE } from './bash.js'
import {
  type Completed,
  completedCommands,
  type Flag,
  leaves,
  type MountOption,
  mountOptions,
  type Place,
  type Value,
} from './model.js'

/** In single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

const ACTIONS: Readonly<Record<string, string | null>> = {
  directory: '(__fish_complete_directories (commandline -ct) "")',
  file: null,
  mountpoint: '(__stratafs_mounts)',
  image: '(__stratafs_images)',
  tag: '(__stratafs_base)',
  layer: '(__stratafs_layer)',
  options: '(__stratafs_mount_options)',
  platform: 'linux/amd64 linux/arm64',
  command: '(__stratafs_commands "")',
  free: '',
}

/** What stands after `-n …`: what is offered, and whether files are. */
function offer(value: Value): string {
  const words = typeof value === 'string' ? ACTIONS[value] : value.join(' ')
  if (words === null || words === undefined) return '-F'
  return words === '' ? '-f' : `-f -a ${quoted(words)}`
}

function flagLine(command: string, { words, about, value }: Flag): string {
  const spelled = words.map((word) => (word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`))
  const taken = value === null ? '' : ` -r ${offer(value)}`
  return `complete -c stratafs -n "__stratafs_in '${command}'" ${spelled.join(' ')}${taken} -d ${quoted(about)}`
}

function placeLine(command: string, { value, isRepeated }: Place, at: number): string {
  return `complete -c stratafs -n "__stratafs_at '${command}' ${at}${isRepeated ? ' more' : ''}" ${offer(value)}`
}

function leafLines({ name, flags, places }: Completed): string[] {
  return [...flags.map((flag) => flagLine(name, flag)), ...places.map((place, at) => placeLine(name, place, at))]
}

/** Options with a value, of any command: what stands after them is no place. Throws where commands do not agree. */
function valuedFlags(): string[] {
  const all = leaves().flatMap(({ flags }) => flags)
  const valued = new Set(all.filter(({ value }) => value !== null).flatMap(({ words }) => words))
  for (const { words, value } of all)
    if (value === null && words.some((word) => valued.has(word)))
      throw new Error(`${words[0]}: not the same everywhere`)
  return [...valued]
}

function commandCases(): string {
  const top = completedCommands()
  const lines = (commands: readonly Completed[]) =>
    commands.flatMap(({ name, aliases, about }) =>
      [name.split(' ').at(-1)!, ...aliases].map((word) => `      printf '%s\\t%s\\n' ${word} ${quoted(about)}`),
    )
  const groups = top.filter(({ commands }) => commands.length > 0)
  const cases = [['', top] as const, ...groups.map(({ name, commands }) => [name, commands] as const)]
  return cases.map(([name, commands]) => `    case '${name}'\n${lines(commands).join('\n')}`).join('\n')
}

function aliasCases(): string {
  const every = completedCommands().flatMap((command) => [command, ...command.commands])
  const rows = every.flatMap(({ name, aliases }) =>
    aliases.map(
      (alias) => `    case '${[...name.split(' ').slice(0, -1), alias].join(' ')}'\n      set found '${name}'`,
    ),
  )
  return rows.join('\n')
}

function optionLine({ name, about, value }: MountOption): string {
  return `    printf '%s\\t%s\\n' $before${quoted(value === null ? name : `${name}=`)} ${quoted(about.split(/[:;]/)[0]!)}`
}

function optionCases(): string {
  return mountOptions()
    .filter(({ value }) => Array.isArray(value))
    .map(
      ({ name, value }) =>
        `    case '${name}'\n      printf '%s\\n' $before${quoted(`${name}=`)}{${(value as string[]).join(',')}}`,
    )
    .join('\n')
}

function pathOptions(): string {
  const paths = mountOptions().filter(({ value }) => value === 'directory' || value === 'file')
  return paths.map(({ name }) => `'${name}'`).join(' ')
}

/** The script's text. */
export function fishCompletion(): string {
  return `# fish completion for stratafs
${MADE}

# Prints the command that the line names, and a word for each place that is filled.
function __stratafs_line
  set -l found ''
  set -l places
  set -l valued ${valuedFlags().join(' ')}
  set -l skip no
  set -l ended no
  for word in (commandline -opc)[2..-1]
    if test $skip = yes
      set skip no
    else if test "$word" = -- -a $ended = no
      set ended yes
    else if string match -q -- '-*' $word; and test $ended = no
      contains -- $word $valued; and set skip yes
    else if contains -- "$word" (__stratafs_commands $found | string split -f1 \\t)
      set found (string trim -- "$found $word")
      test "$found" = help; and set found ''
    else
      set -a places $word
    end
  end
  switch "$found"
${aliasCases()}
  end
  printf '%s\\n' "$found" $places
end

# The words that may follow $argv.
function __stratafs_commands
  switch "$argv"
${commandCases()}
  end
end

# Whether the line names the command $argv[1].
function __stratafs_in
  set -l line (__stratafs_line)
  test "$line[1]" = "$argv[1]"
end

# Whether place $argv[2] of the command $argv[1] comes now, or a later one where $argv[3].
function __stratafs_at
  set -l line (__stratafs_line)
  test "$line[1]" = "$argv[1]"; or return 1
  set -l place (math (count $line) - 1)
  test $place -eq $argv[2]; or test (count $argv) -gt 2 -a $place -ge $argv[2]
end

# Whether a command comes now.
function __stratafs_wants_command
  set -l line (__stratafs_line)
  test (count $line) -eq 1; and __stratafs_commands $line[1] | string length -q
end

# Mounts of this user, from the kernel's table: none of them is touched, so that one that hangs keeps nobody waiting.
function __stratafs_mounts
  set -l user (id -u)
  set -l found no
  while read -l line
    set -l fields (string split ' ' -- $line)
    test "$fields[3]" = fuse.stratafs; or continue
    contains -- user_id=$user (string split , -- $fields[4]); or continue
    # The table writes blanks as \\040.
    set -l place (string unescape -- $fields[2])
    string match -q -- '/*' (commandline -ct); or set place (string replace -- $PWD/ '' $place)
    printf '%s\\n' $place
    set found yes
  end </proc/self/mounts
  test $found = yes; or __fish_complete_directories (commandline -ct) ''
end

# Tags of the OCI layout $argv[1].
function __stratafs_tags
  test -r $argv[1]/index.json; or return
  string match -arg '"org\\.opencontainers\\.image\\.ref\\.name"\\s*:\\s*"([^"]*)"' <$argv[1]/index.json
end

function __stratafs_images
  set -l word (commandline -ct)
  if string match -q -- '*:*' $word
    set -l layout (string replace -r ':[^:]*$' '' -- $word)
    printf '%s\\n' $layout:(__stratafs_tags $layout)
    return
  end
  for directory in (__fish_complete_directories $word '')
    set -l layout (string replace -r '/?\\t.*$' '' -- $directory | string trim -r -c /)
    if test -e $layout/index.json
      printf '%s\\n' $layout:(__stratafs_tags $layout)
    else
      printf '%s\\n' $directory
    end
  end
end

# Tags of the layout that another word names: of the image that is to be made.
function __stratafs_base
  for word in (commandline -opc)
    string match -q -- '*:*' $word; and __stratafs_tags (string replace -r ':[^:]*$' '' -- $word)
  end
  echo none
end

# Directories after what stands before them in the word.
function __stratafs_paths_after
  for path in (__fish_complete_directories $argv[2] '')
    printf '%s\\n' $argv[1](string replace -r '\\t.*$' '' -- $path)
  end
end

function __stratafs_layer
  set -l parts (string match -r '^([A-Za-z0-9][\\w.-]*=)(.*)$' -- (commandline -ct))
  if set -q parts[1]
    __stratafs_paths_after $parts[2] "$parts[3]"
  else
    __fish_complete_directories (commandline -ct) ''
  end
end

function __stratafs_mount_options
  set -l word (string replace -r '^-o' '' -- (commandline -ct))
  set -l option (string replace -r '^.*,' '' -- $word)
  set -l before (string replace -r '[^,]*$' '' -- $word)
  set -l parts (string match -r '^([^=]+)=(.*)$' -- $option)
  if not set -q parts[1]
${mountOptions().map(optionLine).join('\n')}
    return
  end
  if contains -- $parts[2] ${pathOptions()}
    set -l lead (string replace -r '[^:]*$' '' -- "$parts[3]")
    __stratafs_paths_after "$before$parts[2]=$lead" (string replace -r '^.*:' '' -- "$parts[3]")
    return
  end
  switch $parts[2]
${optionCases()}
  end
end

complete -c stratafs -f
complete -c stratafs -n __stratafs_wants_command -a '(__stratafs_commands (__stratafs_line)[1])'
complete -c stratafs -n "__stratafs_in ''" -s o -r -f -a '(__stratafs_mount_options)' -d 'mount options, as a mount program'
complete -c stratafs -n "__stratafs_in ''" -l version -d versions
complete -c stratafs -n "__stratafs_in ''" -s h -l help -d 'the commands'
${leaves().flatMap(leafLines).join('\n')}
`
}
