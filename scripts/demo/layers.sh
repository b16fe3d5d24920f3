# The demo's three layers, and the looks at them. A cached layer is built beside its place (*.part) and renamed when it
# is whole. Where no Debian mirror answers, layers 1 and 2 are made of the host's own files. Sourced by demo.sh.

demo_packages=(jq tree)

# A program of layer 2, and what it is asked to do inside.
choose_sample() {
  if [ -e "$1/usr/bin/jq" ]; then
    sample_program=jq sample_command='jq .answer /tmp/made-inside'
  else
    sample_program=grep sample_command='grep -o answer /tmp/made-inside'
  fi
}

# The host's own Debian sources of its release, as lines that mmdebstrap and apt take.
host_sources() {
  local VERSION_CODENAME=''
  . /etc/os-release
  apt-get indextargets --format "deb \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 2>/dev/null |
    awk -v name="$VERSION_CODENAME" '$3 ~ "^" name "(-|$)" && $4 == "main"' | sort -u
}

# Mounts lowers ($2…, top first) with `$1` as upper at $merged; what is done there becomes layer `$1`.
mount_for_layer() {
  local upper=$1 lower arguments=()
  shift
  for lower in "$@"; do arguments+=(--lower "$lower"); done
  rm -rf --one-file-system "$work/layer-work"
  mkdir -p "$upper" "$work/layer-work" "$merged"
  stratafs mount "${arguments[@]}" --upper "$upper" --work "$work/layer-work" "$merged"
}

# Runs a command in the tree `$1`, with /proc, /dev and the host's resolver, all in a mount namespace that ends with it.
inside() {
  local tree=$1
  shift
  TREE=$tree env -u TMPDIR unshare --mount --pid --fork --kill-child --propagation private sh -euc '
    mount -t proc proc "$TREE/proc"
    mount --rbind /dev "$TREE/dev"
    if [ -e /etc/resolv.conf ] && [ -f "$TREE/etc/resolv.conf" ]; then
      mount --bind "$(readlink -f /etc/resolv.conf)" "$TREE/etc/resolv.conf"
    fi
    tree=$TREE; unset TREE
    exec env HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      chroot "$tree" "$@"' inside "$@"
}

