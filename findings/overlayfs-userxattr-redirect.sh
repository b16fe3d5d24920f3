#!/usr/bin/env bash
# Under userxattr kernel overlayfs neither writes nor follows redirects, and a directory that carries one is refused.
source "$(dirname "$0")/common.sh"
kernel
mkdir lower upper work merged
mkdir -p lower/d lower/e
touch lower/d/file lower/e/file
mkdir upper/moved
setfattr -n user.overlay.redirect -v d upper/moved
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr merged
python3 - > seen <<'P'
import errno, os
def name(act):
    try:
        act()
        return 'done'
    except OSError as error:
        return errno.errorcode[error.errno]
print('rename', name(lambda: os.rename('merged/e', 'merged/g')) + ',',
      'marked directory', name(lambda: os.listdir('merged/moved')))
P
found 'rename done, marked directory done: as with trusted.* marks and redirect_dir=on' \
  'rename EXDEV, marked directory EPERM' "$(cat seen)"
