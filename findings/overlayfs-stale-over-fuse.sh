#!/usr/bin/env bash
# Kernel overlayfs with index=on over a FUSE server that answers file handles (FUSE_EXPORT_SUPPORT). A file was copied
# up and the overlay mounted again. It is statted, and statted once more, with nothing in between: the second time it is
# a "Stale file handle". A FUSE name counts as outdated when it is older than its connection's epoch, which begins at 1.
# One that is made from a handle has no epoch at all, and the overlay asks about it at each access but the first.
source "$(dirname "$0")/common.sh"
needs python3 /dev/fuse
kernel
mkdir low up m
mount -t tmpfs up up
mkdir up/u up/w
cat >try.py <<'P'
import fuse, struct, subprocess
STATFS, EXPORT_SUPPORT = 17, 1 << 4
def answer(self, code, node, body):
    if code == fuse.LOOKUP and body == b'.\0':  # the node itself, of which the kernel has a handle
        return struct.pack('=QQQQQ', node, 0, 9, 9, 0) + self.attributes(node)
    if code == STATFS: return struct.pack('=QQQQQIIII24x', 9, 9, 9, 9, 9, 4096, 255, 4096, 0)
    return fuse.Server.answer(self, code, node, body)
def sh(script):
    return subprocess.run(script, shell=True, stdout=-1, stderr=subprocess.STDOUT, text=True).stdout.strip()
def client():
    mount = 'mount -t overlay overlay -o index=on,lowerdir=low,upperdir=up/u,workdir=up/w m'
    sh(f'{mount}; echo more >>m/f; umount m; echo 2 >/proc/sys/vm/drop_caches; {mount}')
    twice = [sh('stat -c "%s bytes" m/f').split(': ')[-1] for _ in range(2)]
    sh('umount m')
    return ', then '.join(twice)
print(fuse.run('low', client, size=1, flags=EXPORT_SUPPORT, answer=answer)[0])
P
found '6 bytes, then 6 bytes' '6 bytes, then Stale file handle' "$(timeout -s INT 20 python3 try.py)"
