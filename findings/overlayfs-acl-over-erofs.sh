#!/usr/bin/env bash
# Kernel overlayfs over EROFS, as composefs mounts it, with a writable upper on ext4. chmod, chown and setfattr of a
# lower file copy it up and work. setfacl is "Operation not supported", though the upper takes ACLs, as it does for the
# same file once anything else was changed. EROFS shows ACLs and has no call that sets one, and the kernel asks the
# lower file for that call before it thinks of copying up.
source "$(dirname "$0")/common.sh"
needs mkfs.erofs setfacl
debian erofs-utils 1.5-1
kernel
mkdir tree low disk m
echo lower >tree/f
echo lower >tree/g
mkfs.erofs image tree >/dev/null 2>&1
mount -o loop -t erofs image low
truncate -s 32M ext4 && mkfs.ext4 -q ext4 && mount -o loop ext4 disk
mkdir disk/u disk/w
mount -t overlay overlay -o lowerdir=low,upperdir=disk/u,workdir=disk/w m
acl() { setfacl -m u:5:r "m/$1" 2>&1 && echo set; }
seen="f: $(acl f | sed 's/.*: //')"
chmod 600 m/g
seen="$seen; g, after chmod: $(acl g)"
found 'f: set; g, after chmod: set' 'f: Operation not supported; g, after chmod: set' "$seen"
