#!/usr/bin/env bash
# syncfs(2) on a FUSE mount returns 0 and the server hears nothing of it. The protocol has a request for it since 7.34,
# SYNCFS, which the server of an ordinary mount is not sent. So `sync -f` makes nothing durable that a server keeps
# back; fsync(2) of each file does.
source "$(dirname "$0")/common.sh"
needs python3 /dev/fuse
kernel
mkdir mounted
cat >try.py <<'P'
import fuse, os
def client():
    file = os.open('mounted/f', os.O_RDWR)
    os.write(file, b'hello')
    returned = fuse.libc.syncfs(file)
    os.fsync(file)
    return str(returned)
returned, requests = fuse.run('mounted', client)
print(f'syncfs {returned}, the server sees', *requests)
P
found 'syncfs 0, the server sees WRITE SYNCFS FSYNC' 'syncfs 0, the server sees WRITE FSYNC' \
  "$(timeout -s INT 20 python3 try.py)"
