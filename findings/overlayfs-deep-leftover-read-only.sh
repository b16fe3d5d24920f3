#!/usr/bin/env bash
# What is left two levels deep in the workdir makes kernel overlayfs's next mount read-only; mount(8) says nothing.
source "$(dirname "$0")/common.sh"
kernel
mkdir lower upper work merged
touch lower/file
try() {
  mkdir -p "work/work/$1"
  touch "work/work/$1/left"
  mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,index=on merged
  printf '%s: mount %s, touch ' "$2" $?
  if touch merged/new 2>touch.err; then printf 'done'; else printf '%s' "$(sed 's/.*: //' touch.err)"; fi
  umount merged
  rm -rf "work/work/$1"
}
seen="$(try '#1' 'one level'); $(try '#1/deep' 'two levels')"
found 'both mounts can be written, or the second is refused' \
  'one level: mount 0, touch done; two levels: mount 0, touch Read-only file system' "$seen"
