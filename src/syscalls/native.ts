/**
 * The addon, and the only importer of it: system calls that Node lacks, and the FUSE device (native-bindings/index.d.ts
 * says what each does). Loaded once per thread, at import, because nothing above works without it; each thread gets
 * an instance with its own `stat` record.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Native } from '../../native-bindings/index.js'

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

function load(): Native {
  const path = join(packageRoot(), ADDON)
  try {
    return createRequire(import.meta.url)(path) as Native
  } catch (error) {
    const reason = existsSync(path) ? `cannot be loaded: ${(error as Error).message}` : 'has not been built'
    throw new Error(
      `stratafs: the native addon ${path} ${reason}. ` +
        'Build it with `npm run build:native` (needs g++, make and python3).',
      { cause: error },
    )
  }
}

/** The system calls. Failures are negative error numbers. A copy of the addon's surface: tests put hooks into it. */
export const native: Native = { ...load() }
