#!/usr/bin/env bash
# A directory of a detached mount (open_tree with OPEN_TREE_CLONE) can be given to overlayfs as a layer by its
# descriptor, while the descriptor that open_tree returned is open, too. When that is closed the directory's own still
# reads, so one would think that it keeps the mount. As a layer, or for another clone, it is EINVAL.
source "$(dirname "$0")/common.sh"
needs python3
kernel
mkdir -p tree/sub other
echo hello >tree/sub/file
cat >try.py <<'P'
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def name(result): return 'done' if result >= 0 else errno.errorcode[ctypes.get_errno()]

def open_tree(at, path, empty): return libc.syscall(428, at, path, 1 | empty)

def overlay(layer):
    context, string, descriptor, create = libc.syscall(430, b'overlay', 0), 1, 5, 6
    steps = [(descriptor, b'lowerdir+', None, layer), (string, b'lowerdir+', b'other', 0), (create, None, None, 0)]
    return name(min(libc.syscall(431, context, *step) for step in steps))

clone = open_tree(-100, b'tree', 0)
layer = os.open('sub', os.O_PATH, dir_fd=clone)
before = overlay(layer)
os.close(clone)
read = os.read(os.open('file', os.O_RDONLY, dir_fd=layer), 9).decode().strip()
print(f'overlay {before}; clone closed: read {read}, overlay {overlay(layer)}, clone '
      + name(open_tree(layer, b'', 0x1000)))
P
found 'overlay done; clone closed: read hello, overlay done, clone done' \
  'overlay done; clone closed: read hello, overlay EINVAL, clone EINVAL' "$(python3 try.py)"
