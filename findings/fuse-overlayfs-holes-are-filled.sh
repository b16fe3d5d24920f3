#!/usr/bin/env bash
# A sparse lower file (a disk image, a database, /var/log/lastlog) keeps its holes when kernel overlayfs copies it up.
# fuse-overlayfs 1.10 writes all of them out, and SEEK_HOLE in its mount finds none: a file of 50 MiB with one block of
# data takes 50 MiB of the upper by a write of one byte.
source "$(dirname "$0")/common.sh"
debian fuse-overlayfs 1.10-1
needs python3
mkdir lower upper work merged upper2 work2 merged2
truncate -s 50M lower/sparse
echo end >>lower/sparse
hole() { python3 -c 'import os, sys; print(os.lseek(os.open(sys.argv[1], os.O_RDONLY), 0, os.SEEK_HOLE))' "$1"; }
look() {
  local first
  first=$(hole "$1/sparse")
  echo >>"$1/sparse"
  sync "$1/sparse"
  local blocks
  blocks=$(stat -c %b "$2/sparse")
  echo "first hole at $first, $([ "$blocks" -gt 100000 ] && echo 'all blocks' || echo 'few blocks') then"
}
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
kernel="$(look merged upper)"
fuse-overlayfs -o lowerdir=lower,upperdir=upper2,workdir=work2 merged2 2>/dev/null
found "kernel overlayfs: $kernel; fuse-overlayfs the same" \
  'kernel overlayfs: first hole at 0, few blocks then; fuse-overlayfs: first hole at 52428804, all blocks then' \
  "kernel overlayfs: $kernel; fuse-overlayfs: $(look merged2 upper2)"
