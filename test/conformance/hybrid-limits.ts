/**
 * What engine=hybrid does otherwise than the FUSE engine, one row a limit, each with the cases that show it. A case in
 * this list is played and has to fail. Where kernel overlayfs itself is not asked a case, for it differs
 * (`not.kernel`), this column is not asked either. docs/hybrid.md prints both.
 */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Limit } from './limits.js'

export const hybridLimits: readonly Limit[] = []

/** What it does otherwise in a user namespace, beside those of root. */
export const userLimits: readonly Limit[] = []

const find =
  (limits: readonly Limit[]) =>
  (family: string, name: string): Limit | null =>
    limits.find(({ cases }) => cases.includes(`${family}: ${name}`)) ?? null

/** The limit that makes this case fail by engine=hybrid, or null. */
export const hybridLimitOf = find(hybridLimits)

/** The same in a user namespace. */
export const userLimitOf = find([...userLimits, ...hybridLimits])

const OLDEST = [6, 16] as const

/** Why a mount cannot be by engine=hybrid here; null where it can. */
export function hybridObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!/\boverlay$/m.test(readFileSync('/proc/filesystems', 'latin1'))) return 'this kernel has no overlayfs'
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
  return isOld ? `needs Linux ${OLDEST.join('.')} (this is ${release()})` : null
}
