#!/usr/bin/env bash
# fuse-overlayfs 1.10 copies a FIFO or a device of a lower layer up as an empty regular file. A chmod gives EIO, since
# the kernel sees the type change, and the file is there all the same; a rename says nothing.
source "$(dirname "$0")/common.sh"
debian fuse-overlayfs 1.10-1
mkdir lower upper work merged
mkfifo lower/fifo lower/moved
mknod lower/null c 1 3
fuse-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work merged 2>/dev/null
change() {
  "$@" 2>&1 | sed 's/.*: //' | grep . || echo done
}
seen="chmod: $(change chmod 600 merged/fifo), $(change chmod 600 merged/null)"
seen="$seen; rename: $(change mv merged/moved merged/new)"
seen="$seen; now $(stat -c '%A' upper/fifo upper/null upper/new | tr '\n' ' ')"
found 'chmod: done, done; rename: done; now prw------- crw------- prw-r--r-- ' \
  'chmod: Input/output error, Input/output error; rename: done; now -rw------- -rw------- -rw-r--r-- ' "$seen"
