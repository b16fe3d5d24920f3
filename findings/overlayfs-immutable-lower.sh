#!/usr/bin/env bash
# chattr +i of a lower file protects it in the merged tree too, and +i set there is kept as an attribute of the upper
# file.
source "$(dirname "$0")/common.sh"
kernel
mkdir disk && truncate -s 32M image && mkfs.ext4 -q image && mount -o loop image disk && cd disk || exit 2
mkdir lower upper work merged
touch lower/protected lower/free
chattr +i lower/protected
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
if rm merged/protected 2>/dev/null; then removed=yes; else removed=no; fi
chattr +i merged/free
if lsattr merged/free | grep -q '^[^ ]*i'; then shown=shown; else shown='not shown'; fi
if lsattr upper/free | grep -q '^[^ ]*i'; then kept='flag in the upper'
else kept=$(getfattr --absolute-names -n trusted.overlay.protattr --only-values upper/free 2>/dev/null); fi
chattr -i lower/protected merged/free
found 'removable, since a whiteout needs nothing of the lower file; the flag itself in the upper' \
  'removed: no; +i shown, kept as: i' "removed: $removed; +i $shown, kept as: $kept"
