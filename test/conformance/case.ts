/**
 * What a conformance case is: layers described as data, and a function that acts on the merged directory and asserts
 * what it shows. It knows nothing of the filesystem it runs on, so that the same words are put to kernel overlayfs,
 * whose answers are the measure, and to each of ours. Where a column cannot be asked, the case says which capability it
 * needs; where one rightly differs, `not` names the column and the reason, and the page shows it.
 */
import assert from 'node:assert/strict'
import type { Capability, MountOptions } from './columns.js'
import { CallFailed, type Probe, type Stat } from './probe.js'
import type { Tree } from './tree.js'

export type { MountOptions } from './columns.js'

/** What a case is given. Paths are relative to the merged directory, where `fs` stands. */
export interface Scene {
  /** Acts in the merged directory. */
  readonly fs: Probe
  /** Looks at (or prepares) the layers as root; use `upper` and `lowers` for paths. Never part of the act itself. */
  readonly disk: Probe
  readonly upper: string
  readonly work: string
  readonly lowers: readonly string[]
  readonly merged: string
  /** `trusted.overlay.` or `user.overlay.`: where the marks on disk are. */
  readonly mark: string
  readonly column: string
  /** Unmounts and mounts again, with other options where given; descriptors of `fs` must be closed. */
  remount(options?: MountOptions): void
  /** Between unmount and mount again: `act` may look at or change the layers. */
  offline(act: () => void): void
  /** Makes the kernel forget what it cached: dentries, inodes and pages. */
  dropCaches(): void
}

export interface Case {
  readonly name: string
  /** Top first; [{}] when left out. */
  readonly lowers?: readonly Tree[]
  /** What the upper layer holds before; null: there is none, and the mount is read-only. */
  readonly upper?: Tree | null
  readonly options?: MountOptions
  readonly needs?: readonly Capability[]
  /** Columns that rightly differ, with the reason. */
  readonly not?: Readonly<Record<string, string>>
  run(scene: Scene): void
}

export interface Family {
  readonly name: string
  readonly cases: readonly Case[]
}

/** `act` must fail with this error name. */
export function fails(code: string, act: () => unknown): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error
    assert.equal(error.code, code, error.message)
    return
  }
  assert.fail(`it succeeded where ${code} was due`)
}

/** What times are compared by, in nanoseconds: a column says so when its own are coarser. */
let timeUnit = 1n

/** From now on times that differ by less than `unit` are the same. */
export function compareTimesBy(unit: bigint): void {
  timeUnit = unit
}

const coarse = (value: unknown): unknown => (typeof value === 'bigint' ? value - (value % timeUnit) : value)

/** The named attributes are exactly these. */
export function shows(stat: Stat, expected: Partial<Stat>): void {
  const seen: Record<string, unknown> = {}
  const due: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(expected)) {
    seen[key] = coarse(stat[key as keyof Stat])
    due[key] = coarse(value)
  }
  assert.deepEqual(seen, due)
}

/** `time` lies within the last minute by the filesystem's clock, which lags this one by a tick. */
export function isRecent(time: bigint): void {
  const age = BigInt(Date.now()) * 1_000_000n - time
  assert.ok(age > -2_000_000_000n && age < 60_000_000_000n, `${time} is ${age} ns ago`)
}

/** The value of a POSIX ACL xattr. Tags: 1 owner, 2 user, 4 group owner, 8 group, 16 mask, 32 other. */
export function acl(entries: readonly (readonly [tag: number, permissions: number, id?: number])[]): string {
  const bytes = Buffer.alloc(4 + entries.length * 8)
  bytes.writeUInt32LE(2, 0)
  entries.forEach(([tag, permissions, id], i) => {
    bytes.writeUInt16LE(tag, 4 + i * 8)
    bytes.writeUInt16LE(permissions, 6 + i * 8)
    bytes.writeUInt32LE(id ?? 0xffffffff, 8 + i * 8)
  })
  return bytes.toString('latin1')
}

export const ACL_ACCESS = 'system.posix_acl_access'
export const ACL_DEFAULT = 'system.posix_acl_default'
