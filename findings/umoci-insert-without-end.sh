#!/usr/bin/env bash
# umoci insert writes a layer whose tar has neither the padding of its last file nor the two zero blocks of its end.
source "$(dirname "$0")/common.sh"
debian umoci '0.4.7+ds-3+b7'
printf 'hello' > file
umoci init --layout image >/dev/null
umoci new --image image:tag >/dev/null
umoci insert --image image:tag file /file >/dev/null
layer=$(python3 - <<'P'
import json
def blob(digest): return 'image/blobs/' + digest.replace(':', '/')
manifest = json.load(open('image/index.json'))['manifests'][0]['digest']
print(blob(json.load(open(blob(manifest)))['layers'][-1]['digest']))
P
)
gzip -dc "$layer" > layer.tar
size=$(stat -c %s layer.tar)
ending=$(tail -c 5 layer.tar | tr -d '\0')
found 'size a multiple of 512, ending in zeros (POSIX pax, end-of-archive)' \
  'size 517 % 512 = 5, ends with: hello' "size $size % 512 = $((size % 512)), ends with: $ending"
