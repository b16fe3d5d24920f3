#!/usr/bin/env bash
# Mixed parallel load on one mount, until a time is up: stress-ng's filesystem stressors, fio with verification, git
# clones that are checked and compiled in, walks over the files that were there before (whose contents must stay the
# same), copy-ups of some of them, and the kernel's caches dropped every few seconds. Any failure is an error of the
# mount.
#
# Usage: scripts/load.sh MERGED SECONDS      (MERGED: a mount to be used up: files in it are copied up)
# Prints a line per kind of load and exits 1 after errors. What the daemon holds afterwards is for the caller to look at
# (`stratafs stats MERGED`). Needs stress-ng, fio, git and a C compiler; drops caches only as root.
set -uo pipefail
[ $# = 2 ] || { echo 'usage: scripts/load.sh MERGED SECONDS' >&2; exit 2; }
merged=$(cd "$1" && pwd) || exit 2
seconds=$2
project=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$PATH:/usr/sbin:/sbin"
for tool in stress-ng fio git cc; do
  command -v $tool >/dev/null || { echo "load: $tool is missing (scripts/setup.sh test installs it)" >&2; exit 2; }
done

room=$(mktemp -d "$merged/load.XXXXXX") || exit 2
logs=$(mktemp -d "${TMPDIR:-/tmp}/stratafs-load.XXXXXX") || exit 2
deadline=$((SECONDS + seconds))
workers=()

finish() {
  trap '' INT TERM
  local pid
  for pid in "${workers[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
  wait
  # A stressor that was ended half way leaves immutable files.
  chattr -R -ia "$room" 2>/dev/null
  rm -rf "$room" "$logs"
}
trap finish EXIT
trap 'exit 130' INT TERM

left() { echo $((deadline - SECONDS)); }

# Runs function `$1` over and over until the time is up, or it fails. Counts rounds; its output is kept for the report.
repeat() {
  local rounds=0
  while [ "$(left)" -gt 0 ]; do
    if ! "$1" >>"$logs/$1.log" 2>&1; then
      echo failed >"$logs/$1.failed"
      break
    fi
    rounds=$((rounds + 1))
    echo $rounds >"$logs/$1.rounds"
  done
}

# All of them known to Debian 12's stress-ng, and passing on kernel overlayfs.
stressors=(access chattr chdir chmod chown copy-file dentry dir dirdeep dirmany fallocate fcntl fiemap file-ioctl
  filename flock fpunch fsize fstat getdent hdd iomix link lockf locka mknod open rename seek sendfile symlink sync-file
  touch utime xattr)

# Each stressor alone for a share of the time, two workers each, checking what they read.
stress() {
  mkdir -p "$room/stress"
  local share=$((seconds / ${#stressors[@]})) arguments=() name
  for name in $(shuf -e "${stressors[@]}"); do
    [ "$(left)" -gt 0 ] || return 0
    # With less than a second to run each, as many as there is time for.
    arguments=("--$name" 2 --timeout "$((share > 0 ? share : 1))" --temp-path "$room/stress" --verify --oomable
      --hdd-bytes 16m --iomix-bytes 16m --fallocate-bytes 16m --copy-file-bytes 128m --seek-size 8m --sync-file-bytes 8m
      --dirmany-bytes 0 --log-brief)
    echo "stressor $name"
    stress-ng "${arguments[@]}" || return 1
  done
}

verified() {
  mkdir -p "$room/fio"
  local common=(--directory="$room/fio" --size=24m --nrfiles=3 --bsrange=1k-128k --verify=crc32c
    --verify_fatal=1 --minimal)
  fio --verify_state_save=0 --name=random --rw=randwrite --ioengine=psync "${common[@]}" &&
    fio --verify_state_save=0 --name=mapped --rw=randwrite --ioengine=mmap --bs=4k "${common[@]}" &&
    fio --verify_state_save=0 --name=synced --rw=write --ioengine=psync --fsync=32 "${common[@]}" &&
    rm -r "$room/fio"
}

cloned() {
  local clone=$room/clone number
  git clone -q --no-hardlinks "file://$project" "$clone" && git -C "$clone" fsck --full --strict >/dev/null || return 1
  mkdir -p "$clone/c"
  for number in $(seq 12); do
    printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint part%s(int n) { return n + %s; }\n' \
      $number $number >"$clone/c/$number.c"
    cc -O1 -c "$clone/c/$number.c" -o "$clone/c/$number.o" || return 1
  done
  ar rc "$clone/c/all.a" "$clone"/c/*.o &&
    printf 'int part12(int);\nint main(void) { return part12(30) == 42 ? 0 : 1; }\n' >"$clone/c/main.c" &&
    cc "$clone/c/main.c" "$clone/c/all.a" -o "$clone/c/main" && "$clone/c/main" &&
    git -C "$clone" checkout -q -b other && git -C "$clone" add -A &&
    git -C "$clone" -c user.name=load -c user.email=load@localhost commit -qm load &&
    [ -z "$(git -C "$clone" status --porcelain)" ] && rm -r "$clone"
}

# Up to 3000 files that were there before, as one checksum over names, owners, modes, sizes and contents.
walked() { [ "$(tree_checksum)" = "$(cat "$logs/before")" ]; }

tree_checksum() {
  tar --null --no-recursion --numeric-owner --format=posix --pax-option=delete=atime,delete=ctime \
    -C "$merged" -cf - -T "$logs/files" | sha256sum
}

# Setting the times a file has copies it up and changes nothing to be seen.
touched() {
  local file
  shuf -z -n 3 "$logs/files" | while IFS= read -r -d '' file; do
    [ ! -f "$merged/$file" ] || [ -L "$merged/$file" ] || touch -c -r "$merged/$file" "$merged/$file" || return 1
  done
  sleep 0.5
}

dropped() {
  sleep 3
  sync -f "$merged" && echo 3 >/proc/sys/vm/drop_caches
}

(cd "$merged" && find . -xdev -path "./${room##*/}" -prune -o \( -type f -o -type l -o -type d \) -print0 |
  sort -z | head -z -n 3000) >"$logs/files"
tree_checksum >"$logs/before"

kinds=(stress verified cloned walked touched)
if [ "$(id -u)" = 0 ] && [ -w /proc/sys/vm/drop_caches ]; then kinds+=(dropped)
else echo 'load: caches are not dropped (not root)'; fi
set -m
for kind in "${kinds[@]}"; do
  repeat "$kind" &
  workers+=($!)
done
set +m
wait "${workers[@]}"

status=0
for kind in "${kinds[@]}"; do
  if [ -e "$logs/$kind.failed" ]; then
    status=1
    printf 'load: %-8s FAILED after %s rounds:\n' "$kind" "$(cat "$logs/$kind.rounds" 2>/dev/null || echo 0)"
    tail -n 15 "$logs/$kind.log" | sed 's/^/    /'
  else
    printf 'load: %-8s %s rounds, no error\n' "$kind" \
      "$(cat "$logs/$kind.rounds" 2>/dev/null || echo 'part of one of the')"
  fi
done
workers=()
exit $status
