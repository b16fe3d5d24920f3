/** The completion for bash: one function, which starts no program but grep, and that only to read an image's tags. */
import { type Completed, completedCommands, type Flag, leaves, mountOptions, type Value } from './model.js'

export const MADE = '# Made by `npm run completion` from the commands and options themselves; changes here are lost.'

const quoted = (words: readonly string[]): string => `'${words.join(' ')}'`

function kindOf(value: Value): string {
  return typeof value === 'string' ? value : `words:${value.join(' ')}`
}

function commandsCase(): string {
  const top = completedCommands()
  const names = (commands: readonly Completed[]) =>
    commands.flatMap(({ name, aliases }) => [name.split(' ').at(-1)!, ...aliases])
  const rows = [
    ['', top] as const,
    ...top.filter(({ commands }) => commands.length > 0).map((c) => [c.name, c.commands] as const),
  ]
  return rows.map(([name, commands]) => `    '${name}') commands=${quoted(names(commands))} ;;`).join('\n')
}

function aliasCase(): string {
  const every = completedCommands().flatMap((command) => [command, ...command.commands])
  const rows = every.flatMap(({ name, aliases }) => {
    const above = name.split(' ').slice(0, -1)
    return aliases.map((alias) => `    '${[...above, alias].join(' ')}') command='${name}' ;;`)
  })
  return rows.join('\n')
}

function flagsCase(): string {
  const words = ({ flags }: Completed) => flags.flatMap((flag) => flag.words)
  return leaves()
    .map((leaf) => `    '${leaf.name}') flags=${quoted(words(leaf))} ;;`)
    .join('\n')
}

function kindCase(): string {
  const rows = new Map<string, string[]>()
  const add = (key: string, value: Value) => rows.set(kindOf(value), [...(rows.get(kindOf(value)) ?? []), `'${key}'`])
  for (const { name, flags, places } of leaves()) {
    for (const { words, value } of flags.filter(({ value }) => value !== null) as (Flag & { value: Value })[])
      for (const word of words) add(`${name}:${word}`, value)
    for (const [at, { value, isRepeated }] of places.entries()) add(`${name}:${at}${isRepeated ? '+' : ''}`, value)
  }
  add(':-o', 'options')
  return [...rows].map(([kind, keys]) => `    ${keys.join(' | ')})\n      kind='${kind}' ;;`).join('\n')
}

function optionWords(): string {
  return quoted(mountOptions().map(({ name, value }) => (value === null ? name : `${name}=`)))
}

function optionCase(): string {
  const valued = mountOptions().filter(({ value }) => value !== null)
  return valued.map(({ name, value }) => `    '${name}') kind='${kindOf(value!)}' ;;`).join('\n')
}

