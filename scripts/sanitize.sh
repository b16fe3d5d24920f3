#!/usr/bin/env bash
# The addon under AddressSanitizer with UBSan, then under ThreadSanitizer: test/syscalls and one mount under a short
# load. Works on a copy below a temp folder, so that the addon in use stays as it is. A report of a sanitizer makes it
# fail.
#
# Usage: scripts/sanitize.sh [address|thread]     (none: both; after npm run build)
set -uo pipefail
cd "$(dirname "$0")/.."
package=$PWD
case "${1:-}" in
'') kinds='address thread' ;;
address | thread) kinds=$1 ;;
*) echo "sanitize: unknown kind '$1': give address, thread or nothing" >&2; exit 2 ;;
esac
[ -f dist/src/cli/stratafs.cjs ] || { echo 'sanitize: not built: run npm run build first' >&2; exit 2; }
[ -n "${npm_config_nodedir:-}" ] ||
  export npm_config_nodedir=$(node -p 'require("path").resolve(process.execPath,"../..")')

place=$(mktemp -d "${TMPDIR:-/tmp}/stratafs-sanitize.XXXXXX") || exit 1
# Some tests become another user, who loads from here and may report.
chmod 755 "$place"
clean_up() { umount -l "$place"/*/t/merged 2>/dev/null; rm -rf --one-file-system "$place"; }
trap clean_up EXIT
trap 'exit 130' INT TERM

# Builds a copy with the sanitizers $2 in $place/$1.
build() {
  mkdir -p "$place/$1/reports" && chmod 1777 "$place/$1/reports" &&
    cp -r dist native-bindings scripts package.json "$place/$1" &&
    ln -s "$package/node_modules" "$place/$1/node_modules" || return 1
  rm -rf "$place/$1/native-bindings/build"
  local flags="-fsanitize=$2 -fno-omit-frame-pointer -g"
  CXXFLAGS=$flags CFLAGS=$flags LDFLAGS="-fsanitize=$2" \
    "$package/node_modules/.bin/node-gyp" rebuild -C "$place/$1/native-bindings" --silent
}

# A daemon on threads of its own, with the runtime $2, written to and read by several at once.
load() {
  local t=$place/$1/t at
  mkdir -p "$t"/{low,up,work,merged,run}
  for at in $(seq 40); do mkdir -p "$t/low/d$at"; echo "$at" >"$t/low/d$at/f"; done
  export STRATAFS_RUN_DIR=$t/run
  local options="lowerdir=$t/low,upperdir=$t/up,workdir=$t/work"
  LD_PRELOAD=$2 timeout 120 node dist/src/cli/stratafs.cjs mount -o "$options" "$t/merged" || return 1
  for at in 1 2 3; do timeout 120 cp -r "$t/merged/d$at" "$t/merged/n$at" & done
  timeout 120 find "$t/merged" -type f -exec chmod 600 {} + -exec cat {} + >/dev/null
  wait
  timeout 120 rm -rf "$t/merged"/d*
  LD_PRELOAD=$2 timeout 60 node dist/src/cli/stratafs.cjs unmount "$t/merged"
}

# Runs both with the runtime $3 loaded first.
check() {
  local kind=$1 runtime
  runtime=$(gcc -print-file-name="lib$3.so")
  build "$kind" "$2" || { echo "sanitize: the addon cannot be built with -fsanitize=$2" >&2; return 1; }
  # Not Node's own: V8 keeps what it never frees, and its threads meet in ways that ThreadSanitizer cannot see.
  printf 'race:node\nrace:libuv\nrace:v8::\nmutex:v8::\ncalled_from_lib:libnode\n' >"$place/$kind/suppressions"
  (
    cd "$place/$kind" || exit 1
    reports="log_path=$place/$kind/reports/at"
    export ASAN_OPTIONS="detect_leaks=0:$reports" UBSAN_OPTIONS="print_stacktrace=1:$reports"
    export TSAN_OPTIONS="suppressions=$place/$kind/suppressions:ignore_noninstrumented_modules=1:$reports"
    LD_PRELOAD=$runtime timeout 2400 node --test dist/test/syscalls/*.test.js && load "$kind" "$runtime"
  )
  local status=$?
  if compgen -G "$place/$kind/reports/*" >/dev/null; then cat "$place/$kind"/reports/*; status=1; fi
  [ $status = 0 ] && echo "sanitize: $kind: no report" || echo "sanitize: $kind: FAILED" >&2
  return $status
}

outcome=0
for kind in $kinds; do
  case $kind in
  address) check address address,undefined asan || outcome=1 ;;
  thread) check thread thread tsan || outcome=1 ;;
  esac
done
exit $outcome
