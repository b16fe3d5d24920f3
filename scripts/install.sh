#!/usr/bin/env bash
# Installs stratafs where mount(8), container runtimes and people find it: code below PREFIX/lib/stratafs, links to it
# under each name that it answers to, and the manual below PREFIX/share/man. Run it again to update: the new code
# takes the old one's place in one step, and mounts that are up go on with what they have loaded. --uninstall removes
# what an install put there and nothing else.
#
# Usage: scripts/install.sh --prefix PREFIX [--mount-helper DIR] [--as-fuse-overlayfs DIR] [--uninstall]
#   --mount-helper DIR where mount.fuse.stratafs and mount.fuse3.stratafs go (default: /sbin with the prefixes /usr
#                             and /usr/local, because mount(8) looks nowhere else; PREFIX/sbin with any other)
#   --as-fuse-overlayfs DIR   also answer to the name fuse-overlayfs in DIR, for runtimes that call it by that name
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'install: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '/^# Usage/,/^set/s/^# \{0,1\}//p' "scripts/install.sh"; }
absolute() { realpath -ms -- "$1"; }

prefix='' helper='' alias='' uninstall=no
while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --mount-helper | --as-fuse-overlayfs)
      [ $# -gt 1 ] && [ -n "$2" ] || fail "$1 needs a directory"
      case $1 in
        --prefix) prefix=$(absolute "$2") ;;
        --mount-helper) helper=$(absolute "$2") ;;
        --as-fuse-overlayfs) alias=$(absolute "$2") ;;
      esac
      shift 2
      ;;
    --uninstall) uninstall=yes; shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; fail "unknown argument '$1'" ;;
  esac
done
[ -n "$prefix" ] || { usage >&2; fail 'no --prefix given (for example --prefix /usr/local)'; }

home=$prefix/lib/stratafs
# It finds the rest from where it lies.
launcher=native-bindings/build/Release/launch
case $prefix in /usr | /usr/local) helper=${helper:-/sbin} ;; *) helper=${helper:-$prefix/sbin} ;; esac

# An older install's program had another name.
is_ours() { [ -L "$1" ] && [[ $(readlink "$1") == "$home"/* ]]; }

remove_links() {
  local link
  [ -f "$home/links" ] || return 0
  while IFS= read -r link; do
    if is_ours "$link"; then rm -f "$link"; fi
  done <"$home/links"
}

if [ $uninstall = yes ]; then
  [ -f "$home/links" ] || fail "nothing is installed in $home"
  remove_links
  rm -rf "$home"
  echo "install: removed stratafs from $prefix"
  exit 0
fi

scripts/setup.sh build
for file in dist/src/cli/stratafs.cjs $launcher; do
  [ -f $file ] || fail "$file is missing after the build"
done
links=("$prefix/bin/stratafs" "$helper/mount.fuse.stratafs" "$helper/mount.fuse3.stratafs")
[ -z "$alias" ] || links+=("$alias/fuse-overlayfs")
pages=()
for page in man/man*/*; do pages+=("$prefix/share/$page"); done
for link in "${links[@]}" "${pages[@]}"; do
  [ ! -e "$link" ] && [ ! -L "$link" ] || is_ours "$link" ||
    fail "$link exists and is not stratafs's: move it away first"
done

# Top folders of node_modules that running needs, from the lockfile.
needed_modules() {
  node -e '
    const { packages } = JSON.parse(require("fs").readFileSync("package-lock.json", "utf8"))
    for (const [path, entry] of Object.entries(packages))
      if (path !== "" && !entry.dev && path.lastIndexOf("node_modules/") === 0 && require("fs").existsSync(path))
        console.log(path)'
}

new=$home.new
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
mkdir -p "$new"
mapfile -t modules < <(needed_modules)
tar -cf - --exclude='*.js.map' --exclude='*.d.ts' --exclude='*.d.cts' --exclude='better-sqlite3/deps' \
  --exclude='better-sqlite3/src' \
  --exclude='build/Release/obj*' --exclude='build/Release/.deps' --exclude='*.o' --exclude='*.a' \
  package.json LICENSE man dist/src native-bindings/build/Release native-bindings/prebuilt "${modules[@]}" |
  tar -C "$new" --no-same-owner -xf -
# The Node that was found now, by its whole path: mount(8) and runtimes may call with another PATH. The launcher reads
# it here, too.
sed -i "1s|^#!.*|#!$(node -p process.execPath)|" "$new/dist/src/cli/stratafs.cjs"
chmod 755 "$new/dist/src/cli/stratafs.cjs"
printf '%s\n' "${links[@]}" "${pages[@]}" >"$new/links"

remove_links
rm -rf "$home.old"
[ ! -d "$home" ] || mv "$home" "$home.old"
mv "$new" "$home"
rm -rf "$home.old"
for link in "${links[@]}"; do
  mkdir -p "$(dirname "$link")"
  ln -sfn "$home/$launcher" "$link"
  echo "install: $link"
done
for page in "${pages[@]}"; do
  mkdir -p "$(dirname "$page")"
  ln -sfn "$home/${page#"$prefix/share/"}" "$page"
done
echo "install: ${#pages[@]} pages of the manual in $prefix/share/man"
