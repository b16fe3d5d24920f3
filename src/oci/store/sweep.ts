/**
 * What killed processes left in a store: half unpacked and half removed layers, half written documents, locks for
 * layers that are not there, uppers that never came to a mount. Called by whoever holds the store alone, so hidden
 * names are nobody's.
 */

import { existsSync, rmdirSync, rmSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { namesIn } from '../../base/names-in.js'
import { pathBytes } from '../../base/text.js'
import { lockDirectories } from '../../daemon/mount/locks.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { removeUnpacked } from '../apply/remove.js'
import { lockedNow } from './lock.js'

const LAYER = /^(chain-)?sha256-[0-9a-f]{64}$/

/** Sweeps the store at `path` (absolute, latin1). What cannot be removed stays for the next one. */
export function sweepStore(path: string): void {
  sweepLayers(path)
  // The store's own document is written by whoever opens it, before he holds it.
  lockedNow(path, () => removeHalfWritten(path))
  removeHalfWritten(`${path}/images`)
  for (const name of namesIn(`${path}/locks`))
    if (LAYER.test(name) && !existsSync(pathBytes(`${path}/layers/${name}`)))
      rmSync(pathBytes(`${path}/locks/${name}`), { force: true })
  for (const name of namesIn(`${path}/uppers`)) removeUnused(`${path}/uppers/${name}`)
}

function removeHalfWritten(folder: string): void {
  for (const name of namesIn(folder))
    if (/\.json\.[0-9a-f]{8}\.new$/.test(name)) rmSync(pathBytes(`${folder}/${name}`), { force: true })
}

function sweepLayers(path: string): void {
  withFd(native.openat(AT_FDCWD, `${path}/layers`, O_RDONLY | O_DIRECTORY, 0), (fd) => {
    for (const name of namesIn(`${path}/layers`)) if (name.startsWith('.')) removeUnpacked(fd, name)
  })
}

/** An upper that nobody has mounted, and a work directory that no mount ever put anything into. */
function removeUnused(path: string): void {
  const parts = ['upper', 'work'].filter((name) => existsSync(pathBytes(`${path}/${name}`)))
  const locks = lockDirectories(parts.map((name) => ['upper', `${path}/${name}`] as const))
  if (locks instanceof StratafsError) return
  try {
    // Only what is empty can go; the work directory first, as it alone tells of a mount that was.
    for (const name of [...parts.toReversed(), '']) rmdirSync(pathBytes(`${path}/${name}`))
  } catch {
    // It holds something.
  } finally {
    locks.release()
  }
}
