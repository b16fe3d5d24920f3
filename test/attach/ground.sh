#!/usr/bin/env bash
# What the attach cases run on: called as process 1 of a mount and a pid namespace of its own, it hides what this
# machine has of runtimes and leaves the rest as it is. When its one argument list has run, everything below it ends and
# every mount goes, whatever a runtime may have left.
#
# Usage: unshare -m -p -f --mount-proc --kill-child bash ground.sh ROOM PROGRAM [ARGUMENT…]
set -euo pipefail
room=$1
shift

# A copy of another test's mount in this namespace would keep its daemon from ending.
umount -a -l -t fuse.stratafs,fuse.fuse-overlayfs,fuse 2>/dev/null || true

# Runtimes take the cgroup2 part of a hybrid hierarchy for the whole of it.
umount /sys/fs/cgroup/unified 2>/dev/null || true

mount -t tmpfs -o mode=755 attach /run
mount -t tmpfs -o mode=1777 attach /dev/shm

# What they write beside what they were told (keys, caches, helpers) goes to memory.
cover() {
  [ -d "$1" ] || return 0
  local layer="/run/attach$1"
  mkdir -p "$layer/upper" "$layer/work"
  mount -t overlay attach -o "lowerdir=$1,upperdir=$layer/upper,workdir=$layer/work" "$1"
}
for directory in /etc /usr/sbin /var/lib /var/cache /opt /root; do cover "$directory"; done

# One ordinary user with ids of its own to give away.
printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' "strata:x:4242:4242::$room/user:/bin/sh" >/etc/passwd
printf '%s\n' 'root:x:0:' 'strata:x:4242:' >/etc/group
for file in /etc/subuid /etc/subgid; do echo 'strata:500000:65536' >"$file"; done
mkdir -p /run/user/4242
chown 4242:4242 /run/user/4242

# Where /dev/fuse is root's alone, everybody else gets a node that is not.
mknod /run/attach/fuse c 10 229
chmod 666 /run/attach/fuse
mount --bind /run/attach/fuse /dev/fuse

# Runtimes share their mounts with one another; with nobody outside, for this tree began as a private one.
mount --make-rshared /

status=0
"$@" || status=$?

# Groups that are empty by now. A foreign one of the same name is not, or is made again by its owner.
find /sys/fs/cgroup -mindepth 2 -depth -type d \( -path '*/libpod_parent*' -o -path '*/docker*' \
  -o -path '*/buildah-*' -o -path '*/stratafs-attach*' \) \
  -exec rmdir {} + 2>/dev/null || true
exit $status
