#!/usr/bin/env bash
# fuse-overlayfs 1.10 loses a whiteout when a new file that was renamed over it is removed.
source "$(dirname "$0")/common.sh"
debian fuse-overlayfs 1.10-1
mkdir lower upper work merged
echo below > lower/f
fuse-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work merged
rm merged/f
echo new > merged/q
mv merged/q merged/f
rm merged/f
seen=$(cat merged/f 2>/dev/null || echo 'no such file')
found 'no such file: f was deleted, replaced, and deleted again' 'below' "$seen"
