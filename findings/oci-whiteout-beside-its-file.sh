#!/usr/bin/env bash
# A layer that holds a file and, after it, a whiteout of the same name. By the image specification (layer.md) a whiteout
# counts for the layers below only, so the file is there. umoci has it so. buildah removes the file on the vfs driver
# and cannot take the image on the overlay driver, where a file and its whiteout are one name. containerd 1.6's
# overlayfs snapshotter fails like that, too.
source "$(dirname "$0")/common.sh"
needs python3
debian umoci '0.4.7+ds-3+b7'
debian buildah '1.28.2+ds1-3+deb12u1+b3'
python3 - <<'P'
import hashlib, io, json, os, tarfile
os.makedirs('image/blobs/sha256')
def blob(kind, content):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    name = hashlib.sha256(content).hexdigest()
    with open('image/blobs/sha256/' + name, 'wb') as file: file.write(content)
    media = f'application/vnd.oci.image.{kind}'
    return {'mediaType': media, 'digest': 'sha256:' + name, 'size': len(content)}
def layer(**files):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w') as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace('whiteout_', '.wh.'))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return blob('layer.v1.tar', tar.getvalue())
layers = [layer(f=b'old'), layer(f=b'new', whiteout_f=b'')]
rootfs = {'type': 'layers', 'diff_ids': [each['digest'] for each in layers]}
config = blob('config.v1+json', {'architecture': 'amd64', 'os': 'linux', 'config': {}, 'rootfs': rootfs})
manifest = blob('manifest.v1+json', {'schemaVersion': 2, 'config': config, 'layers': layers})
manifest['annotations'] = {'org.opencontainers.image.ref.name': 'tag'}
json.dump({'schemaVersion': 2, 'manifests': [manifest]}, open('image/index.json', 'w'))
json.dump({'imageLayoutVersion': '1.0.0'}, open('image/oci-layout', 'w'))
P
content() { if [ -e "$1" ]; then cat "$1"; else printf 'no f'; fi; }
umoci unpack --image image:tag bundle >/dev/null
seen="umoci: $(content bundle/rootfs/f)"
for driver in vfs overlay; do
  storage=(buildah --root "$folder/$driver" --runroot "$folder/run-$driver" --storage-driver "$driver")
  if name=$("${storage[@]}" from -q oci:image:tag 2>error) && root=$("${storage[@]}" mount "$name"); then
    seen="$seen, buildah $driver: $(content "$root/f")"
  else
    seen="$seen, buildah $driver: $(grep -o 'file exists' error | head -1)"
  fi
done
found 'umoci: new, buildah vfs: new, buildah overlay: new' \
  'umoci: new, buildah vfs: no f, buildah overlay: file exists' "$seen"
