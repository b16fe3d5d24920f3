#!/usr/bin/env bash
# Two calls that go by a file's page cache do nothing on kernel overlayfs, and say that all is well. The pages belong to
# the file of the layer; the file of the overlay has a cache of its own, which stays empty. So sync_file_range(2), which
# databases spread their writing out with, returns 0 and writes nothing, and cachestat(2) counts no page as cached.
# fsync(2) and mincore(2) are handed on. What is on the disk is told by FIEMAP: DELALLOC means only in memory.
source "$(dirname "$0")/common.sh"
needs python3 mkfs.ext4
kernel
mkdir disk && truncate -s 64M image && mkfs.ext4 -q image && mount -o loop image disk && cd disk || exit 2
mkdir lower upper work merged
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
cat >try.py <<'P'
import ctypes, fcntl, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
path, real = sys.argv[1:]

def in_memory_only():
    fd = os.open(real, os.O_RDONLY)
    extents = bytearray(32 + 8 * 56)
    struct.pack_into('=QQIIII', extents, 0, 0, 2**63, 0, 0, 8, 0)
    fcntl.ioctl(fd, 0xC020660B, extents)
    os.close(fd)
    return bool(struct.unpack_from('=I', extents, 32 + 40)[0] & 4)

def cached(fd):
    everything, counts = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
    if libc.syscall(451, fd, everything, counts, 0): sys.exit('cachestat failed')
    return counts[0]

fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
os.write(fd, b'x' * 2**20)
pages = cached(fd)
returned = libc.sync_file_range(fd, ctypes.c_int64(0), ctypes.c_int64(0), 7)
print(f'{pages} pages, returned {returned}, in memory only: {in_memory_only()}')
P
seen="ext4: $(python3 try.py plain plain); overlay: $(python3 try.py merged/file upper/file)"
found 'the same on both, or an error' \
  "ext4: 256 pages, returned 0, in memory only: False; overlay: 0 pages, returned 0, in memory only: True" "$seen"
