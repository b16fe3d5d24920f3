#!/usr/bin/env bash
# Every attach case, on stratafs and for comparison on fuse-overlayfs: installs the Debian packages that they need (no
# service is started or enabled by it), runs test/attach in its full form, and with --page writes what came of it into
# docs/attach.md. `npm test` runs the short form of the same.
#
# Usage: scripts/test-attach.sh [--page]
# Environment: STRATAFS_ATTACH_ONLY=TEXT runs only cases whose `family: name` holds the text.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"

page=no
case ${1:-} in
  '') ;;
  --page) page=yes ;;
  *) sed -n '/^# Usage/,/^set/s/^# \{0,1\}//p' scripts/test-attach.sh; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac

scripts/setup.sh attach
STRATAFS_ATTACH=full STRATAFS_TEST_SECONDS=${STRATAFS_TEST_SECONDS:-3600} \
  scripts/test.sh dist/test/attach/attach.test.js
if [ $page = yes ]; then node dist/scripts/attach-page.js; fi
