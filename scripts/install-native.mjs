/**
 * What npm runs after a package was installed: nothing where it brought an addon that loads here, else a build from
 * source. A host that cannot build is told in one line, and still mounts where the package fuse-native can be had. In a
 * checkout scripts/setup.sh does all this. Plain JavaScript, because a package has no compiled scripts.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
// What is built here for another C library than glibc must not be taken for what is made for that.
process.report.excludeNetwork = true
const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
const folder = `${process.platform}${isGlibc ? '' : 'musl'}-${process.arch}`
const machine = join(root, 'native-bindings/prebuilt', folder)
const release = join(root, 'native-bindings/build/Release')

function loads(addon) {
  try {
    createRequire(import.meta.url)(addon)
    return true
  } catch {
    return false
  }
}

function launches(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
}

/** node-gyp as npm brings it. */
function build() {
  const gyp = process.env.npm_config_node_gyp
  const words = ['rebuild', '-C', join(root, 'native-bindings'), '--silent']
  const [program, args] = gyp === undefined ? ['node-gyp', words] : [process.execPath, [gyp, ...words]]
  return spawnSync(program, args, { stdio: 'inherit' }).status === 0 && loads(join(release, 'stratafs.node'))
}

/** Puts what was built where the command looks, and leaves none of the rest. */
function keep() {
  mkdirSync(machine, { recursive: true })
  for (const name of ['stratafs.node', 'launch']) copyFileSync(join(release, name), join(machine, name))
  rmSync(dirname(release), { recursive: true })
}

const isCheckout = existsSync(join(root, 'src'))
if (!isCheckout && !loads(join(machine, 'stratafs.node'))) {
  if (build()) keep()
  else
    console.error(
      `stratafs: no addon fits ${process.platform}-${process.arch} here, and it could not be built: install g++, ` +
        'make and python3, then run npm rebuild stratafs',
    )
}
// A launcher of another machine or C library is worse than none: the command starts Node without it.
const launcher = join(machine, 'launch')
if (!isCheckout && existsSync(launcher) && !launches(launcher)) rmSync(launcher)
