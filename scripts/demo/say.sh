# How the demo talks: numbered steps, the commands as they are run, their output indented below them. Sourced by
# demo.sh.

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' plain=''
fi
steps=0

step() {
  steps=$((steps + 1))
  printf '\n%s%2d. %s%s\n' "$bold" $steps "$*" "$plain"
}

note() { printf '    %s\n' "$*"; }

die() {
  printf '%sdemo: %s%s\n' "$red" "$*" "$plain" >&2
  exit 1
}

# Output of a command: indented, and without the long folder names of this run.
indented() { sed -u -e "s|${work:-/nowhere}/||g; s|${cache:-/nowhere}/||g; s/^/    /"; }

# A command as somebody would type it, with the same names shortened.
typed() {
  local word line=''
  for word in "$@"; do
    case $word in *[[:space:]]*) word="\"$word\"" ;; esac
    line+=" $word"
  done
  printf '$%s\n' "$line" | indented | sed -e "s/^/$dim/" -e "s/\$/$plain/"
}

# Prints a command, runs it, indents what it says.
show() {
  typed "$@"
  "$@" 2>&1 | indented
}

# The same for a program inside a tree.
show_inside() {
  typed chroot "$@"
  inside "$@" 2>&1 | indented
}

# The same for a command that has to fail.
show_failing() {
  typed "$@"
  if "$@" >"$work/said" 2>&1; then die "this should have failed: $*"; fi
  indented <"$work/said"
}
