/**
 * engine=hybrid on a metadata image of the lower layers. What it shows is what the conformance column says; here is how
 * an image comes to be, when it is believed, and that a mount on one needs no process.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hybridObstacle } from '../conformance/hybrid-limits.js'
import { daemonPids, eventually, isGone, type Workspace, workspace } from './harness.js'

const LARGE = 'l'.repeat(8192)
const HYBRID = 'engine=hybrid,index=immutable'

interface Scene extends Workspace {
  readonly images: string
  readonly layers: readonly string[]
}

/** Layers with a hard link, a large file and a path that is too long for a redirect. */
function scene(t: TestContext): Scene {
  const w = workspace(t)
  const stacks = join(w.root, 'stacks')
  w.env.STRATAFS_STACKS = stacks
  mkdirSync(join(w.base, 'd'))
  writeFileSync(join(w.base, 'd/large'), LARGE)
  writeFileSync(join(w.base, 'd/x'), 'x')
  linkSync(join(w.base, 'd/x'), join(w.base, 'd/y'))
  return { ...w, images: join(stacks, 'images'), layers: ['--lower', w.top, '--lower', w.base] }
}

function mount(w: Workspace, options: string): void {
  const { status, stderr } = w.run('mount', '-o', options, w.merged)
  assert.equal(`${status}${stderr}`, '0')
}

function unmount(w: Workspace): void {
  assert.equal(w.run('unmount', w.merged).status, 0)
}

interface Told {
  readonly Engine: { readonly Engine?: string; readonly Lower: { readonly Kind: string; readonly Why: string } }
  readonly Downgrades: readonly string[]
}

function inspected(w: Workspace): Told {
  const found = JSON.parse(w.run('inspect', '--json', w.merged).stdout)
  return Array.isArray(found) ? found[0] : found
}

const lowerOf = (w: Workspace): string => inspected(w).Engine.Lower.Kind

function imagesOf(w: Scene): string[] {
  return readdirSync(w.images).filter((name) => name.endsWith('.erofs'))
}

const skip = { skip: hybridObstacle() ?? false }

test('the first mount makes the image, the second stands on it, and needs no daemon', skip, async (t) => {
  const w = scene(t)
  const at = (name: string) => join(w.merged, name)
  mount(w, `${w.options},${HYBRID}`)
  assert.equal(lowerOf(w), 'fuse')
  assert.match(inspected(w).Engine.Lower.Why, /made for the next mount/)
  assert.ok(await eventually(() => statSync(w.images, { throwIfNoEntry: false }) !== undefined, 5000))
  assert.ok(await eventually(() => imagesOf(w).length === 1, 5000))
  unmount(w)
  mount(w, `${w.options},${HYBRID}`)
  assert.equal(lowerOf(w), 'image')
  assert.deepEqual(inspected(w).Downgrades, [])
  assert.equal(readFileSync(at('a'), 'utf8'), 'top a\n')
  const inode = statSync(at('d/x')).ino
  writeFileSync(at('d/x'), 'changed')
  assert.match(w.run('which', at('d/large')).stdout, /lower 1/)
  const [pid] = daemonPids(w.runDirectory)
  process.kill(pid!, 'SIGKILL')
  assert.ok(await eventually(() => isGone(pid!), 5000))
  // What nobody has seen so far, too.
  assert.equal(readFileSync(at('d/large'), 'utf8'), LARGE)
  assert.deepEqual(readdirSync(w.merged), ['a', 'b', 'd'])
  writeFileSync(at('new'), 'new')
  assert.match(w.run('mount', '-o', w.options, w.merged).stderr, /in use by a kernel overlay/)
  unmount(w)
  mount(w, `${w.options},${HYBRID}`)
  assert.equal(readFileSync(at('d/y'), 'utf8'), 'changed')
  assert.equal(statSync(at('d/y')).ino, inode)
  assert.equal(statSync(at('d/x')).nlink, 2)
  assert.equal(readFileSync(at('new'), 'utf8'), 'new')
  unmount(w)
  assert.equal(readFileSync(join(w.base, 'd/x'), 'utf8'), 'x')
})

