/**
 * What stratafs needs in machine code, put where a package takes it from (native-bindings/prebuilt) and
 * src/base/package-files.ts finds it: a folder of binaries for each machine, and the JavaScript of the packages that
 * they belong to, without their sources and other platforms. So an installed package needs no compiler, and nothing
 * beside itself.
 *
 * Usage: node dist/scripts/package/prebuilt.js     (the last step of a build: for the machine that built)
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkoutRoot } from '../checkout.js'

const FUSE_NATIVE = 'fuse-native'
/** Packages of which a folder of JavaScript is taken as it is. */
const TAKEN: readonly (readonly [name: string, folder: string])[] = [
  ['better-sqlite3', 'lib'],
  ['better-sqlite3-napi', 'lib'],
  ['zstd-napi', 'dist'],
]

/** Files by their names in a machine's folder: where each was built. */
export type Binaries = Readonly<Record<string, string>>

/** `native-bindings/prebuilt` of a checkout. */
export function prebuiltFolder(root: string): string {
  return join(root, 'native-bindings/prebuilt')
}

/** The name of better-sqlite3's older line, which is built for the Node that runs this. */
export const SQLITE_OF_ABI = `better-sqlite3-abi${process.versions.modules}.node`

/** What a build in `root` and its node_modules left for the machine that runs this. */
function hostBinaries(root: string): Binaries {
  const release = join(root, 'native-bindings/build/Release')
  const modules = join(root, 'node_modules')
  const machine = `${process.platform}-${process.arch}`
  const fuse = join(modules, FUSE_NATIVE, 'prebuilds', machine)
  return {
    'stratafs.node': join(release, 'stratafs.node'),
    launch: join(release, 'launch'),
    [SQLITE_OF_ABI]: join(modules, 'better-sqlite3/build/Release/better_sqlite3.node'),
    'better-sqlite3-napi.node': join(modules, 'better-sqlite3-napi/prebuilds', `${machine}.node`),
    'zstd.node': join(modules, 'zstd-napi/build/Release/binding.node'),
    'fuse-native.node': join(fuse, 'node.napi.node'),
    'libfuse.so': join(fuse, 'libfuse.so'),
  }
}

/**
 * Copies those of `binaries` that exist into the folder of `machine`, each in one step: a mount may have the old ones
 * loaded.
 */
export function placeBinaries(root: string, machine: string, binaries: Binaries): void {
  const folder = join(prebuiltFolder(root), machine)
  mkdirSync(folder, { recursive: true })
  for (const [name, source] of Object.entries(binaries)) if (existsSync(source)) put(join(folder, name), source)
}

function put(path: string, source: string): void {
  if (existsSync(path) && readFileSync(path).equals(readFileSync(source))) return
  cpSync(source, `${path}.new`, { dereference: true })
  chmodSync(`${path}.new`, path.endsWith('.node') || path.endsWith('.so') ? 0o644 : 0o755)
  renameSync(`${path}.new`, path)
}

/** The JavaScript of the packages whose binaries lie in the machines' folders. */
async function placePackages(root: string): Promise<void> {
  const modules = join(root, 'node_modules')
  for (const [name, folder] of TAKEN) {
    if (!existsSync(join(modules, name))) continue
    const place = newFolder(root, name)
    for (const part of [folder, 'LICENSE', 'NOTICE']) takePart(join(modules, name), place, part)
    dropUnneeded(place)
    describe(join(modules, name), place)
  }
  const zstd = join(prebuiltFolder(root), 'packages/zstd-napi')
  if (existsSync(zstd)) writeFileSync(join(zstd, 'binding.js'), `module.exports = ${loadOf('zstd.node', '../..')}\n`)
  await placeFuseNative(root)
}

function newFolder(root: string, name: string): string {
  const place = join(prebuiltFolder(root), 'packages', name)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  return place
}

function takePart(from: string, to: string, part: string): void {
  if (existsSync(join(from, part))) cpSync(join(from, part), join(to, part), { recursive: true, dereference: true })
}

/** Declarations, maps, and what loads the binaries of one platform from a place that is not ours. */
const UNNEEDED = /\.d\.ts$|\.map$|\/(?:darwin|linux|linuxmusl|win32)-\w+\.js$/

function dropUnneeded(place: string): void {
  for (const name of readdirSync(place, { recursive: true, encoding: 'utf8' }))
    if (UNNEEDED.test(`/${name}`)) rmSync(join(place, name))
}

/** What it is and whose: no scripts, and nothing to be installed with it. */
function describe(from: string, to: string): void {
  const { name, version, license, author, repository, main } = JSON.parse(
    readFileSync(join(from, 'package.json'), 'utf8'),
  )
  writeFileSync(join(to, 'package.json'), `${JSON.stringify({ name, version, license, author, repository, main })}\n`)
}

/** JavaScript that loads the machine's own `name`; `up` leads from the module to native-bindings/prebuilt. */
function loadOf(name: string, up: string): string {
  return `require('${up}/'.concat(process.platform, '-', process.arch, '/${name}'))`
}

/** fuse-native with the few modules that it loads, in one file; without esbuild it is looked for in node_modules. */
async function placeFuseNative(root: string): Promise<void> {
  const from = join(root, 'node_modules', FUSE_NATIVE)
  const esbuild = await import('esbuild').catch(() => null)
  if (esbuild === null || !existsSync(from)) return
  const place = newFolder(root, FUSE_NATIVE)
  const shims: Record<string, string> = {
    'node-gyp-build': `module.exports = () => ${loadOf('fuse-native.node', '../..')}`,
    // It sets a host up for fuse-native's own command, which is not shipped.
    'fuse-shared-library': 'module.exports = {}',
  }
  await esbuild.build({
    entryPoints: [join(from, 'index.js')],
    outfile: join(place, 'index.cjs'),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    legalComments: 'eof',
    logLevel: 'error',
    plugins: [
      {
        name: 'shims',
        setup(build) {
          build.onResolve({ filter: /^(node-gyp-build|fuse-shared-library)$/ }, ({ path }) => ({
            path,
            namespace: 'shim',
          }))
          build.onLoad({ filter: /.*/, namespace: 'shim' }, ({ path }) => ({ contents: shims[path] as string }))
        },
      },
    ],
  })
  takePart(from, place, 'LICENSE')
  cpSync(join(root, 'node_modules/fuse-shared-library-linux/LICENSE'), join(place, 'LICENSE.libfuse'))
  describe(from, place)
}

/** Everything for the machine that runs this; binaries that were not built are left out. */
export async function placeForHost(root: string): Promise<void> {
  placeBinaries(root, `${process.platform}-${process.arch}`, hostBinaries(root))
  await placePackages(root)
}

/** Takes symbols out that nobody loads by. `tool` is the strip of the binaries' machine. */
export function strip(folder: string, tool: string): void {
  const paths = readdirSync(folder).map((name) => join(folder, name))
  execFileSync(tool, ['--strip-unneeded', '--remove-section=.comment', ...paths])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await placeForHost(checkoutRoot())
}
