#!/usr/bin/env bash
# A FUSE server that answers a READ with less than was asked, though the file goes on. By libfuse's fuse.h the rest is
# filled with zeros, unless the file is direct_io. That is so with the writeback cache only. Without, which is the
# default, the answer is the end of the file: cat stops without an error, while stat still gives the whole size.
source "$(dirname "$0")/common.sh"
needs python3 /dev/fuse
kernel
mkdir mounted
cat >try.py <<'P'
import fuse, os, subprocess
def client():
    content = subprocess.run(['cat', 'mounted/f'], capture_output=True, check=True).stdout
    return f'{content.count(b"x")} bytes and {content.count(0)} zeros of {os.stat("mounted/f").st_size}'
default, cached = (fuse.run('mounted', client, size=8192, at_most=100, flags=flags)[0] for flags in (0, 1 << 16))
print(f'default: {default}; writeback cache: {cached}')
P
found 'default: 100 bytes and 8092 zeros of 8192; writeback cache: 100 bytes and 8092 zeros of 8192' \
  'default: 100 bytes and 0 zeros of 8192; writeback cache: 100 bytes and 8092 zeros of 8192' \
  "$(timeout -s INT 20 python3 try.py)"
