/** The completion for zsh: `_arguments` of each command, with what `--help` says of its options. */
import { MADE } from './bash.js'
import {
  type Completed,
  completedCommands,
  type Flag,
  type MountOption,
  mountOptions,
  type Place,
  type Value,
} from './model.js'

/** In single quotes, between `[` and `]`. */
function about(text: string): string {
  return text
    .replace(/[\\[\]:]/g, '\\$&')
    .replaceAll("'", '’')
    .replaceAll('`', '')
}

const ACTIONS: Readonly<Record<string, string>> = {
  directory: '_directories',
  file: '_files',
  mountpoint: '_stratafs_mounts',
  image: '_stratafs_images',
  tag: '_stratafs_base',
  layer: '_stratafs_layer',
  options: '_stratafs_mount_options',
  platform: '(linux/amd64 linux/arm64)',
  command: '_stratafs_help',
  free: ' ',
}

function action(value: Value): string {
  return typeof value === 'string' ? ACTIONS[value]! : `(${value.join(' ')})`
}

function flagSpecs({ words, about: text, value }: Flag): string[] {
  const others = words.length > 1 ? `(${words.join(' ')})` : ''
  return words.map((word) => {
    const first = value === null ? '' : word.startsWith('--') ? '=' : '+'
    const many = value === null ? others : '*'
    return `'${many}${word}${first}[${about(text)}]${value === null ? '' : `:${words[0]!.replace(/^-+/, '')}:${action(value)}`}'`
  })
}

function placeSpec({ name, value, isRepeated }: Place, at: number): string {
  return `'${isRepeated ? '*' : at + 1}:${name}:${action(value)}'`
}

const functionOf = (name: string) => `_stratafs_command_${name.replaceAll(' ', '_')}`

function commandText(command: Completed): string {
  return command.commands.length > 0 ? groupText(command) : leafText(command)
}

function leafText({ name, flags, places }: Completed): string {
  const specs = [...flags.flatMap(flagSpecs), ...places.map(placeSpec)]
  return `${functionOf(name)}() {\n  _arguments -S \\\n${specs.map((spec) => `    ${spec}`).join(' \\\n')}\n}\n`
}

function listOf(commands: readonly Completed[]): string {
  return commands.map(({ name, about: text }) => `    '${name.split(' ').at(-1)}:${about(text)}'`).join('\n')
}

function caseOf(commands: readonly Completed[]): string {
  const words = ({ name, aliases }: Completed) => [name.split(' ').at(-1)!, ...aliases].join('|')
  return commands.map((each) => `        ${words(each)}) ${functionOf(each.name)} && ret=0 ;;`).join('\n')
}

function groupText({ name, commands }: Completed): string {
  return `${commands.map(commandText).join('\n')}
${functionOf(name)}() {
${body(commands, [])}
}
`
}

function body(commands: readonly Completed[], first: readonly string[]): string {
  return `  local context state state_descr line ret=1
  typeset -A opt_args
  local -a commands
  commands=(
${listOf(commands)}
  )
  _arguments -C ${[...first, "'1:command:->command'", "'*::argument:->argument'"].join(' \\\n    ')} && ret=0
  case $state in
    command) _describe -t commands command commands && ret=0 ;;
    argument)
      case $words[1] in
${caseOf(commands)}
      esac ;;
  esac
  return ret`
}

/** `_values` takes what is in `[ ]` after the name, and parts at colons. */
function optionSpec({ name, about: text, value }: MountOption): string {
  const spec = `${name.replace('+', '\\+')}[${about(text.split(/[:;]/)[0]!)}]`
  if (value === null) return `'${spec}'`
  return `'${spec}:${name.replace('+', '')}:${value === 'directory' ? '_stratafs_directories' : action(value)}'`
}

/** The script's text. */
export function zshCompletion(): string {
  const commands = completedCommands()
  const first = [
    "'(-h --help)'{-h,--help}'[the commands]'",
    "'--version[versions]'",
    "'*-o+[mount options, as a mount program]:options:_stratafs_mount_options'",
  ]
  return `#compdef stratafs
${MADE}

# Mounts of this user, from the kernel's table: none of them is touched, so that one that hangs keeps nobody waiting.
_stratafs_mounts() {
  local device place type options rest
  local -a found
  while read -r device place type options rest; do
    [[ $type == fuse.stratafs && ,$options, == *,user_id=$EUID,* ]] || continue
    # The table writes blanks as \\040.
    place=\${(g:o:)place}
    [[ $PREFIX == /* || $place != $PWD/* ]] || place=\${place#$PWD/}
    found+=("$place")
  done </proc/self/mounts
  compadd -a found || _directories
}

# Sets tags: those of the OCI layout $1.
_stratafs_tags() {
  local line
  tags=()
  [[ -r $1/index.json ]] || return
  while IFS= read -r line; do
    line=\${line%\\"}
    tags+=("\${line##*\\"}")
  done < <(grep -oE '"org\\.opencontainers\\.image\\.ref\\.name"[[:space:]]*:[[:space:]]*"[^"]*"' "$1/index.json")
}

_stratafs_images() {
  local layout=\${(Q)PREFIX%:*} each
  local -a tags layouts
  if [[ $PREFIX == *:* && -e $layout/index.json ]]; then
    _stratafs_tags "$layout"
    compset -P '*:'
    compadd -a tags
    return
  fi
  layouts=(\${(Q)PREFIX}*(N-/))
  for each in $layouts; do
    [[ -e $each/index.json ]] || continue
    _stratafs_tags "$each"
    compadd -U -S '' -- $each:$^tags
    return
  done
  _directories
}

# Tags of the layout that another word names: of the image that is to be made.
_stratafs_base() {
  local word
  local -a tags
  for word in $words; do
    [[ $word == *:* && -e \${word%:*}/index.json ]] || continue
    _stratafs_tags "\${word%:*}"
    compadd -a tags
    compadd none
  done
}

_stratafs_layer() {
  compset -P '[A-Za-z0-9][A-Za-z0-9_.-]#='
  _directories
}

_stratafs_directories() {
  compset -P '*:'
  _directories
}

_stratafs_mount_options() {
  _values -s , 'mount option' \\
${mountOptions()
  .map((option) => `    ${optionSpec(option)}`)
  .join(' \\\n')}
}

_stratafs_help() {
  local -a commands
  commands=(
${listOf(commands)}
  )
  _describe -t commands command commands
}

${commands.map(commandText).join('\n')}
_stratafs() {
${body(commands, first)}
}

if [[ $funcstack[1] == _stratafs ]]; then _stratafs "$@"; else compdef _stratafs stratafs; fi
`
}
