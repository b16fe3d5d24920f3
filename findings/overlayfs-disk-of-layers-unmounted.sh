#!/usr/bin/env bash
# The disk that the layers of an overlay lie on can be unmounted below it. One would expect EBUSY, as for a disk with an
# open file. umount says 0 and the disk leaves /proc/mounts, but the overlay has a mount of its own and goes on writing.
# Whoever believes umount and pulls or copies the disk has half of the data.
source "$(dirname "$0")/common.sh"
needs mkfs.ext4 losetup
kernel
mkdir disk merged && truncate -s 64M image && mkfs.ext4 -q image && mount -o loop image disk || exit 2
mkdir disk/lower disk/upper disk/work
mount -t overlay overlay -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work merged
umount disk 2>/dev/null
seen="umount $?, listed $(grep -c " $folder/disk " /proc/mounts)"
echo later >merged/file && seen="$seen, written afterwards"
losetup -j image | grep -q . && seen="$seen, device in use"
mount -o loop image disk && seen="$seen, in it $(cat disk/upper/file)"
found 'umount 32: target is busy' \
  'umount 0, listed 0, written afterwards, device in use, in it later' "$seen"
