#!/usr/bin/env bash
# A FUSE server that leaves the number of links of its files at 0 has files that are listed, read and written. ln of one
# is "No such file or directory", and the server is not asked: the kernel takes no links for a file that is gone.
source "$(dirname "$0")/common.sh"
needs python3 /dev/fuse
kernel
mkdir mounted
cat >try.py <<'P'
import fuse, os
def client():
    seen = f'read {open("mounted/f").read()}, link '
    try: os.link('mounted/f', 'mounted/g')
    except OSError as error: return seen + os.strerror(error.errno)
    return seen + 'done'
result, requests = fuse.run('mounted', client, size=1, links=0)
print(f'{result}, the server sees', *requests)
P
found 'read x, link Function not implemented, the server sees READ LINK: by its own answer' \
  'read x, link No such file or directory, the server sees READ' "$(timeout -s INT 20 python3 try.py)"
