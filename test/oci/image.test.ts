/**
 * Images in and out of the store: each layer is unpacked once however many images and programs ask for it, is named by
 * what it holds, and goes when nobody has it any more; a mount is in the way of that. With the command, a real mount,
 * and images that skopeo, umoci and podman wrote, where those are installed.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { checkoutRoot } from '../../scripts/checkout.js'
import { Layout, MediaType } from '../../src/oci/image/layout.js'
import { parseNewReference } from '../../src/oci/store/images.js'
import { needsRoot } from '../syscalls/support.js'
import { notInstalled } from '../tools/installed.js'
import { archive, directory, file } from './archive.js'
import { podman } from './podman.js'
import { inScratch, namesIn, snapshot } from './scratch.js'

const MAIN = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')
const BASE = archive(directory('./', { mode: 0o711 }), directory('etc/'), file('etc/a', 'base'), file('etc/b', 'base'))
const APP = archive(directory('etc/'), file('etc/.wh.b'), file('etc/a', 'app'))
/** Says nothing of etc: what that is depends on what is beneath. */
const LOOSE = archive(file('etc/loose', 'x'))

/** A folder with a run directory of its own, and the command in it. */
function inRun<T>(
  work: (folder: string, run: (...args: string[]) => string, refused: (args: string[], words: RegExp) => void) => T,
): Promise<T> {
  return inScratch(async (folder) => {
    const options = {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, STRATAFS_RUN_DIR: join(folder, 'run') },
    } as const
    const run = (...args: string[]) => execFileSync(process.execPath, [MAIN, ...args], options)
    const refused = (args: string[], words: RegExp) => assert.throws(() => run(...args), { message: words })
    return work(folder, run, refused)
  })
}

