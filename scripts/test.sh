#!/usr/bin/env bash
# Runs everything `npm test` stands for: setup, lint, and every test below dist/test, then looks whether the run left
# anything behind. Each run has a temp folder and a mark in its environment of its own, so that two runs beside each
# other neither disturb nor blame one another; what is left at the end is removed, and makes the run fail. A file that
# fails is run once more by itself at the end, and named.
#
# Usage: scripts/test.sh [FILE…]     (compiled test files; none: all)
# Environment: STRATAFS_TEST_SECONDS bounds the run (1800), STRATAFS_TEST_JOBS how many files run at once (CPUs, at most
# 4).
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"

limit=${STRATAFS_TEST_SECONDS:-1800}
jobs=${STRATAFS_TEST_JOBS:-$(n=$(nproc); echo $((n > 4 ? 4 : n)))}
started=$SECONDS
runner=''

scripts/setup.sh test || exit 1

# In place of the system's temp folder: open to all, since some tests run as another user.
STRATAFS_TEST_RUN=$(mktemp -d "${TMPDIR:-/tmp}/stratafs-test.XXXXXX") || exit 1
chmod 1777 "$STRATAFS_TEST_RUN"
# ext4 keeps apart then what lies below: without a journal it looks at each inode freed within the last minutes before
# it takes another of the same group, and tests free thousands.
chattr +T "$STRATAFS_TEST_RUN" 2>/dev/null
export STRATAFS_TEST_RUN TMPDIR=$STRATAFS_TEST_RUN
# What is kept of layers for other mounts is of no use after the run.
export STRATAFS_STACKS=$STRATAFS_TEST_RUN/stacks
# The host process of mounts ends with the last of them, and is not found by the check for what was left.
export STRATAFS_HOST_IDLE=0

# Process ids that carry this run's mark in their environment: its daemons and children. The shell
# itself began without the mark, and its forks show the same.
marked_processes() {
  local environ
  for environ in $(env -u STRATAFS_TEST_RUN grep -lzsxF "STRATAFS_TEST_RUN=$STRATAFS_TEST_RUN" /proc/[0-9]*/environ); do
    environ=${environ#/proc/}
    printf '%s\n' "${environ%/environ}"
  done
}

mounts_below() { awk -v at="$STRATAFS_TEST_RUN/" 'index($5, at) == 1 { print $5 " (" $0 ")" }' /proc/self/mountinfo; }

# Prints what is left, one line each; nothing when the run was clean. A daemon gets a moment to end.
left_behind() {
  local tries pids
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    pids=$(marked_processes)
    [ -n "$pids$(mounts_below)" ] || break
    sleep 0.2
  done
  mounts_below | sed 's/ (.* - \([^ ]*\) .*/ of type \1/; s/^/mount: /'
  local pid
  for pid in $(marked_processes); do
    printf 'process: %s %s\n' "$pid" "$(cat "/proc/$pid/cmdline" 2>/dev/null | tr '\0' ' ' | cut -c1-150)"
  done
  find "$STRATAFS_TEST_RUN" -xdev -mindepth 1 -maxdepth 1 ! -name node-compile-cache ! -name stacks \
    ! -name 'v8-compile-cache*' -printf 'temp file: %p\n'
}

remove_leftovers() {
  local point pid
  mounts_below | cut -d' ' -f1 | sort -r | while read -r point; do umount -l "$(printf '%b' "$point")" 2>/dev/null; done
  for pid in $(marked_processes); do kill -TERM "$pid" 2>/dev/null; done
  [ -z "$(marked_processes)" ] || sleep 0.5
  for pid in $(marked_processes); do kill -KILL "$pid" 2>/dev/null; done
  # Never into a mount that would not go.
  rm -rf --one-file-system "$STRATAFS_TEST_RUN" 2>/dev/null
}

stop() {
  trap '' INT TERM
  printf '\ntest: interrupted, cleaning up\n' >&2
  [ -z "$runner" ] || kill -TERM "$runner" 2>/dev/null
  remove_leftovers
  exit 130
}
trap stop INT TERM
trap remove_leftovers EXIT

status=0
npm run --silent lint || { echo 'test: the linter found faults (npm run format mends most)' >&2; status=1; }

if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(find dist/test -name '*.test.js' | sort); fi
failed=$STRATAFS_TEST_RUN.failed
again=()
# More than so many failed files are no accident.
most_again=5

# Runs test files, so many at once, and adds to `again` those that are to be run once more.
run_files() {
  local at_once=$1 outcome named
  shift
  timeout --kill-after=15 "$((limit - SECONDS + started))" \
    node --test --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=./dist/scripts/failed-files.js --test-reporter-destination="$failed" \
    --test-concurrency="$at_once" "$@" &
  runner=$!
  wait "$runner"
  outcome=$?
  runner=''
  mapfile -t named < <(cat "$failed" 2>/dev/null)
  rm -f "$failed"
  [ $outcome != 124 ] || printf 'test: ended after the limit of %s s (STRATAFS_TEST_SECONDS)\n' "$limit" >&2
  # A run that was ended, or failed without a name, is not mended by another one.
  if [ $outcome = 1 ] && [ ${#named[@]} -gt 0 ]; then again+=("${named[@]}"); elif [ $outcome != 0 ]; then status=1; fi
}

# A test that fails beside others may pass by itself, on a busy machine. Then it is named, and the run is good.
run_again() {
  local file files=("${again[@]}")
  [ ${#files[@]} -gt 0 ] || return
  if [ ${#files[@]} -gt $most_again ]; then status=1; return; fi
  printf 'test: %s files with failures, each run once more by itself\n' "${#files[@]}"
  for file in "${files[@]}"; do
    again=()
    run_files 1 "$file"
    if [ ${#again[@]} -gt 0 ]; then status=1
    else printf 'test: failed beside others, passed by itself: %s\n' "$file"; fi
  done
}

# What a busy mount asks of the whole machine can only be seen while there is no other, and what is in the page cache
# while no other test has the kernel drop it. A mount namespace that a test makes holds a copy of every mount there is.
alone='/daemon/(awake|nobody-waits|page-cache)\.test\.js$'
mapfile -t together < <(printf '%s\n' "${files[@]}" | grep -vE "$alone")
mapfile -t single < <(printf '%s\n' "${files[@]}" | grep -E "$alone")
[ ${#together[@]} = 0 ] || run_files "$jobs" "${together[@]}"
[ ${#single[@]} = 0 ] || run_files 1 "${single[@]}"
run_again

left=$(left_behind)
if [ -n "$left" ]; then
  printf 'test: left behind by the tests, now removed:\n%s\n' "$left" >&2
  status=1
fi
if [ $status = 0 ]; then verdict=passed; else verdict=FAILED; fi
printf 'test: %s, %s files in %s s\n' "$verdict" "${#files[@]}" "$((SECONDS - started))"
exit $status
