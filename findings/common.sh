# Sourced by each finding: an empty folder in a private mount namespace, and the comparison at the end. Needs root.
[ "$(id -u)" = 0 ] || { echo "$0: needs root" >&2; exit 2; }
[ -n "${FINDING_NAMESPACE:-}" ] || exec env FINDING_NAMESPACE=1 unshare -m --propagation private -- bash "$0" "$@"
set -u
findings=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH=$findings PYTHONDONTWRITEBYTECODE=1
folder=$(mktemp -d)
cd "$folder" || exit 2
leave() {
  cd / || return
  local point
  awk -v at="$folder" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r point; do umount "$point"; done
  rm -rf --one-file-system "$folder"
}
trap leave EXIT

# The Debian package that the finding is about must be this version: debian NAME VERSION.
debian() {
  local seen
  seen=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) ||
    { echo "install the Debian package $1 ($2) first" >&2; exit 2; }
  echo "version:  $1 $seen"
  [ "$seen" = "$2" ] || { echo "not the version that was looked at ($2)" >&2; exit 1; }
}

# What the finding cannot be shown without, a command or a device file: needs NAME…
needs() {
  local name
  for name; do
    [ -e "$name" ] || command -v "$name" >/dev/null || { echo "$0: needs $name" >&2; exit 2; }
  done
}

kernel() { echo "version:  Linux $(uname -r | cut -d. -f1,2)"; }

# Says what was expected and seen; fails when what is seen is no longer what was found: found EXPECTED FOUND SEEN.
found() {
  printf 'expected: %s\nseen:     %s\n' "$1" "$3"
  [ "$3" = "$2" ] || { echo "this has changed: it was '$2'" >&2; exit 1; }
}
