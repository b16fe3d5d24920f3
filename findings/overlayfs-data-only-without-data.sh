#!/usr/bin/env bash
# A metacopy whose content no data-only layer has: half of what can be done with a file can be done with it. One would
# expect the name to be absent, or each call to fail. It is looked at, listed and removed like any other; what needs the
# content, a change of mode and a new name among it, is ENOENT. When the content comes while mounted, it is read.
source "$(dirname "$0")/common.sh"
kernel
mkdir meta data upper work merged
truncate -s 6 meta/f
setfattr -n trusted.overlay.metacopy -v '' meta/f
setfattr -n trusted.overlay.redirect -v /blob meta/f
cp -a meta/f meta/g
mount -t overlay overlay -o lowerdir=meta::data,upperdir=upper,workdir=work,metacopy=on,redirect_dir=on merged
tell() { "$@" >/dev/null 2>&1 && echo yes || echo no; }
size=$(stat -c %s merged/f)
seen="size $size, read $(tell cat merged/f), chmod $(tell chmod 600 merged/f), link $(tell ln merged/f merged/l)"
seen="$seen, rename $(tell mv merged/f merged/h), unlink $(tell rm merged/g)"
echo hello >data/blob
seen="$seen, later read $(tell cat merged/f)"
found 'ENOENT for all, or for reading alone' \
  'size 6, read no, chmod no, link no, rename no, unlink yes, later read yes' "$seen"
