#!/usr/bin/env bash
# `mount -o remount` of kernel overlayfs with another lower layer says 0 and changes nothing. With mount(2) every option
# of a remount is dropped, right or wrong; with fsconfig(2) the same is EINVAL. So a script that adds a layer like that
# starts to fail, rightly, when mount(8) goes over to the new calls (util-linux 2.39).
source "$(dirname "$0")/common.sh"
needs python3
kernel
mkdir lower other upper work merged
touch other/file
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
cat >try.py <<'P'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def name(result): return 'done' if result >= 0 else errno.errorcode[ctypes.get_errno()]
remount, here, pick, string, change = 32, -100, 433, 1, 7
old = name(libc.mount(None, b'merged', None, remount, b'lowerdir=other:lower,no such option'))
handle = libc.syscall(pick, here, b'merged', 0)
new = name(libc.syscall(431, handle, string, b'lowerdir', b'other:lower', 0))
if new == 'done': new = name(libc.syscall(431, handle, change, None, None, 0))
print(f'mount(2) {old}, fsconfig(2) {new}')
P
seen=$(python3 try.py)
if [ -e merged/file ]; then seen="$seen, layer added"; else seen="$seen, layer not added"; fi
found 'the same of both: EINVAL, or done and the layer added' \
  'mount(2) done, fsconfig(2) EINVAL, layer not added' "$seen"
