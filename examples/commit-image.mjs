/**
 * From a root filesystem's tar to an image of two layers: import it, mount it, change something, commit that.
 * `node commit-image.mjs ROOTFS.tar LAYOUT MERGED` (as root; LAYOUT, an OCI layout, is made where it is missing).
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commitToImage, imageHistory, importImage, mountImage } from 'stratafs'

const [rootfs, layout, merged] = process.argv.slice(2)
if (rootfs === undefined || layout === undefined || merged === undefined) {
  console.error('usage: node commit-image.mjs ROOTFS.tar LAYOUT MERGED')
  process.exit(2)
}

await importImage(rootfs, `${layout}:base`, { changes: ['CMD ["/bin/sh"]'] })
// Layers are unpacked once to a store: STRATAFS_STORE names another.
const root = await mountImage(`${layout}:base`, merged)
try {
  await writeFile(join(merged, 'added'), 'by the second layer\n')
  const image = await commitToImage(merged, layout, 'app', { base: 'base', comment: 'with a file more' })
  console.log(`${layout}:app has ${image.layers} layers, manifest ${image.manifest}`)
} finally {
  await root.unmount()
}
for (const { createdBy, size, comment } of await imageHistory(`${layout}:app`)) {
  console.log(`${String(size).padStart(8)} bytes  ${createdBy}  ${comment}`.trimEnd())
}
