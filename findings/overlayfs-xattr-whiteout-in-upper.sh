#!/usr/bin/env bash
# A whiteout may be an empty file with an attribute, in a directory marked for that (opaque = x). In a lower layer it
# hides the name. overlayfs.rst describes it for the upper layer, too, where it half works: the name cannot be looked up
# and is listed all the same. So the directory cannot be removed, not even by rm -rf.
source "$(dirname "$0")/common.sh"
needs setfattr
kernel
mkdir -p bottom/d marked/d work merged
echo hello >bottom/d/f
touch marked/d/f
setfattr -n trusted.overlay.whiteout -v '' marked/d/f
setfattr -n trusted.overlay.opaque -v x marked/d
listed() { ls merged/d 2>/dev/null | tr -d '\n'; }
mount -t overlay overlay -o lowerdir=marked:bottom merged
seen="as a lower layer: listed '$(listed)'"
umount merged
mount -t overlay overlay -o lowerdir=bottom,upperdir=marked,workdir=work merged
if cat merged/d/f 2>/dev/null; then read=yes; else read=no; fi
seen="$seen; as the upper: listed '$(listed)', read $read, $(rm -rf merged/d 2>&1 | sed 's/.*: //')"
found "as a lower layer: listed ''; as the upper: listed '', read no, d is removed" \
  "as a lower layer: listed ''; as the upper: listed 'f', read no, Directory not empty" "$seen"
