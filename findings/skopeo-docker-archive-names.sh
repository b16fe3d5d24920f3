#!/usr/bin/env bash
# skopeo copies an image into a docker-archive under a longer name than docker itself writes there. One would expect
# `docker save app:1` and `skopeo copy … docker-archive:FILE:app:1` to name it alike, as RepoTags is what a reader of
# the archive goes by. skopeo writes the registry, too.
source "$(dirname "$0")/common.sh"
debian skopeo 1.9.3+ds1-1+b10
mkdir rootfs && tar -cf layer.tar rootfs
digest=$(sha256sum layer.tar | cut -d' ' -f1)
mkdir -p image/blobs/sha256
cp layer.tar "image/blobs/sha256/$digest"
put() { # a document as a blob; its digest and size
  local name
  name=$(printf %s "$1" | sha256sum | cut -d' ' -f1)
  printf %s "$1" >"image/blobs/sha256/$name"
  echo "\"digest\":\"sha256:$name\",\"size\":${#1}"
}
rootfs="{\"type\":\"layers\",\"diff_ids\":[\"sha256:$digest\"]}"
config=$(put "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":$rootfs}")
layer="\"digest\":\"sha256:$digest\",\"size\":$(stat -c %s layer.tar)"
type=application/vnd.oci.image
config="{\"mediaType\":\"$type.config.v1+json\",$config}"
layer="{\"mediaType\":\"$type.layer.v1.tar\",$layer}"
manifest=$(put "{\"schemaVersion\":2,\"config\":$config,\"layers\":[$layer]}")
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json",%s}]}' "$type" "$manifest" >image/index.json
echo '{"imageLayoutVersion":"1.0.0"}' >image/oci-layout
skopeo --insecure-policy copy -q oci:image docker-archive:app.tar:app:1 || exit 2
tar -xf app.tar manifest.json
found 'app:1, as docker save has it' docker.io/library/app:1 \
  "$(sed 's/.*"RepoTags":\["\([^"]*\)".*/\1/' manifest.json)"