make_base() {
  local base=$1 codename sources
  # Layers of the host's files are a stopgap: the mirror is asked again each time.
  if [ -e "$cache/host-files" ]; then rm -rf --one-file-system "$cache/host-files" "$base" "$cache/packages"; fi
  if [ -d "$base" ]; then
    note "reusing the one in .cache/demo ($(du -sh "$base" | cut -f1); --fresh builds it anew)"
    return
  fi
  mapfile -t sources < <(host_sources)
  if [ ${#sources[@]} -gt 0 ] && command -v mmdebstrap >/dev/null; then
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    note "mmdebstrap of Debian $codename from the mirrors this host uses; this takes a while the first time"
    # apt's own time-outs, so that a host without network is not kept waiting.
    if TMPDIR=/tmp mmdebstrap --variant=apt --aptopt='Acquire::Retries "1"' --aptopt='Acquire::http::Timeout "15"' \
      --customize-hook='rm -f "$1"/etc/hostname' "$codename" "$base.part" "${sources[@]}" 2>&1 | indented; then
      mv "$base.part" "$base"
      return
    fi
    rm -rf --one-file-system "$base.part"
  fi
  touch "$cache/host-files"
  note 'no Debian mirror answers: taking the host'"'"'s own files instead '\
'(shell, coreutils, their libraries, documentation)'
  copy_host_programs "$base.part" sh bash $(dpkg -L coreutils | grep '^/usr/bin/\|^/bin/')
  mkdir -p "$base.part"/{proc,dev,tmp,root,usr/share/doc,usr/local/bin,usr/local/sbin}
  local file documents=()
  for file in etc/os-release etc/debian_version etc/passwd etc/group etc/issue usr/lib/os-release \
    usr/share/doc/{bash,coreutils}; do
    [ -e "/$file" ] && documents+=("$file")
  done
  tar -C / -cf - "${documents[@]}" | tar -C "$base.part" -xf -
  mv "$base.part" "$base"
}

# Copies programs of the host into tree `$1`, with the libraries they load and the links of a merged /usr.
copy_host_programs() {
  local tree=$1 program library link
  shift
  mkdir -p "$tree/usr"
  for link in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$link" ]; then
      mkdir -p "$tree/usr/$link"
      ln -sfn "usr/$link" "$tree/$link"
    fi
  done
  for program in "$@"; do
    program=$(command -v "$program") || continue
    for library in "$program" $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do
      mkdir -p "$tree$(dirname "$library")"
      cp -Ln "$library" "$tree$library"
    done
  done
}

make_packages() {
  local packages=$1 base=$2
  if [ -d "$packages" ]; then
    note "reusing the one in .cache/demo ($(find "$packages" | wc -l) files)"
  else
    mount_for_layer "$packages.part" "$base"
    if [ -e "$cache/host-files" ]; then
      stand_in_for_packages
    else
      note "layer 1 is mounted under an empty upper; running apt-get install ${demo_packages[*]} in it"
      install_inside "${demo_packages[@]}" || stand_in_for_packages
    fi
    stratafs unmount "$merged"
    mv "$packages.part" "$packages"
    note "the upper is now a layer of $(find "$packages" | wc -l) files"
  fi
  choose_sample "$packages"
}

stand_in_for_packages() {
  touch "$cache/host-files"
  note 'no mirror answers: the host'"'"'s own grep, sed and find stand in for installed packages'
  copy_host_programs "$merged" grep sed find
  mkdir -p "$merged/usr/share/doc/demo"
  echo 'From the host.' >"$merged/usr/share/doc/demo/README"
}

install_inside() {
  # Keeps packages from starting services in the chroot.
  printf '#!/bin/sh\nexit 101\n' >"$merged/usr/sbin/policy-rc.d"
  chmod 755 "$merged/usr/sbin/policy-rc.d"
  inside "$merged" sh -euc '
    # Everything as root: over fuse-native no other user may enter the mount.
    apt-get -o APT::Sandbox::User=root update -q
    apt-get -o APT::Sandbox::User=root install -q -y --no-install-recommends "$@"
    apt-get clean
    rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d' install "$@" 2>&1 |
    grep --line-buffered -E '^(Get|Unpacking|Setting up|Processing|E:|W:|dpkg)' | indented
}

make_configuration() {
  local configuration=$1
  shift
  mount_for_layer "$configuration" "$@"
  echo demo-host >"$merged/etc/hostname"
  echo 'Welcome to a root filesystem of three layers.' >"$merged/etc/motd"
  mkdir -p "$merged/usr/local/bin"
  printf '#!/bin/sh\ncat /etc/motd\n'\
'echo "running as pid $$ of $(cat /etc/hostname), Debian $(tail -n 1 /etc/debian_version)"\n' \
    >"$merged/usr/local/bin/hello"
  chmod 755 "$merged/usr/local/bin/hello"
  rm -f "$merged/etc/issue.net"
  stratafs unmount "$merged"
  note "$(cd "$configuration" && find . -mindepth 1 ! -type d | sort | tr '\n' ' ')"
}

# One checksum over everything that a layer is.
fingerprint() {
  local layer
  for layer in "$@"; do
    tar --sort=name --numeric-owner --xattrs --xattrs-include='*' --format=posix \
      --pax-option=delete=atime,delete=ctime -C "$layer" -cf - .
  done | sha256sum
}

# Every entry of an upper directory, with what overlay marks mean; of the folder `$2` only how much is in it.
list_upper() {
  find "$1" -mindepth 1 ! -path "$1/$2/*" -printf '%y %M %U:%G %10s  %P\n' | sort -k5 |
    while read -r type mode owner size path; do
    case $type in
      c) meaning='<- whiteout: hides the name below' ;;
      l) meaning="-> $(readlink "$1/$path")" ;;
      f) case ${path##*/} in
        .wh..wh..opq) meaning='<- the directory is opaque' ;;
        .wh.*) meaning='<- whiteout: hides the name after .wh.' ;;
        *) meaning=$(marks_of "$1/$path") ;;
      esac ;;
      *) meaning=$(marks_of "$1/$path") ;;
    esac
    printf '    %s %s %9s  %s %s\n' "$mode" "$owner" "$size" "$path" "$meaning"
  done
  note "$(find "$1/$2" -mindepth 1 | wc -l) entries in $2"
}

# The overlay marks of one entry, as words.
marks_of() {
  getfattr --absolute-names -h -d -m '^(trusted|user)\.overlay\.(opaque|redirect|metacopy|impure)$' "$1" 2>/dev/null |
    sed -n 's/^\(trusted\|user\)\.overlay\.\([a-z]*\)="\{0,1\}\([^"]*\)"\{0,1\}$/<- \2=\3/p' | tr '\n' ' '
}
