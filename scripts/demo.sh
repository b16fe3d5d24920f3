#!/usr/bin/env bash
# `npm run demo`: the main job, on real layers, told step by step. It builds three layers (a Debian root filesystem,
# packages installed on top, configuration on top of that), the upper two through stratafs itself; merges them with a
# writable upper; reads, writes, deletes, renames and runs programs in the merged tree; unmounts, shows what the upper
# directory holds; undoes a mistake by a snapshot; and checks that the layers below are byte for byte what they were.
# Asks nothing; needs root (for chroot and mounts); removes what it made, but keeps layers 1 and 2 in .cache/demo for
# the next time (--fresh builds them anew). --transport fuse-native mounts over the package fuse-native, with nothing
# compiled but TypeScript; it has no snapshots.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
. scripts/demo/say.sh
. scripts/demo/layers.sh

started=$SECONDS
transport=''
while [ $# -gt 0 ]; do
  case $1 in
    --fresh) rm -rf --one-file-system .cache/demo ;;
    --transport) transport=${2:-}; [ $# = 1 ] || shift ;;
    --transport=*) transport=${1#*=} ;;
    *) die "unknown argument '$1' (known: --fresh, --transport dev-fuse|fuse-native)" ;;
  esac
  shift
done
case $transport in
  '' | dev-fuse) purpose=demo ;;
  fuse-native) purpose=bare ;;
  *) die "unknown transport '$transport': dev-fuse or fuse-native" ;;
esac
[ "$(id -u)" = 0 ] ||
  die 'the demo builds root filesystems and runs chroot in them: run it as root '\
'(mounting itself does not need root, see README.md)'
[ -e /dev/fuse ] ||
  die '/dev/fuse is missing: load the kernel module (modprobe fuse), or give it to this container (--device /dev/fuse)'
scripts/setup.sh $purpose

# The command a user types; only its place differs here.
read -r -a stratafs_command <<<"${STRATAFS:-$root/scripts/stratafs}"
stratafs() {
  if [ "$1" = mount ] && [ -n "$transport" ]; then set -- mount --transport "$transport" "${@:2}"; fi
  "${stratafs_command[@]}" "$@"
}

cache=$root/.cache/demo
mkdir -p "$cache"
work=$(mktemp -d "$cache/run.XXXXXX")
merged=$work/merged

unmount_all() {
  local point
  awk -v at="$work/" 'index($5, at) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r point; do
    stratafs unmount "$(printf '%b' "$point")" >/dev/null 2>&1 || umount -l "$(printf '%b' "$point")" || true
  done
}

finish() {
  local status=$?
  trap '' INT TERM
  unmount_all
  # The layers may hold folders nobody can write to, and must not be followed into a mount that would not go.
  rm -rf --one-file-system "$work" "$cache"/*.part
  [ $status = 0 ] || printf '\n%sdemo: failed (exit %s) after %s s; its mounts and temp folders are gone%s\n' \
    "$red" $status $((SECONDS - started)) "$plain" >&2
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step 'Layer 1: a Debian root filesystem'
make_base "$cache/base"
step 'Layer 2: packages, installed on top through a stratafs mount'
make_packages "$cache/packages" "$cache/base"
step 'Layer 3: configuration, written on top of both'
make_configuration "$work/configuration" "$cache/packages" "$cache/base"
before=$(fingerprint "$work/configuration" "$cache/packages" "$cache/base")

step 'Mount: three layers and an empty, writable upper become one directory'
mkdir -p "$work/upper" "$work/work" "$merged"
show stratafs mount --lower "$work/configuration" --lower "$cache/packages" --lower "$cache/base" \
  --upper "$work/upper" --work "$work/work" "$merged"
note "$(find "$merged" -xdev | wc -l) files and directories in the merged tree"

step 'Read: one tree, whichever layer a file comes from'
show head -n 1 "$merged/etc/os-release"
show cat "$merged/etc/motd"
show stratafs which "$merged/etc/os-release" "$merged/usr/bin/$sample_program" "$merged/etc/motd"

step 'Write: a file of layer 1 is copied up first, then changed; the layer keeps its own'
show sh -c "echo changed >> '$merged/etc/debian_version'"
show tail -n +1 "$merged/etc/debian_version" "$cache/base/etc/debian_version"
show stratafs which "$merged/etc/debian_version"

step 'Delete: the name is covered by a whiteout in the upper'
show rm "$merged/etc/issue"
show_failing cat "$merged/etc/issue"
show head -n 1 "$cache/base/etc/issue"

if stratafs inspect "$merged" | grep -q '"redirectDir": "on"'
then how='nothing is copied, the upper remembers where they are'
else how='it is copied, for the upper has no marks to remember where they are'; fi
step "Rename a directory whose files lie in layers 1 and 2: $how"
show mv "$merged/usr/share/doc" "$merged/usr/share/documentation"
note "$(find "$merged/usr/share/documentation" -type f | wc -l) files under the new name"

step 'Inspect: what runtimes and people ask about a mount'
show stratafs inspect "$merged"
show getfattr --absolute-names -n user.stratafs.layer "$merged/etc/motd"

step 'Run programs inside, with chroot'
show_inside "$merged" /usr/local/bin/hello
show_inside "$merged" sh -c "echo '{\"answer\": 42}' > /tmp/made-inside; ls -l /tmp/made-inside; $sample_command"

step 'Unmount, and look at what the upper directory holds: only the differences'
show stratafs unmount "$merged"
list_upper "$work/upper" usr/share/documentation

if [ "$transport" != fuse-native ]; then
  step 'A mistake, undone by a snapshot: one of a system in use is made in a moment, and gone back to'
  undo=$work/undo
  mkdir -p "$undo/upper" "$undo/work" "$undo/merged"
  stratafs mount --lower "$work/configuration" --lower "$cache/packages" --lower "$cache/base" \
    --upper "$undo/upper" --work "$undo/work" "$undo/merged"
  show sh -c "echo 'an hour of work' > '$undo/merged/root/notes'"
  show stratafs snapshot create "$undo/merged" before-cleaning-up
  show sh -c "rm -rf '$undo/merged/root/notes' '$undo/merged/usr/bin'; echo more > '$undo/merged/root/later'"
  show_failing chroot "$undo/merged" ls /
  note "$(stratafs snapshot diff "$undo/merged" before-cleaning-up | wc -l) paths are others than in the snapshot"
  show stratafs snapshot restore "$undo/merged" before-cleaning-up
  show cat "$undo/merged/root/notes"
  show_inside "$undo/merged" ls /root
  note 'and what was done since can be gone back to as well:'
  show stratafs snapshot list "$undo/merged"
  stratafs unmount "$undo/merged"
fi

step 'Check: the three layers are byte for byte what they were'
[ "$before" = "$(fingerprint "$work/configuration" "$cache/packages" "$cache/base")" ] || die 'a layer changed'
note 'unchanged (names, contents, owners, modes, times, extended attributes)'

printf '\n%sdemo: done in %s s%s\n' "$green" $((SECONDS - started)) "$plain"