/** Puts an image of these layers into FOLDER/img. */
function makeImage(folder: string, tag: string, layers: readonly Buffer[]): void {
  const layout = Layout.openOrCreate(join(folder, 'img'))
  const descriptors = layers.map((bytes) => layout.putBlob(`${MediaType.LAYER}+gzip`, gzipSync(bytes)))
  const diff_ids = layers.map((bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
  layout.putImage(
    tag,
    { schemaVersion: 2, layers: descriptors },
    { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids } },
  )
}

const blobs = (folder: string) => namesIn(join(folder, 'img/blobs/sha256')).length
const layersIn = (folder: string) => namesIn(join(folder, 'store/layers'))

describe('the store', () => {
  it('unpacks a layer once, for any image and compression; a layer that leans on others once per base', () =>
    inRun((folder, run) => {
      makeImage(folder, 'one', [BASE, APP, LOOSE])
      makeImage(folder, 'two', [BASE, LOOSE])
      makeImage(folder, 'three', [BASE, APP, LOOSE])
      const one = JSON.parse(run('image', 'unpack', 'img:one', 'store', '--json'))
      assert.deepEqual(
        one.layers.map((each: { shared: boolean }) => each.shared),
        [false, false, false],
      )
      const two = JSON.parse(run('image', 'unpack', 'img:two', 'store', '--json'))
      assert.deepEqual(
        two.layers.map((each: { shared: boolean }) => each.shared),
        [false, true],
      )
      const three = JSON.parse(run('image', 'unpack', 'img:three', 'store', '--json'))
      assert.equal(three.lowerdir, one.lowerdir)
      assert.deepEqual(
        layersIn(folder).map((name) => name.slice(0, 6)),
        ['chain-', 'chain-', 'chain-', 'sha256'],
      )
      assert.equal(one.lowerdir.split(':')[2], one.layers[2].layer.path)
    }))
  it('frees what nobody has, in the layout and in the store, and nothing else', () =>
    inRun((folder, run, refused) => {
      makeImage(folder, 'one', [BASE, APP])
      makeImage(folder, 'two', [BASE])
      run('image', 'unpack', 'img:one', 'store')
      run('image', 'unpack', 'img:two', 'store')
      assert.deepEqual([blobs(folder), layersIn(folder).length], [6, 2])
      const { removed } = JSON.parse(run('image', 'rm', 'img:one', '--store', 'store', '--json'))
      const [removal] = removed
      assert.deepEqual(
        [removal.blobs.length, removal.unpacked.length, blobs(folder), layersIn(folder).length],
        [3, 1, 3, 1],
      )
      refused(['image', 'rm', 'img:one', '--store', 'store'], /img has no image one: there are two/)
      run('image', 'unpack', 'img:two', 'store')
      // The layout goes with everything in it: the store is told afterwards.
      rmSync(join(folder, 'img'), { recursive: true })
      run('image', 'rm', 'img:two', '--store', 'store')
      assert.deepEqual(layersIn(folder), [])
    }))
  it('two tags of one image share all, and a tag alone goes', () =>
    inRun((folder, run) => {
      makeImage(folder, 'one', [BASE])
      makeImage(folder, 'same', [BASE])
      run('image', 'unpack', 'img:one', 'store')
      run('image', 'unpack', 'img:same', 'store')
      const { removed } = JSON.parse(run('image', 'rm', 'img:same', '--store', 'store', '--json'))
      const [removal] = removed
      assert.deepEqual([removal.blobs, removal.unpacked, blobs(folder)], [[], [], 3])
    }))
  it('says which layer is missing, damaged or not what the image says, and believes none of it', () =>
    inRun((folder, run, refused) => {
      makeImage(folder, 'one', [BASE, APP])
      const layout = Layout.open(join(folder, 'img'))
      const { layers } = layout.image('one').manifest
      const blob = layout.blobPath(layers[1]!.digest)
      const good = readFileSync(blob)
      const bad = Buffer.from(good)
      bad[bad.length - 5]! ^= 1
      const words = new RegExp(`layer 2 of 2 \\(${layers[1]!.digest}\\): `)
      for (const spoil of [() => writeFileSync(blob, bad), () => truncateSync(blob, 20), () => rmSync(blob)]) {
        spoil()
        refused(['image', 'unpack', 'img:one', 'store'], words)
        assert.equal(layersIn(folder).length, 1)
      }
      writeFileSync(blob, good)
      run('image', 'unpack', 'img:one', 'store')
    }))
  it('several programs that want the same layers at once unpack each once', async () => {
    await inRun(async (folder) => {
      makeImage(folder, 'one', [BASE, APP, LOOSE])
      const children = Array.from({ length: 3 }, () =>
        spawn(process.execPath, [MAIN, 'image', 'unpack', 'img:one', 'store', '--json'], {
          cwd: folder,
          stdio: ['ignore', 'pipe', 'inherit'],
        }),
      )
      const outputs = children.map((child) => child.stdout.toArray())
      const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]))
      assert.deepEqual(codes, [0, 0, 0])
      const shared = (await Promise.all(outputs)).map((chunks) =>
        JSON.parse(Buffer.concat(chunks).toString()).layers.map((each: { shared: boolean }) => each.shared),
      )
      for (let i = 0; i < 3; i++) assert.equal(shared.filter((each) => each[i] === false).length, 1)
      assert.equal(layersIn(folder).length, 3)
    })
  })
  it('holds layers of one kind', { skip: needsRoot }, () =>
    inRun((folder, run, refused) => {
      makeImage(folder, 'one', [BASE])
      run('image', 'unpack', 'img:one', 'store')
      refused(
        ['image', 'unpack', 'img:one', 'store', '--userxattr'],
        /store .* holds layers with marks as trusted\.overlay\.\*/,
      )
    }),
  )
  it('cuts LAYOUT:TAG where a layout ends, or at the first colon where none is yet', () =>
    inScratch((folder) => {
      const layout = join(folder, 'a:b')
      mkdirSync(layout)
      writeFileSync(join(layout, 'index.json'), '{}')
      const parts = (given: string) => {
        const { layout, tag } = parseNewReference(given, (path) => path)
        return [layout, tag]
      }
      assert.deepEqual(parts(`${layout}:latest`), [layout, 'latest'])
      assert.deepEqual(parts(`${layout}:localhost/app:1`), [layout, 'localhost/app:1'])
      assert.deepEqual(parts('/none:localhost:5000/app:1'), ['/none', 'localhost:5000/app:1'])
      for (const given of ['/none', '/none:', ':tag', '/none:a/', '/none:a b', '/none:../x'])
        assert.throws(() => parts(given), { name: 'StratafsError', message: /name the image as LAYOUT:TAG/ }, given)
    }))
  it('names what is no layout, and digests that would be paths', () =>
    inRun((folder, run, refused) => {
      refused(['image', 'unpack', 'nowhere:x', 'store'], /nowhere is no OCI image layout/)
      makeImage(folder, 'one', [BASE])
      run('image', 'unpack', 'img', 'store')
      const index = join(folder, 'img/index.json')
      writeFileSync(index, readFileSync(index, 'utf8').replace(/sha256:[0-9a-f]{64}/, 'sha256:../../../../etc/passwd'))
      refused(['image', 'unpack', 'img:one', 'store'], /no sha256 digest|no digest/)
    }))
})

