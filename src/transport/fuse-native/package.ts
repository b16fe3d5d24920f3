/**
 * Loading the package fuse-native. Its compiled half, prebuilt or built, needs `libfuse.so.2`, which the package brings
 * along under another name and without saying where; a host that never had libfuse 2 would not find it. So that very
 * file is loaded first, to stay: the dynamic linker then knows it by the name that is asked for.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { MACHINE, prebuiltFiles, shippedPackage } from '../../base/package-files.js'

/** The one version whose insides are known. */
export const KNOWN_VERSION = '2.2.6'

/** dlopen(3): the library stays when it is closed. */
const RTLD_NODELETE = 0x1000

/** The package's class, as far as it is used; `_` marks what it does not document. */
export interface Fuse {
  open(done: (error: Error | null) => void): void
  readonly _handlers: ((call: Buffer, opcode: number, ...args: unknown[]) => void)[]
}
export type FuseClass = new (mountpoint: string, operations: object, options: object) => Fuse

interface BuildFinder {
  (directory: string): unknown
  path(directory: string): string
}

/** The package's class, or why it cannot be used here. */
export function loadFuseNative(): { readonly Fuse: FuseClass } | string {
  if (!isMainThread) return 'it works on the main thread only'
  const require = createRequire(import.meta.url)
  const folder = shippedPackage('fuse-native')
  try {
    if (folder !== null) return { Fuse: shippedFuse(require, folder) }
    const manifest = require.resolve('fuse-native/package.json')
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
    if (version !== KNOWN_VERSION) return `its version is ${version}, and only ${KNOWN_VERSION} is known`
    const finder = createRequire(manifest)('node-gyp-build') as BuildFinder
    loadLibrary(finder.path(dirname(manifest)))
    return { Fuse: require('fuse-native') as FuseClass }
  } catch (error) {
    return (error as Error).message.split('\n')[0] as string
  }
}

/** The class of the copy that our package brings. Throws in words where its compiled half is not for this machine. */
function shippedFuse(require: NodeJS.Require, folder: string): FuseClass {
  const [binding] = prebuiltFiles('fuse-native.node')
  if (binding === undefined) throw new Error(`it is built for x86-64 only, and this is ${MACHINE}`)
  loadLibrary(binding)
  return require(join(folder, 'index.cjs')) as FuseClass
}

/** Loads the libfuse beside the compiled half. */
function loadLibrary(compiledHalf: string): void {
  const library = join(dirname(compiledHalf), 'libfuse.so')
  if (!existsSync(library)) return
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE)
  } catch {
    // It is no addon, which Node says only after it was loaded. Whether it was is seen by what needs it.
  }
}