/** The script's text. */
export function bashCompletion(): string {
  return `# bash completion for stratafs
${MADE}

# Sets cur, words and cword as a person sees words: readline also parts them at : and =. lead: what of cur it does not
# put in anew.
_stratafs_split() {
  local line=\${COMP_LINE:0:COMP_POINT} i word
  words=() lead=
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    ((i == COMP_CWORD)) && word=\${line#"\${line%%[![:space:]]*}"}
    if ((i > 0)) && [[ -n $line && $line != [[:space:]]* ]]; then
      lead=\${words[-1]}
      words[-1]+=$word
    else
      line=\${line#"\${line%%[![:space:]]*}"}
      words+=("$word")
      lead=
    fi
    line=\${line#"$word"}
  done
  cword=$((\${#words[@]} - 1))
  cur=\${words[cword]}
  # Of a word that is : or = alone nothing is put in anew.
  [[ \${COMP_WORDS[COMP_CWORD]} == [:=]* ]] && lead=$cur
}

# Offers words: $1 stands before each; those that go on have no blank after them.
_stratafs_offer() {
  local before=$1 word
  shift
  for word; do
    word=$before$word
    [[ $word == "$cur"* ]] || continue
    [[ $word == *[=:/,] ]] && compopt -o nospace 2>/dev/null
    COMPREPLY+=("\${word#"$lead"}")
  done
}

# Offers paths at the end of cur, $1 standing before them, by readline's own way where it sees the same word.
_stratafs_path() {
  local how=$1 before=$2 path
  if [[ \${cur#"$lead"} == "\${cur#"$before"}" ]]; then
    compopt -o "$how" 2>/dev/null
    return
  fi
  local paths
  mapfile -t paths < <(compgen -d -- "\${cur#"$before"}")
  for path in "\${paths[@]}"; do _stratafs_offer "$before" "$path/"; done
}

# Mounts of this user, from the kernel's table: none of them is touched, so that one that hangs keeps nobody waiting.
_stratafs_mounts() {
  local place type options rest found=()
  while read -r rest place type options rest; do
    [[ $type == fuse.stratafs && ",$options," == *,user_id=$EUID,* ]] || continue
    place=\${place//%/%%}
    # The table writes blanks as \\040.
    # shellcheck disable=SC2059
    printf -v place "$place"
    [[ $cur == /* || $place != "$PWD"/* ]] || place=\${place#"$PWD"/}
    [[ $place == "$cur"* ]] || continue
    printf -v place '%q' "$place"
    found+=("\${place#"$lead"}")
  done </proc/self/mounts
  COMPREPLY=("\${found[@]}")
  ((\${#found[@]} > 0)) || _stratafs_path dirnames ''
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
  local tags layout layouts
  if [[ $cur == *:* && -e \${cur%:*}/index.json ]]; then
    _stratafs_tags "\${cur%:*}"
    _stratafs_offer "\${cur%:*}:" "\${tags[@]}"
    return
  fi
  mapfile -t layouts < <(compgen -d -- "$cur")
  for layout in "\${layouts[@]}"; do
    if [[ -e $layout/index.json ]]; then
      _stratafs_tags "$layout"
      _stratafs_offer "$layout:" "\${tags[@]}"
    else
      _stratafs_offer '' "$layout/"
    fi
  done
}

# Tags of the layout that another word names: of the image that is to be made.
_stratafs_base() {
  local word tags
  for word in "\${words[@]}"; do
    [[ $word == *:* && -e \${word%:*}/index.json ]] || continue
    _stratafs_tags "\${word%:*}"
    _stratafs_offer '' "\${tags[@]}" none
  done
}

# What stands at $2 (an option, or the number of a place) of the command $1, in kind.
_stratafs_kind() {
  kind=
  case $1:$2 in
${kindCase()}
  esac
}

_stratafs_mount_options() {
  local before=\${cur%"\${cur##*,}"} kind=free
  local option=\${cur##*,}
  [[ -n $before || $option != -o* ]] || before=-o option=\${option#-o}
  if [[ $option != *=* ]]; then
    # shellcheck disable=SC2086
    _stratafs_offer "$before" ${optionWords().slice(1, -1)}
    return
  fi
  case \${option%%=*} in
${optionCase()}
  esac
  before+=\${option%%=*}=
  [[ $kind == directory || $kind == file ]] && [[ \${option#*=} == *:* ]] && before=\${cur%:*}:
  _stratafs_values "$kind" "$before"
}

# Offers values of a kind; $2 stands before them in the same word.
_stratafs_values() {
  case $1 in
    # shellcheck disable=SC2086
    words:*) _stratafs_offer "$2" \${1#words:} ;;
    directory) _stratafs_path dirnames "$2" ;;
    file) _stratafs_path default "$2" ;;
    layer) [[ $cur == *=* ]] && _stratafs_path dirnames "\${cur%=*}=" || _stratafs_path dirnames "$2" ;;
    mountpoint) _stratafs_mounts ;;
    image) _stratafs_images ;;
    tag) _stratafs_base ;;
    options) _stratafs_mount_options ;;
    platform) _stratafs_offer "$2" linux/amd64 linux/arm64 ;;
  esac
}

_stratafs() {
  local cur words cword lead command='' commands flags kind word i place=0 ended=no
  COMPREPLY=()
  _stratafs_split
  for ((i = 1; i < cword; i++)); do
    word=\${words[i]}
    if [[ $word == -- ]]; then
      ended=yes
    elif [[ $word == -* && $ended == no ]]; then
      _stratafs_kind "$command" "$word"
      [[ -z $kind ]] || ((i++))
    elif _stratafs_commands "$command" && [[ " $commands " == *" $word "* ]]; then
      command=\${command:+$command }$word
      _stratafs_canonical
      [[ $command != help ]] || command=
    else
      ((place++))
    fi
  done
  # Its last word may be the value of an option.
  if ((i > cword)); then
    _stratafs_values "$kind" ''
  elif [[ $cur == --*=* && $ended == no ]]; then
    _stratafs_kind "$command" "\${cur%%=*}"
    _stratafs_values "$kind" "\${cur%%=*}="
  elif [[ $cur == -o?* && $ended == no ]]; then
    _stratafs_mount_options
  elif [[ $cur == -* && $ended == no ]]; then
    _stratafs_flags "$command"
    # shellcheck disable=SC2086
    _stratafs_offer '' $flags
  elif _stratafs_commands "$command"; then
    # shellcheck disable=SC2086
    _stratafs_offer '' $commands
    ((\${#COMPREPLY[@]} > 0)) || _stratafs_path dirnames ''
  else
    _stratafs_kind "$command" "$place"
    for ((; place >= 0 && \${#kind} == 0; place--)); do _stratafs_kind "$command" "$place+"; done
    _stratafs_values "$kind" ''
  fi
}

# Sets commands: the words that may follow $1; false where it has none.
_stratafs_commands() {
  case $1 in
${commandsCase()}
    *) commands= && return 1 ;;
  esac
}

_stratafs_canonical() {
  case $command in
${aliasCase()}
  esac
}

_stratafs_flags() {
  case $1 in
${flagsCase()}
    '') flags='--help --version -o -f -d' ;;
    *) flags='--help' ;;
  esac
}

complete -F _stratafs stratafs
`
}
