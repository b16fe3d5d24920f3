#!/usr/bin/env bash
# Compiles what has changed and runs one test file. Usage: scripts/test-one.sh [--watch] test/FOLDER/NAME.test.ts
set -euo pipefail
cd "$(dirname "$0")/.."
watch=''
[ "${1:-}" != --watch ] || { watch=1; shift; }
file=${1:-}
case $file in
  test/*.test.ts) ;;
  *) echo "test-one: name a file such as test/union/rename-plan.test.ts, not '$file'" >&2; exit 2 ;;
esac
[ -f "$file" ] || { echo "test-one: there is no $file" >&2; exit 2; }
compile=(node node_modules/typescript/bin/tsc -p tsconfig.json --incremental --tsBuildInfoFile dist/.tsbuildinfo)
"${compile[@]}"
chmod +x dist/src/cli/stratafs.cjs
test="dist/${file%.ts}.js"
[ -n "$watch" ] || exec node --test "$test"
"${compile[@]}" --watch --preserveWatchOutput &
trap 'kill $!' EXIT
node --test --watch "$test"
