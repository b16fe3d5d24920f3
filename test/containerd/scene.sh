#!/usr/bin/env bash
# Images and containers through a private containerd with our snapshotter, in namespaces of their own (test/attach's
# ground.sh). Prints `ok NAME` for what holds, and ends with 1 at the first thing that does not.
#
# Usage: scene.sh PLACE STRATAFS short|fuse3|kill [ROUNDS]    (PLACE has base.tar, the archives of images)
# The containerd in PATH is taken.
set -euo pipefail
place=$1 stratafs=$2 mode=$3 rounds=${4:-200}
export STRATAFS_RUN_DIR=/run/stratafs-test STRATAFS_HOST_IDLE=5
ctr() { timeout 120 ctr -a /run/c.sock "$@"; }
snapshots() { ctr snapshots --snapshotter stratafs "$@"; }
ok() { echo "ok $1"; }
fail() {
  echo "not ok $1"
  # Who is there, and who listens: a refused connection has one of these for its cause.
  for pid in $snapshotter $containerd; do
    echo "--- process $pid: $(tr '\0' ' ' 2>/dev/null </proc/$pid/cmdline || echo gone)"
  done
  ls -l /run/s.sock /run/c.sock; awk '$8 ~ /^\/run\/[sc].sock$/ { print $6, $8 }' /proc/net/unix | sort | uniq -c
  echo "--- calls that failed last"; tail -5 "$place/probe.log" "$place/load.log" 2>/dev/null || true
  echo "--- snapshotter"; tail -60 "$place/snapshotter.log"; echo "--- containerd"; tail -15 "$place/containerd.log"
  exit 1
}
same() { [ "$2" = "$3" ] || fail "$1: \"$2\" and not \"$3\""; ok "$1"; }

mounts=bind
if [ "$mode" = fuse3 ]; then
  # mount.fuse3 looks for the program in PATH.
  mounts=fuse3
  mkdir "$place/bin"
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$stratafs" >"$place/bin/stratafs"
  chmod +x "$place/bin/stratafs"
  PATH=$place/bin:$PATH
fi

starts=0
start_snapshotter() {
  starts=$((starts + 1))
  "$stratafs" snapshotter --root "$place/root" --address /run/s.sock --containerd /run/c.sock --mounts $mounts \
    >>"$place/snapshotter.log" 2>&1 &
  snapshotter=$!
}
# It has said so; containerd, which waits longer and longer for what did not answer, has come back to it.
# A machine with much to do may take long for both; a snapshotter that has ended by itself is a fault at once.
answers() {
  local deadline=$((SECONDS + 180)) key
  while [ $SECONDS -lt $deadline ]; do
    kill -0 $snapshotter 2>/dev/null || fail "$1: the snapshotter has ended by itself"
    key=probe-$RANDOM$RANDOM
    if [ "$(grep -c 'serves containerd' "$place/snapshotter.log")" -ge $starts ] &&
      snapshots view $key >/dev/null 2>>"$place/probe.log"; then
      snapshots rm $key >/dev/null 2>&1 || true
      return
    fi
    sleep 0.05
  done
  fail "$1"
}

