#!/usr/bin/env bash
# Runs tests that ask something of Node itself on each supported version: pure ones, compression, both transports, and
# the package as it is installed. The npm package `node` brings the binaries, which are kept in .cache/nodes.
#
# Usage: scripts/test-nodes.sh [VERSION…]     (default: 20 22 24)
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh build || exit 1

# Not those that load better-sqlite3 from node_modules, which is built for the Node that built.
# Named by their sources: dist may still hold tests whose sources are gone.
sources=(test/protocol/*.test.ts test/layers/*.test.ts test/stack/*.test.ts test/syscalls/*.test.ts
  test/session/opcodes.test.ts test/oci/zstd-frames.test.ts test/oci/unpack.test.ts test/oci/tar-write.test.ts
  test/daemon/transports.test.ts test/cli/launcher-alone.test.ts test/scripts/package.test.ts)
files=("${sources[@]/%.ts/.js}")
files=("${files[@]/#/dist/}")

fetch() {
  local folder=.cache/nodes/$1
  [ -x "$folder/node_modules/.bin/node" ] && return
  mkdir -p "$folder"
  echo '{ "private": true }' >"$folder/package.json"
  # Its install script picks the binary of this machine.
  npm install --prefix "$folder" --no-fund --no-audit --loglevel=error "node@$1" >/dev/null
}

status=0
for version in "${@:-20 22 24}"; do
  for major in $version; do
    fetch "$major" || { echo "test-nodes: node@$major cannot be had from npm" >&2; status=1; continue; }
    node=$PWD/.cache/nodes/$major/node_modules/.bin/node
    echo "test-nodes: $("$node" --version)"
    PATH=$(dirname "$node"):$PATH "$node" --test --test-reporter=dot "${files[@]}" && continue
    echo "test-nodes: FAILED on $major" >&2
    status=1
  done
done
exit $status