describe('import', () => {
  it('makes an image of one layer, the same each time, that unpacks to what was imported', () =>
    inRun((folder, run, refused) => {
      writeFileSync(join(folder, 'rootfs.tar'), BASE)
      const words = ['image', 'import', 'rootfs.tar', '--timestamp', '0', '-m', 'a comment', '--json']
      const one = JSON.parse(run(...words, 'img:a'))
      const two = JSON.parse(run(...words, 'img:b'))
      assert.equal(one.manifest, two.manifest)
      const { config } = Layout.open(join(folder, 'img')).image('a')
      assert.deepEqual(config.history, [
        { created: '1970-01-01T00:00:00.000Z', created_by: 'stratafs image import rootfs.tar', comment: 'a comment' },
      ])
      run('image', 'unpack', 'img:a', 'store')
      run('apply', 'rootfs.tar', 'applied')
      assert.deepEqual(snapshot(join(folder, 'store/layers', layersIn(folder)[0]!)), snapshot(join(folder, 'applied')))
      writeFileSync(join(folder, 'bad.tar'), APP)
      refused(['image', 'import', 'bad.tar', 'img:c'], /etc\/\.wh\.b: a whiteout/)
      refused(['image', 'import', 'rootfs.tar', 'img'], /name the image as LAYOUT:TAG/)
      refused(['image', 'import', 'rootfs.tar', 'img:c', '--change', 'RUN x'], /--change "RUN x": give one of CMD/)
      assert.deepEqual(Layout.open(join(folder, 'img')).tags(), ['a', 'b'])
      assert.equal(readdirSync(join(folder, 'img/blobs/sha256')).filter((name) => name.startsWith('.')).length, 0)
    }))
  it('has the configuration that was asked for', () =>
    inRun((folder, run) => {
      writeFileSync(join(folder, 'rootfs.tar'), BASE)
      run('image', 'import', 'rootfs.tar', 'img:a', '--change', 'CMD ["/bin/sh"]', '--change', 'ENV A=1')
      const { config } = Layout.open(join(folder, 'img')).image('a').config
      assert.deepEqual(config, { Cmd: ['/bin/sh'], Env: ['A=1'] })
    }))
  it('keeps an archive as it came, or compresses it as asked', () =>
    inRun((folder, run) => {
      const gz = gzipSync(BASE, { level: 1 })
      writeFileSync(join(folder, 'rootfs.tgz'), gz)
      const kept = JSON.parse(run('image', 'import', 'rootfs.tgz', 'img:kept', '--json'))
      assert.equal(kept.digest, `sha256:${createHash('sha256').update(gz).digest('hex')}`)
      for (const kind of ['none', 'zstd']) {
        const other = JSON.parse(run('image', 'import', 'rootfs.tgz', `img:${kind}`, '--compression', kind, '--json'))
        assert.deepEqual([other.diffID, other.digest === kept.digest], [kept.diffID, false])
      }
      assert.deepEqual(
        ['kept', 'none', 'zstd'].map(
          (tag) => Layout.open(join(folder, 'img')).image(tag).manifest.layers[0]!.mediaType,
        ),
        [`${MediaType.LAYER}+gzip`, MediaType.LAYER, `${MediaType.LAYER}+zstd`],
      )
    }))
})

