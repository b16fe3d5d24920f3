/** OCI layouts as places that hold images: a directory of blobs with an index. */
import { existsSync, statSync } from 'node:fs'
import { pathBytes, shown } from '../../base/text.js'
import { hexOf } from '../../oci/encoding/digest.js'
import { Layout } from '../../oci/image/layout.js'
import { type Descriptor, REF_NAME } from '../../oci/image/types.js'
import type { BlobPart, BlobPlace, NamedImage } from './types.js'

/** containerd's and docker's name of an image, which is longer than its tag. */
const FULL_NAME = 'io.containerd.image.name'

/** The layout at `directory` (absolute, latin1). Throws StratafsError. */
export function layoutPlace(directory: string): BlobPlace {
  const layout = Layout.open(directory)
  return {
    where: shown(directory),
    images: namedIn(layout.index().manifests),
    part: (digest) => fileIn(`${directory}/blobs/sha256`, digest),
    close: () => {},
  }
}

/** The blob as a file of the folder `blobs`; null where it is not there. */
export function fileIn(blobs: string, digest: string): BlobPart | null {
  const file = `${blobs}/${hexOf(digest)}`
  const stat = statSync(pathBytes(file), { throwIfNoEntry: false })
  return stat?.isFile() === true ? { file, offset: 0, length: stat.size } : null
}

/** The images of an index. Entries of attestations, which are for no platform, are none. */
export function namedIn(manifests: readonly Descriptor[]): NamedImage[] {
  const images = manifests.filter(({ platform }) => platform?.os !== 'unknown')
  return images.map((entry) => ({
    name: entry.annotations?.[FULL_NAME] ?? entry.annotations?.[REF_NAME] ?? null,
    entry,
  }))
}

/** Whether an OCI layout lies at `path`. */
export function isLayout(path: string): boolean {
  return existsSync(pathBytes(`${path}/index.json`)) && existsSync(pathBytes(`${path}/blobs`))
}