test(
  'an image that is not whole, or another’s, is made anew; one is made first for an upper that needs it',
  skip,
  (t) => {
    const w = scene(t)
    const { stdout } = w.run('index', 'build', '--json', ...w.layers)
    const { image } = JSON.parse(stdout)
    assert.deepEqual(imagesOf(w), [image.split('/').at(-1)])
    const good = readFileSync(image)
    const spoil: readonly (() => void)[] = [
      () => truncateSync(image, good.length - 4096),
      () => writeFileSync(image, good.toString('latin1').replace('image 1', 'image 2'), 'latin1'),
      () => rmSync(image),
    ]
    for (const act of spoil) {
      act()
      mount(w, `${w.options},${HYBRID}`)
      assert.equal(lowerOf(w), 'fuse', String(act))
      unmount(w)
      writeFileSync(image, good)
    }
    mount(w, `${w.options},${HYBRID}`)
    writeFileSync(join(w.merged, 'd/y'), 'together')
    unmount(w)
    // Its `index/` keeps hard links together, by handles of the image.
    rmSync(image)
    mount(w, `${w.options},${HYBRID}`)
    assert.equal(lowerOf(w), 'image')
    assert.equal(readFileSync(join(w.merged, 'd/x'), 'utf8'), 'together')
    unmount(w)
    assert.ok(readFileSync(image).equals(good))
    const { stdout: dropped } = w.run('index', 'drop', '--json', ...w.layers)
    assert.equal(JSON.parse(dropped).dropped, true)
    assert.deepEqual(imagesOf(w), [])
  },
)

test('layers that may change, or have, are shown as they are', skip, (t) => {
  const w = scene(t)
  assert.equal(w.run('index', 'build', ...w.layers).status, 0)
  for (const options of ['engine=hybrid', `${HYBRID},metadata_image=off`]) {
    mount(w, `${w.options},${options}`)
    assert.equal(lowerOf(w), 'fuse', options)
    unmount(w)
  }
  // In a layer's root it shows, whatever was promised.
  writeFileSync(join(w.top, 'late'), 'late')
  mount(w, `${w.options},${HYBRID}`)
  assert.equal(lowerOf(w), 'fuse')
  unmount(w)
})

test('an upper that another engine has had is taken over, both ways', skip, (t) => {
  const w = scene(t)
  assert.equal(w.run('index', 'build', ...w.layers).status, 0)
  mount(w, w.options)
  writeFileSync(join(w.merged, 'b'), 'by fuse')
  unmount(w)
  mount(w, `${w.options},${HYBRID}`)
  assert.equal(lowerOf(w), 'image')
  assert.match(inspected(w).Downgrades.join(), /hard links of lower files are split/)
  assert.equal(readFileSync(join(w.merged, 'b'), 'utf8'), 'by fuse')
  writeFileSync(join(w.merged, 'd/large'), 'by the kernel')
  unmount(w)
  mount(w, w.options)
  assert.equal(readFileSync(join(w.merged, 'd/large'), 'utf8'), 'by the kernel')
  unmount(w)
})

/** `python` in a directory whose path is longer than any path may be, below `top`. */
function inTheDeep(top: string, step: string, python: string): void {
  const walk = `import os; os.chdir(${JSON.stringify(top)})\nfor _ in range(20): ${step}os.chdir('n' * 250)\n`
  assert.equal(spawnSync('python3', ['-c', walk + python], { encoding: 'utf8' }).stderr, '')
}

test('a file to which no redirect can lead is in the image whole', skip, (t) => {
  const w = scene(t)
  try {
    inTheDeep(w.top, "os.mkdir('n' * 250); ", "open('f', 'w').write('d' * 3000000)")
    assert.equal(w.run('index', 'build', ...w.layers).status, 0)
    mount(w, `${w.options},${HYBRID}`)
    assert.equal(lowerOf(w), 'image')
    inTheDeep(w.merged, '', "assert open('f').read() == 'd' * 3000000")
    unmount(w)
  } finally {
    spawnSync('rm', ['-rf', w.top])
  }
})
