#!/usr/bin/env bash
# Installs stratafs where mount(8), container runtimes and people find it: code below PREFIX/lib/stratafs, links to it
# under each name that it answers to, the manual and the shells' completions below PREFIX/share, and systemd's template
# unit below PREFIX/lib. Run it again to update: the new code takes the old one's place in one step, and mounts that are
# up go on with what they have loaded. --uninstall removes what an install put there, folders too, and nothing else.
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

# Folders that are not there yet, of those that lead to the given ones; as they are to be made.
missing_folders() {
  local folder
  for folder; do
    while [ ! -d "$folder" ]; do
      echo "$folder"
      folder=$(dirname "$folder")
    done
  done | sort -u
}

# Folders that an install made and nobody uses, innermost first.
remove_folders() {
  local folder
  sort -r <<<"$1" | while IFS= read -r folder; do
    [ -z "$folder" ] || rmdir --ignore-fail-on-non-empty "$folder" 2>/dev/null || true
  done
}

if [ $uninstall = yes ]; then
  [ -f "$home/links" ] || fail "nothing is installed in $home"
  remove_links
  folders=$(cat "$home/folders" 2>/dev/null || true)
  rm -rf "$home"
  remove_folders "$folders"
  echo "install: removed stratafs from $prefix"
  exit 0
fi

scripts/setup.sh build
for file in dist/src/cli/stratafs.cjs $launcher; do
  [ -f $file ] || fail "$file is missing after the build"
done
links=("$prefix/bin/stratafs" "$helper/mount.fuse.stratafs" "$helper/mount.fuse3.stratafs")
[ -z "$alias" ] || links+=("$alias/fuse-overlayfs")
# Each link, and the file below $home that it leads to.
declare -A target
for link in "${links[@]}"; do target[$link]=$launcher; done
pages=0
for page in man/man*/*; do
  target[$prefix/share/$page]=$page
  pages=$((pages + 1))
done
target[$prefix/lib/systemd/system/stratafs@.service]=systemd/stratafs@.service
target[$prefix/share/bash-completion/completions/stratafs]=completions/bash
target[$prefix/share/zsh/site-functions/_stratafs]=completions/zsh
target[$prefix/share/fish/vendor_completions.d/stratafs.fish]=completions/fish
for link in "${!target[@]}"; do
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
# Before anything is made.
folders_before=$(missing_folders "$(dirname "$home")")
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
mkdir -p "$new"
mapfile -t modules < <(needed_modules)
tar -cf - --exclude='*.js.map' --exclude='*.d.ts' --exclude='*.d.cts' --exclude='better-sqlite3/deps' \
  --exclude='better-sqlite3/src' \
  --exclude='build/Release/obj*' --exclude='build/Release/.deps' --exclude='*.o' --exclude='*.a' \
  package.json LICENSE man systemd proto dist/src \
  native-bindings/build/Release native-bindings/prebuilt "${modules[@]}" |
  tar -C "$new" --no-same-owner -xf -
# The Node that was found now, by its whole path: mount(8) and runtimes may call with another PATH. The launcher reads
# it here, too.
sed -i "1s|^#!.*|#!$(node -p process.execPath)|" "$new/dist/src/cli/stratafs.cjs"
chmod 755 "$new/dist/src/cli/stratafs.cjs"
sed -i "s|/usr/bin/stratafs |$prefix/bin/stratafs |" "$new/systemd/stratafs@.service"
mkdir "$new/completions"
for shell in bash zsh fish; do
  # Shells that the command has no words for are left out.
  node dist/src/cli/stratafs.cjs completion $shell >"$new/completions/$shell" 2>/dev/null ||
    rm "$new/completions/$shell"
done
for link in "${!target[@]}"; do [ -e "$new/${target[$link]}" ] || unset "target[$link]"; done
printf '%s\n' "${!target[@]}" >"$new/links"
mapfile -t places < <(for link in "${!target[@]}"; do dirname "$link"; done | sort -u)
# An update adds to what the first install made.
{ cat "$home/folders" 2>/dev/null || true; printf '%s\n' "$folders_before"; missing_folders "${places[@]}"; } |
  sort -u | sed '/^$/d' >"$new/folders"

remove_links
rm -rf "$home.old"
[ ! -d "$home" ] || mv "$home" "$home.old"
mv "$new" "$home"
rm -rf "$home.old"
for link in "${!target[@]}"; do
  mkdir -p "$(dirname "$link")"
  ln -sfn "$home/${target[$link]}" "$link"
done
printf 'install: %s\n' "${links[@]}"
# Mounts that outlive their process are served by this version from now on; what cannot be says so, and goes on.
"$prefix/bin/stratafs" host upgrade || true
echo "install: $pages pages of the manual in $prefix/share/man"
