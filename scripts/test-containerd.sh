#!/bin/bash
# npm run test:containerd: containerd's own suite for snapshotters against ours, and against containerd's overlayfs and
# native ones for comparison; then images and containers through a private containerd, and the snapshotter killed 200
# times under that load. As root. Needs Debian's golang, golang-github-containerd-containerd-dev, containerd and runc.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh

for program in go containerd ctr runc; do
  command -v "$program" >/dev/null || { echo "test-containerd: $program is not installed" >&2; exit 1; }
done
gocode=/usr/share/gocode/src/github.com/containerd/containerd
[ -d $gocode ] || { echo 'test-containerd: golang-github-containerd-containerd-dev is not installed' >&2; exit 1; }

place=$(mktemp -d "${TMPDIR:-/tmp}/stratafs-suite-XXXXXX")
export STRATAFS_RUN_DIR=$place/run STRATAFS_HOST_IDLE=0
snapshotter=
finish() {
  [ -z "$snapshotter" ] || kill "$snapshotter" 2>/dev/null || true
  [ -z "$snapshotter" ] || wait "$snapshotter" 2>/dev/null || true
  awk -v place="$place/" 'index($5, place) == 1 { print $5 }' /proc/self/mountinfo | tac | xargs -r -n1 umount -l
  rm -rf "$place"
}
trap finish EXIT

# The suite's own folders lie below TMPDIR: on a disk, for overlayfs takes no upper on an overlay.
mkdir "$place/tmp"
GO111MODULE=off GOPATH=/usr/share/gocode go test -c -o "$place/suite" test/containerd/suite/suite_test.go
scripts/stratafs snapshotter --root "$place/root" --address "$place/s.sock" --log-level warn &
snapshotter=$!
for _ in $(seq 100); do [ -S "$place/s.sock" ] && break; sleep 0.1; done

failed=0
for name in Stratafs Overlayfs Native; do
  TMPDIR=$place/tmp SNAPSHOTTER_SOCKET=$place/s.sock "$place/suite" -test.v -test.run "^Test$name\$" \
    >"$place/$name.log" 2>&1 || true
  passed=$(grep -c '^    --- PASS' "$place/$name.log" || true)
  wrong=$(grep -c '^    --- FAIL' "$place/$name.log" || true)
  skipped=$(grep -c '^    --- SKIP' "$place/$name.log" || true)
  echo "suite, $name: $passed passed, $wrong failed, $skipped skipped"
  if [ "$wrong" != 0 ] || [ "$passed" = 0 ]; then
    grep -B30 -- '--- FAIL' "$place/$name.log" || tail -40 "$place/$name.log"
    [ $name != Stratafs ] || failed=1
  fi
done
SNAPSHOTTER_SOCKET=$place/s.sock "$place/suite" -test.run '^TestStratafsRename$' || failed=1
[ $failed = 0 ] || exit 1
unset STRATAFS_RUN_DIR STRATAFS_HOST_IDLE
STRATAFS_CONTAINERD_TESTS=all node --test dist/test/containerd/
