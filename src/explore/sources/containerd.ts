/**
 * containerd's own directory, read and never written: its blobs lie as in a layout, and its database has the names of
 * images, by namespace.
 */
import { existsSync } from 'node:fs'
import { pathBytes, shown } from '../../base/text.js'
import { Bolt } from './bolt.js'
import { fileIn } from './layout.js'
import type { BlobPlace, NamedImage } from './types.js'

const BLOBS = 'io.containerd.content.v1.content/blobs/sha256'
const NAMES = 'io.containerd.metadata.v1.bolt/meta.db'

/** Whether `path` (latin1) is such a directory. */
export function isContainerd(path: string): boolean {
  return existsSync(pathBytes(`${path}/${BLOBS}`)) && existsSync(pathBytes(`${path}/${NAMES}`))
}

/** The images at `root` (latin1). Throws StratafsError. */
export function containerdPlace(root: string): BlobPlace {
  return {
    where: shown(root),
    images: Bolt.read(`${root}/${NAMES}`, imagesIn),
    part: (digest) => fileIn(`${root}/${BLOBS}`, digest),
    close: () => {},
  }
}

/** v1 / NAMESPACE / images / NAME / target / digest, mediatype, size (containerd's metadata/buckets.go). */
function imagesIn(bolt: Bolt): NamedImage[] {
  const namespaces = bolt.bucket(['v1']).filter(({ isBucket }) => isBucket)
  return namespaces.flatMap(({ key: namespace }) =>
    bolt.bucket(['v1', namespace, 'images']).flatMap(({ key: name, isBucket }): NamedImage[] => {
      const target = isBucket ? bolt.bucket(['v1', namespace, 'images', name, 'target']) : []
      const text = (key: string) => target.find((item) => item.key === key)?.value.toString('utf8')
      const digest = text('digest')
      if (digest === undefined || /^sha256:[0-9a-f]{64}$/.test(name)) return []
      return [{ name, entry: { digest, mediaType: text('mediatype') ?? '', size: 0 } }]
    }),
  )
}
