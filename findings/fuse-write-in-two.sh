#!/usr/bin/env bash
# A FUSE server takes writes of up to 1 MiB. A program writes 8 KiB by one call, once from the beginning of a page on,
# once from its middle on. The first comes as one request, the second as two: what belongs to the first page, and the
# rest. Whoever reads the server's file meanwhile can see half of it, and so does whoever comes after a server's death.
source "$(dirname "$0")/common.sh"
needs python3 /dev/fuse
kernel
mkdir mounted
cat >try.py <<'P'
import fuse, os, struct
BIG_WRITES = 1 << 5
def answer(self, code, node, body):
    if code == fuse.WRITE: self.seen[-1] = '%d+%d' % struct.unpack_from('=QI', body, 8)
    return fuse.Server.answer(self, code, node, body)
def writes(at):
    client = lambda: str(os.pwrite(os.open('mounted/f', os.O_WRONLY), bytes(8192), at))
    return ' '.join(fuse.run('mounted', client, size=2**16, flags=BIG_WRITES, answer=answer)[1])
print(f'{writes(4096)}; {writes(4196)}')
P
found '4096+8192; 4196+8192' '4096+8192; 4196+3996 8192+4196' "$(timeout -s INT 20 python3 try.py)"
