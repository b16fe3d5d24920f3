#!/usr/bin/env bash
# In a user namespace kernel overlayfs takes a directory above the upper as a lower layer, but not the root directory.
source "$(dirname "$0")/common.sh"
kernel
mkdir -p parent/upper parent/work merged
chmod 755 .
try() {
  unshare -Urm mount -t overlay overlay \
    -o "userxattr,lowerdir=$1,upperdir=parent/upper,workdir=parent/work" merged 2>/dev/null
  echo $?
}
found 'the parent of the upper: mount 0; /: mount 0, as for root' 'the parent of the upper: mount 0; /: mount 32' \
  "the parent of the upper: mount $(try parent); /: mount $(try /)"
