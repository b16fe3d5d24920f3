#!/usr/bin/env bash
# Style (clang-format) and faults (clang-tidy) of native-bindings. Needs both: apt-get install clang-format clang-tidy.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in clang-format clang-tidy; do
  command -v "$program" >/dev/null && continue
  echo "lint-native: $program is not installed (apt-get install $program)" >&2
  exit 1
done
headers=$(node -p 'require("path").resolve(process.execPath, "../../include/node")')
flags=(-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DNAPI_VERSION=8 -isystem "$headers")
clang-format --dry-run --Werror native-bindings/src/*.{h,cc,c}
clang-tidy --quiet native-bindings/src/*.cc -- -std=c++17 "${flags[@]}"
clang-tidy --quiet native-bindings/src/*.c -- "${flags[@]}"
