#!/usr/bin/env bash
# Makes a checkout ready to run: Debian packages, node_modules, the addon, the compiled TypeScript. Each step looks
# first at what is already there, so that a second run costs a moment, and says in one line what it does. As root,
# missing Debian packages are installed; as anybody else they are named in one line, and the rest goes on without them.
#
# Usage: scripts/setup.sh [build|demo|test|attach|bench|bare] (build: nothing but what compiling needs; bare: the demo,
# with nothing compiled but TypeScript: node_modules as `npm ci --ignore-scripts` leaves them will do, and no addon is
# built)
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# What each purpose needs, as package:command; the command's presence is what is asked, so this holds on any
# distribution.
packages_for() {
  local build='make:make' demo='fuse3:fusermount3 attr:getfattr mmdebstrap:mmdebstrap'
  local test='acl:getfacl fuse-overlayfs:fuse-overlayfs runc:runc crun:crun sqlite3:sqlite3 e2fsprogs:mkfs.ext4
    git:git gcc:gcc stress-ng:stress-ng fio:fio podman:podman busybox-static:/bin/busybox bubblewrap:bwrap
    uidmap:newuidmap skopeo:skopeo umoci:umoci libarchive-tools:bsdtar zstd:zstd zsh:zsh fish:fish
    chromium:chromium'
  local bench='mmdebstrap:mmdebstrap fuse-overlayfs:fuse-overlayfs git:git fio:fio dpkg:dpkg-deb'
  local attach='buildah:buildah docker.io:dockerd containerd:containerd slirp4netns:slirp4netns
    systemd-container:systemd-nspawn'
  case $1 in
    build) echo "$build" ;;
    demo) echo "$build $demo" ;;
    bare) echo "$demo" ;;
    test) echo "$build $demo $test" ;;
    attach) echo "$build $demo $test $attach" ;;
    bench) echo "$build $bench" ;;
    *) fail "unknown purpose '$1': build, demo, test, attach, bench or bare" ;;
  esac
}

check_node() {
  command -v node >/dev/null || fail 'Node is missing: install Node 20.17 or newer (https://nodejs.org)'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number)
    process.exit(a > 20 || (a === 20 && b >= 17) ? 0 : 1)' ||
    fail "Node $(node --version) is too old: stratafs needs 20.17 or newer"
  command -v npm >/dev/null ||
    fail 'npm is missing: install it (it comes with Node from nodejs.org; on Debian: apt-get install npm)'
}

check_compiler() {
  command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null ||
    fail 'no C++ compiler, and the addon has to be built: apt-get install g++'
  command -v "${CC:-cc}" >/dev/null || fail 'no C compiler, and the launcher has to be built: apt-get install gcc'
  command -v python3 >/dev/null || fail 'python3 is missing, and node-gyp needs it: apt-get install python3'
}

install_packages() {
  local missing=() entry
  for entry in $(packages_for "$1"); do
    command -v "${entry#*:}" >/dev/null || missing+=("${entry%%:*}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "missing, and not installed without root and apt: ${missing[*]} (apt-get install ${missing[*]})"
    return 0
  fi
  say "installing Debian packages: ${missing[*]}"
  local log; log=$(mktemp)
  if ! { apt-get update &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    # An update that fails for one foreign repository need not matter; an install that fails does.
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 ||
      say "apt-get could not install them: $(grep -m1 '^E:' "$log" || tail -n1 "$log")"
  fi
  rm -f "$log"
}

# node-gyp fetches Node's headers, unless they lie beside the node that runs.
use_local_headers() {
  local prefix; prefix=$(node -p 'require("path").resolve(process.execPath, "../..")')
  if [ -z "${npm_config_nodedir:-}" ] && [ -f "$prefix/include/node/node_api.h" ]; then
    export npm_config_nodedir=$prefix
  fi
}

install_modules() {
  node scripts/installed.mjs "$@" && return 0
  # What a link points to is another checkout's to update.
  if [ -L node_modules ]; then
    say 'node_modules is a link to an install that differs from package-lock.json; left as it is'
    return 0
  fi
  say "installing node_modules (npm ci $*)"
  npm ci --no-fund --no-audit --loglevel=error "$@" >/dev/null || fail 'npm ci failed'
  node scripts/installed.mjs "$@" || fail 'npm ci left packages that do not load'
}

build_addon() {
  [ -f native-bindings/binding.gyp ] || return 0
  local built; built=$(ls native-bindings/build/Release/*.node 2>/dev/null || true)
  if [ -n "$built" ] && [ -z "$(find native-bindings/src native-bindings/binding.gyp -newer "$built" -print -quit)" ]
  then return 0; fi
  say 'building the addon (node-gyp)'
  local log; log=$(mktemp)
  npm run --silent build:native >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; fail 'the addon did not build'; }
  rm -f "$log"
}

build_typescript() {
  if [ -f dist/.built ] && [ -z "$(find src test scripts native-bindings/index.d.ts tsconfig.json package.json \
    -newer dist/.built \( -type d -o -name '*.ts' -o -name '*.cts' -o -name '*.json' -o -name '*.tsx' \
      -o -name '*.css' -o -name '*.html' \) \
    -print -quit 2>/dev/null)" ]; then
    # tsc run alone leaves the modules as they are, in files of their own.
    grep -q 'Made by scripts/bundle-dist' dist/src/cli/stratafs.cjs || node dist/scripts/bundle-dist.js
    return 0
  fi
  say 'compiling TypeScript (tsc)'
  mkdir -p dist
  # The stamp's time is the start of the build: what is edited meanwhile is newer.
  touch dist/.started
  npm run --silent build:ts || fail 'tsc reported errors'
  # Outputs whose source is gone would still be found and run.
  find dist \( -name '*.js' -o -name '*.cjs' \) ! -path 'dist/src/joined/*' \
    ! -path 'dist/src/explore/page/*' | while read -r output; do
    local source=${output#dist/}
    [ -f "${source%js}ts" ] || rm -f "$output" "$output.map" "${output%js}d.ts"
  done
  mv dist/.started dist/.built
}

purpose=${1:-build}
packages_for "$purpose" >/dev/null
check_node
install_packages "$purpose"
if [ "$purpose" = bare ]; then
  install_modules --ignore-scripts
else
  check_compiler
  use_local_headers
  install_modules
  build_addon
fi
build_typescript
# The addon may have been built without the rest.
node dist/scripts/package/prebuilt.js
