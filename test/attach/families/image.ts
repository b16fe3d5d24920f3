/**
 * Looking into images: what the topmost layer of a saved one holds, as tar tells it, and what a container sees, as one
 * text that two containers can be compared by.
 */
import assert from 'node:assert/strict'
import type { Scene } from '../scene.js'

/**
 * Prints every file of the image with type, mode, owner, links, size and content. Times of directories and what the
 * runtimes put into /etc are not asked.
 */
export const FINGERPRINT = `cd /
find data many made bin -type d -exec stat -c '%n %F %a %u:%g' {} + 2>/dev/null | sort
find data many made bin ! -type d -exec stat -c '%n %F %a %u:%g %h %s %Y' {} + 2>/dev/null | sort
find data many made -type f -exec md5sum {} + 2>/dev/null | sort`

interface LayerEntry {
  readonly name: string
  /** tar's first column: type and permissions. */
  readonly mode: string
  readonly owner: string
  /** What a hard link names; '' where it is none. */
  readonly linkTo: string
  readonly xattrs: string[]
}

/** The entries of the topmost layer of a `docker save` archive. */
export function topLayer(scene: Scene, archive: string): LayerEntry[] {
  const manifest = JSON.parse(scene.sh(`tar -xOf ${archive} manifest.json`))
  const layer = manifest[0].Layers.at(-1)
  // What saves without compression and what links layers are all the same to tar.
  const list = `tar -xf ${archive} -C "$TMPDIR" && tar --xattrs --numeric-owner -tvvf "$TMPDIR/${layer}"; rm -rf "$TMPDIR"/*`
  return entries(scene.sh(list))
}

function entries(listing: string): LayerEntry[] {
  const found: LayerEntry[] = []
  for (const line of listing.split('\n')) {
    const xattr = /^ {2}x: +\d+ (\S+)/.exec(line)
    const match = /^(\S{10})[.+*]? +(\d+\/\d+) +\S+ \S+ \S+ (.*?)(?: link to (.*))?(?: -> .*)?$/.exec(line)
    if (xattr) found.at(-1)?.xattrs.push(xattr[1]!)
    else if (match)
      found.push({
        mode: match[1]!,
        owner: match[2]!.replace('/', ':'),
        name: match[3]!.replace(/^\.?\//, '').replace(/\/$/, ''),
        linkTo: (match[4] ?? '').replace(/^\.?\//, ''),
        xattrs: [],
      })
  }
  return found
}

/** The layer of the changes that families make: whiteouts, links and owners are there, marks of the overlay are not. */
export function expectCleanLayer(layer: readonly LayerEntry[]): void {
  const named = (name: string) => layer.find((entry) => entry.name === name)
  const names = layer.map((entry) => entry.name)
  assert.ok(names.includes('data/.wh.plain') && names.includes('data/.wh.owned'), `whiteouts in ${names}`)
  assert.ok(names.includes('data/deep/only'), `data/deep/only in ${names}`)
  const gone = ['data/deep/.wh.old', 'data/deep/.wh..wh..opq', 'data/.wh.deep'].filter((name) => names.includes(name))
  assert.ok(gone.length > 0, `the old data/deep is gone in ${names}`)
  assert.equal(named('data/moved')?.owner, '7:8')
  assert.deepEqual([named('data/setuid')?.owner, named('data/setuid')?.mode], ['9:10', '-rws--x--x'])
  assert.ok(
    layer.some((entry) => entry.linkTo === 'data/new' || entry.linkTo === 'data/new2'),
    'new links are links',
  )
  const leaked = layer.flatMap((entry) => entry.xattrs.filter((name) => /overlay|stratafs|containers/.test(name)))
  assert.deepEqual(leaked, [])
  const devices = layer.filter((entry) => entry.mode.startsWith('c')).map((entry) => entry.name)
  assert.deepEqual(devices, [], 'no whiteout of the disk’s own kind')
}

/**
 * Makes `archive`, as `docker save` writes it: the base and above it a layer for each number from 1 to `count` - 1,
 * with a file /layers/fN that holds N. Built by hand because what is asked is mounting so many, not building them.
 */
export function makeTallImage(scene: Scene, count: number, archive: string): void {
  const build = scene.directory('tall')
  scene.sh(`cd ${build}; cp ${scene.tar} base.tar; mkdir -p layers
    for i in $(seq ${count - 1}); do echo "$i" >layers/f$i; tar --numeric-owner --owner=0 --group=0 -cf $i.tar layers/f$i; done
    files=$(for i in $(seq ${count - 1}); do printf ',"%s.tar"' $i; done)
    diffs=$(sha256sum base.tar $(seq -f '%.0f.tar' ${count - 1}) | sed 's/ .*//; s/.*/,"sha256:&"/' | tr -d '
')
    printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%s]}}' "${'$'}{diffs#,}" >config.json
    printf '[{"Config":"config.json","RepoTags":["hundred:latest"],"Layers":["base.tar"%s]}]' "$files" >manifest.json
    tar -cf ${archive} manifest.json config.json base.tar $(seq -f '%.0f.tar' ${count - 1}); chmod 644 ${archive}; rm -rf ${build}`)
}
