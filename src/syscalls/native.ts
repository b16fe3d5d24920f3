/**
 * The addon, and the only importer of it: system calls that Node lacks, and the FUSE device (native-bindings/index.d.ts
 * says what each does). Loaded once per thread, at import; each thread gets an instance with its own `stat` record.
 * Where it cannot be loaded, what Node's own fs module offers stands in, which is enough for the other transport.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Native } from '../../native-bindings/index.js'
import { MACHINE, packageRoot, prebuiltFiles, rebuildRemedy } from '../base/package-files.js'
import { nodeNative } from './node-native.js'
import { withRoom } from './room.js'

export type {
  Device,
  DeviceConstructor,
  DirectoryEntries,
  FileHandle,
  Native,
} from '../../native-bindings/index.js'

/** Where a build leaves it: a checkout, or a package that had none for this machine. */
const BUILT = 'native-bindings/build/Release/stratafs.node'

/** The addon, or the sentence why there is none. STRATAFS_ADDON=none does without it. */
function load(): Native | string {
  if (process.env.STRATAFS_ADDON === 'none') return 'the native addon is not used (STRATAFS_ADDON=none)'
  const require = createRequire(import.meta.url)
  const built = join(packageRoot(), BUILT)
  let reason: string | null = null
  for (const path of [...(existsSync(built) ? [built] : []), ...prebuiltFiles('stratafs.node')])
    try {
      return checked(require(path) as Native)
    } catch (error) {
      reason ??= `the native addon ${path} cannot be loaded: ${(error as Error).message}`
    }
  return `${reason ?? `the native addon has not been built for ${MACHINE}`} (${rebuildRemedy()})`
}

/** The call that came last: an addon without it was built of older sources. */
const LATEST = 'isAlone'

function checked(addon: Native): Native {
  if (LATEST in addon) return addon
  throw new Error('it is older than this version')
}

const loaded = load()

/** Why there is no addon; null where it was loaded. */
export const addonObstacle: string | null = typeof loaded === 'string' ? loaded : null

/** The system calls. Failures are negative error numbers. A copy of the addon's surface: tests put hooks into it. */
export const native: Native = withRoom(typeof loaded === 'string' ? nodeNative() : { ...loaded })