const canMount = needsRoot || (existsSync('/dev/fuse') ? false : 'needs /dev/fuse')

describe('mount', { skip: canMount }, () => {
  it('unpacks and mounts in one step; the root is the image’s; rm is refused until it is unmounted', () =>
    inRun((folder, run, refused) => {
      makeImage(folder, 'one', [BASE, APP, LOOSE])
      mkdirSync(join(folder, 'm'))
      const { layers } = JSON.parse(run('image', 'mount', 'img:one', 'm', '--store', 'store', '--json'))
      const [{ role, path: upper }] = layers
      assert.deepEqual([role, layers.length], ['upper', 4])
      try {
        const tree = snapshot(join(folder, 'm'))
        assert.deepEqual(Object.keys(tree), ['.', 'etc', 'etc/a', 'etc/loose'])
        assert.deepEqual([tree['etc/a']!.content, tree.etc!.mode & 0o777], ['app', 0o755])
        writeFileSync(join(folder, 'm/new'), 'x')
        refused(
          ['image', 'rm', 'img:one', '--store', 'store'],
          /layer .*store\/layers\/.* is used by the mount on .*\/m: unmount that first/,
        )
        assert.deepEqual([blobs(folder), layersIn(folder).length], [5, 3])
      } finally {
        run('unmount', 'm')
      }
      assert.deepEqual(namesIn(upper), ['new'])
      run('image', 'rm', 'img:one', '--store', 'store')
      assert.deepEqual([blobs(folder), layersIn(folder)], [0, []])
    }))
})

const lacking = (...programs: string[]): string | false => needsRoot || notInstalled(...programs)

describe('mount and the index', { skip: canMount }, () => {
  it('layers of the store are believed to stay what they are, unless somebody says otherwise', () =>
    inRun((folder, run) => {
      makeImage(folder, 'one', [BASE, APP])
      mkdirSync(join(folder, 'm'))
      for (const [options, immutable] of [
        [[], true],
        [['-o', 'index=on'], false],
      ] as const) {
        run('image', 'mount', 'img:one', 'm', '--store', 'store', ...options)
        try {
          assert.equal(JSON.parse(run('inspect', 'm'))[0].Index.Immutable, immutable)
          assert.equal(readFileSync(join(folder, 'm/etc/a'), 'utf8'), 'app')
        } finally {
          run('unmount', 'm')
        }
      }
    }))
})

