/**
 * The addon, and the only importer of it: system calls that Node lacks, and the FUSE device (native-bindings/index.d.ts
 * says what each does). Loaded once per thread, at import; each thread gets an instance with its own `stat` record.
 * Where it cannot be loaded, what Node's own fs module offers stands in, which is enough for the other transport.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Native } from '../../native-bindings/index.js'
import { nodeNative } from './node-native.js'
import { withRoom } from './room.js'

export type {
  Device,
  DeviceConstructor,
  DirectoryEntries,
  FileHandle,
  Native,
} from '../../native-bindings/index.js'

const ADDON = 'native-bindings/build/Release/stratafs.node'

/** The package's directory: the nearest one above that has a package.json, for this file runs from dist/ too. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`)
    directory = parent
  }
  return directory
}

/** The addon, or the sentence why there is none. STRATAFS_ADDON=none does without it. */
function load(): Native | string {
  const path = join(packageRoot(), ADDON)
  if (process.env.STRATAFS_ADDON === 'none') return 'the native addon is not used (STRATAFS_ADDON=none)'
  try {
    return createRequire(import.meta.url)(path) as Native
  } catch (error) {
    const reason = existsSync(path) ? `cannot be loaded: ${(error as Error).message}` : 'has not been built'
    return `the native addon ${path} ${reason} (npm run build:native builds it; it needs g++, make and python3)`
  }
}

const loaded = load()

/** Why there is no addon; null where it was loaded. */
export const addonObstacle: string | null = typeof loaded === 'string' ? loaded : null

/** The system calls. Failures are negative error numbers. A copy of the addon's surface: tests put hooks into it. */
export const native: Native = withRoom(typeof loaded === 'string' ? nodeNative() : { ...loaded })
