#!/usr/bin/env bash
# What is made in a setgid directory gets that directory's group, and directories get the bit, on every filesystem of
# Linux and on kernel overlayfs. fuse-overlayfs 1.10 makes it in the workdir first and then moves it: the group is the
# caller's, and the bit is lost. For the same reason a new directory lacks the entries of its parent's default ACL.
source "$(dirname "$0")/common.sh"
debian fuse-overlayfs 1.10-1
needs setfacl getfacl
mkdir -p lower/shared upper work merged upper2 work2 merged2
chgrp 1234 lower/shared
chmod 2775 lower/shared
setfacl -d -m u:1234:rwx lower/shared
look() {
  touch "$1/shared/file"
  mkdir "$1/shared/folder"
  local named
  named=$(getfacl -c "$1/shared/folder" | grep -c '^user:1234:')
  echo "$(stat -c '%g' "$1/shared/file") $(stat -c '%g %A' "$1/shared/folder"), $named entry for 1234"
}
umask 022
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
kernel="$(look merged)"
fuse-overlayfs -o lowerdir=lower,upperdir=upper2,workdir=work2 merged2 2>/dev/null
found "kernel overlayfs: $kernel; fuse-overlayfs the same" \
  'kernel overlayfs: 1234 1234 drwxrwsr-x, 1 entry for 1234; fuse-overlayfs: 0 0 drwxr-xr-x, 0 entry for 1234' \
  "kernel overlayfs: $kernel; fuse-overlayfs: $(look merged2)"