cat >"$place/containerd.toml" <<TOML
version = 2
root = "$place/containerd"
state = "/run/c"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/c.sock"
$("$stratafs" snapshotter --print-config --json --address /run/s.sock | node -p '
  JSON.parse(require("fs").readFileSync(0)).config.replace(/^version.*$/m, "")')
TOML
start_snapshotter
containerd -c "$place/containerd.toml" >"$place/containerd.log" 2>&1 </dev/null &
containerd=$!
answers 'containerd with the snapshotter answers'

import() { ctr images import --snapshotter stratafs "$place/$1.tar" >/dev/null; }
run() { ctr run --rm --snapshotter stratafs "$@" </dev/null; }
sums='cd /; find bin data etc many layers made -type f 2>/dev/null | sort | head -2000 | xargs md5sum | md5sum'
print='cd /; find bin data etc many layers made 2>/dev/null | sort | tr "\\n" "\\0" | xargs -0 stat -c "%n %F %a %u:%g"'

# Everything goes: containers, images, and with them snapshots, directories and mounts.
nothing_left() {
  for c in $(ctr containers ls -q); do ctr containers rm "$c" >/dev/null; done
  for i in $(ctr images ls -q); do ctr images rm --sync "$i" >/dev/null; done
  for _ in $(seq 200); do
    left="$(snapshots ls | tail -n +2)$(ls "$place/root/snapshots")$(grep "$place/root" /proc/self/mountinfo || true)"
    [ -n "$left" ] || break
    sleep 0.05
  done
  same "$1" "$left" ''
}

short() {
  import app
  ok 'import and unpack'
  said=$(run test/app:1 box /bin/sh -c 'cat /data/plain /data/new; ls /data/deep 2>&1 | wc -l')
  same 'run' "$said" "$(printf 'base\nnew\n0')"
  # What a container sees is what tar unpacks.
  mkdir -p "$place/want" "$place/seen"
  tar -C "$place/want" --numeric-owner -xf "$place/base.tar"; rm -rf "$place/want/data/deep/"* "$place/want/data/hard1"
  echo new >"$place/want/data/new"
  ctr images mount --snapshotter stratafs test/app:1 "$place/seen" >/dev/null
  same 'content through an image mount' "$(cd "$place/seen"; bash -c "${print//cd \//:}")" \
    "$(cd "$place/want"; bash -c "${print//cd \//:}")"
  ctr images unmount --rm "$place/seen" >/dev/null

  ctr run --snapshotter stratafs test/app:1 kept /bin/sh -c \
    'rm /data/plain; echo more >/data/more; mkdir /made; echo x >/made/x' </dev/null
  said=$(snapshots diff kept | tar -tzf - | grep -v '/$' | sort | tr '\n' ' ')
  same 'what a container changed' "$said" 'data/.wh.plain data/more made/x '
  fs=$(ls "$place"/root/snapshots/*/fs/made/x); fs=${fs%/made/x}
  # Whiteouts count for nothing.
  same 'usage is what du counts' "$(snapshots usage -b kept | tail -1 | awk '{ print $2, $3 }')" \
    "$(du -s -B1 "$fs" | cut -f1) $(find "$fs" ! -type c -printf '%i\n' | sort -u | wc -l)"
  ctr containers rm kept >/dev/null 2>&1 || true

  snapshots prepare work "$(snapshots ls | awk '$3 == "Committed" { print $1 }' | tail -1)" >/dev/null
  snapshots commit committed work
  # A view has no root in ctr: one that is collected stays a child of its parent in containerd's own records.
  snapshots prepare look committed >/dev/null
  said=$(snapshots ls | awk '$1 == "committed" { print $3 }')
  same 'commit' "$said" Committed
  snapshots rm look
  snapshots rm committed
  same 'removed' "$(snapshots ls | grep -c '^committed ')" 0

  import many
  said=$(run test/many:1 box /bin/sh -c 'ls /layers | wc -l; cat /data/plain; cat /last')
  same 'a hundred layers' "$said" "$(printf '100\nbase\n99')"

  for i in 1 2 3 4; do import "other$i" & pids[i]=$!; done
  for i in 1 2 3 4; do wait "${pids[i]}" || fail 'images are imported side by side'; done
  for i in 1 2 3 4; do same "imported side by side: $i" "$(run "test/other:$i" box /bin/cat /which)" "$i"; done

  said=$(run --uidmap 0:100000:65536 --gidmap 0:100000:65536 --remap-labels test/app:1 mapped /bin/sh -c \
    'id -u; stat -c %u:%g /data/plain /data/owned; echo x >/made; cat /proc/self/uid_map | tr -s " "')
  same 'owners in a user namespace' "$said" "$(printf '0\n0:0\n7:8\n 0 100000 65536')"

  kill -9 $snapshotter; wait $snapshotter 2>/dev/null || true
  start_snapshotter; answers 'it answers after a kill'
  same 'after a kill' "$(run test/app:1 box /bin/cat /data/new)" new
  nothing_left 'nothing is left'
}

# containerd calls mount.fuse3 for each mount; what it made belongs to whoever made it.
fuse3() {
  import app
  said=$(run test/app:1 box /bin/sh -c \
    'cat /data/plain /data/new; ls /data/deep 2>&1 | wc -l; grep -c " / fuse" /proc/mounts')
  same 'run on a mount of mount.fuse3' "$said" "$(printf 'base\nnew\n0\n1')"
  ctr run --snapshotter stratafs test/app:1 kept /bin/sh -c 'rm /data/plain; echo more >/data/more' </dev/null
  said=$(snapshots diff kept | tar -tzf - | grep -v '/$' | sort | tr '\n' ' ')
  same 'what a container changed' "$said" 'data/.wh.plain data/more '
  nothing_left 'nothing is left of mount.fuse3'
}

# Load of all kinds, over and over, while the snapshotter is killed; what fails is done once more.
through() { echo "$1" >>"$place/through"; }
load() {
  set +e
  n=0
  while [ -e "$place/loading" ]; do
    n=$((n + 1))
    import app && through import
    import "other$((n % 4 + 1))" && through import
    run test/app:1 "box$1-$n" /bin/sh -c 'echo x >/data/x; rm /data/plain' >/dev/null && through run
    ctr containers rm "box$1-$n" >/dev/null 2>&1 || true
    snapshots usage >/dev/null && through usage
    [ $((n % 3)) != 0 ] || { ctr images rm --sync test/app:1 "test/other:$((n % 4 + 1))" >/dev/null && through rm; }
  done
}

killing() {
  touch "$place/loading" "$place/through"
  load a >>"$place/load.log" 2>&1 & loads=$!
  load b >>"$place/load.log" 2>&1 & loads="$loads $!"
  for i in $(seq "$rounds"); do
    sleep "0.$((RANDOM % 9))$((RANDOM % 9))"
    kill -9 $snapshotter 2>/dev/null || fail "the snapshotter had ended by itself before kill $i"
    wait $snapshotter 2>/dev/null || true
    start_snapshotter
    answers "it answers after kill $i"
  done
  rm "$place/loading"
  for pid in $loads; do wait "$pid" || true; done
  for what in import run usage rm; do
    count=$(grep -c "^$what$" "$place/through") || fail "no $what went through"
    ok "killed $rounds times; that went through: $what, $count times"
  done
  for t in $(ctr tasks ls -q); do
    ctr tasks kill -s 9 "$t" >/dev/null 2>&1 || true
    ctr tasks rm "$t" >/dev/null 2>&1 || true
  done
  for c in $(ctr containers ls -q); do ctr containers rm "$c" >/dev/null 2>&1 || true; done
  import app || fail 'an image is imported after it'
  same 'an image of after it' "$(run test/app:1 final /bin/sh -c "$sums")" "$(cat "$place/sums")"
  for key in $(snapshots ls | awk '$3 == "Committed" { print $1 }'); do
    [ "$(snapshots usage -b "$key" | tail -1 | awk '{ print $3 }')" -gt 0 ] || fail "usage of $key"
  done
  ok 'every layer has its usage'
  # Snapshots that a client was killed over have no lease and no root: containerd collects them.
  nothing_left 'nothing is left after the kills'
}

if [ "$mode" = kill ]; then
  import app
  run test/app:1 first /bin/sh -c "$sums" >"$place/sums"
  killing
else
  $mode
fi
kill $containerd $snapshotter
wait $containerd $snapshotter 2>/dev/null || true