describe('images of others', () => {
  it(
    'what umoci made in a dozen layers, and skopeo copied as zstd, is what umoci unpacks',
    { skip: lacking('umoci', 'skopeo') },
    () =>
      inRun((folder, run) => {
        const sh = (script: string) => execFileSync('sh', ['-ec', script], { cwd: folder, stdio: 'pipe' })
        sh('umoci init --layout img; umoci new --image img:it; umoci unpack --image img:it b')
        const steps = [
          'mkdir -p etc usr/bin opt/a/b; echo one > etc/a; ln etc/a etc/hard; ln -s ../etc/a usr/bin/l',
          'echo two > etc/a; chmod 4755 etc/a',
          'rm etc/hard; mkfifo opt/p; mknod opt/null c 1 3',
          'rm -r opt/a; mkdir opt/a; echo new > opt/a/n',
          'rm -r opt/a; echo file > opt/a',
          'rm opt/a; mkdir -p opt/a/deep/er; chown 5:6 opt/a/deep; chmod 2750 opt/a/deep',
          'setfattr -n user.k -v v etc/a || true; setfacl -m u:9:rwx opt/a || true',
          'dd if=/dev/zero of=big bs=1024 count=300; touch -d 2001-02-03T04:05:06.789 etc/a',
          'mv usr/bin usr/moved; echo x > "name with  spaces"',
          'rm -r usr; touch -h etc; truncate -s 50000 sparse',
          'mkdir usr; echo y > usr/y; ln usr/y usr/z',
          'rm usr/y big',
        ]
        for (const step of steps) sh(`(cd b/rootfs; ${step}); umoci repack --refresh-bundle --image img:it b`)
        sh('umoci unpack --image img:it fresh; skopeo copy -q --dest-compress-format zstd oci:img:it oci:zs:it')
        // No layer of umoci's describes the root: that is whoever's who unpacks.
        const expected = snapshot(join(folder, 'fresh/rootfs'), { root: false })
        for (const layout of ['img', 'zs']) {
          const { layers } = JSON.parse(run('image', 'unpack', `${layout}:it`, 'store', '--json'))
          assert.equal(layers.length, steps.length)
          assert.equal(
            layers.every((each: { shared: boolean }) => each.shared),
            layout === 'zs',
          )
        }
        mkdirSync(join(folder, 'm'))
        run('image', 'mount', '--read-only', 'img:it', 'm', '--store', 'store')
        try {
          assert.deepEqual(snapshot(join(folder, 'm'), { root: false }), expected)
        } finally {
          run('unmount', 'm')
        }
      }),
  )
  it(
    'what podman built in a dozen layers is what umoci unpacks',
    { skip: lacking('podman', 'umoci', 'busybox', 'unshare') },
    (t) =>
      inRun((folder, run) => {
        const rootfs = join(folder, 'ctx/rootfs/bin')
        mkdirSync(rootfs, { recursive: true })
        execFileSync('sh', ['-ec', 'cp "$(command -v busybox)" "$0/busybox"', rootfs])
        for (const name of ['sh', 'rm', 'mkdir', 'ln', 'chmod', 'chown', 'touch', 'mv'])
          symlinkSync('busybox', join(rootfs, name))
        for (const name of ['etc', 'tmp', 'proc', 'sys', 'dev']) mkdirSync(join(folder, 'ctx/rootfs', name))
        const steps = [
          'mkdir -p /opt/a/b && echo one > /opt/a/f && ln /opt/a/f /opt/hard',
          'echo two > /opt/a/b/g && chmod 4755 /opt/a/b/g',
          'rm /opt/a/b/g',
          'rm -rf /opt/a && mkdir /opt/a && echo new > /opt/a/only',
          'mkdir -p /var/x && chown 1000:1001 /var/x && chmod 2770 /var/x',
          'ln -s /etc/passwd /opt/link',
          'rm -rf /opt/a && echo file > /opt/a',
          'mv /var/x /var/y && touch -d "2001-02-03 04:05:06" /opt/a',
          'echo x > "/opt/name with  spaces"',
          'rm /opt/hard',
        ]
        writeFileSync(
          join(folder, 'ctx/Containerfile'),
          ['FROM scratch', 'ADD rootfs /', ...steps.map((step) => `RUN ${step}`), 'COPY Containerfile /opt/'].join(
            '\n',
          ),
        )
        const script =
          'podman build -q --network=host --isolation=chroot --layers -t it ctx; podman save -q --format oci-dir -o img it'
        const built = podman(folder, 'overlay', script)
        if (built.status !== 0) return t.skip(`podman cannot build here: ${built.stderr.slice(-300)}`)
        mkdirSync(join(folder, 'm'))
        execFileSync('umoci', ['unpack', '--image', 'img:localhost/it:latest', 'fresh'], { cwd: folder, stdio: 'pipe' })
        const { layers } = JSON.parse(
          run('image', 'mount', '--read-only', 'img:latest', 'm', '--store', 'store', '--json'),
        )
        try {
          assert.equal(layers.length, steps.length + 2)
          assert.deepEqual(snapshot(join(folder, 'm')), snapshot(join(folder, 'fresh/rootfs')))
        } finally {
          run('unmount', 'm')
        }
        return undefined
      }),
  )
})
