/**
 * Whose file it is, as the mount shows it and as the disk holds it: uid and gid mappings, and squashing. Where the disk
 * cannot hold permissions an xattr does (fuse-overlayfs's xattr_permissions, containers/storage's override_stat). Pure:
 * ids in, ids out.
 */
/**
 * One range of a uid or gid mapping, as fuse-overlayfs's uidmapping= writes it: `host` ids on disk, `to` ids in the
 * mount.
 */
export interface IdRange {
  readonly to: number
  readonly host: number
  readonly length: number
}

/** The kernel's overflow id, for ids that no range holds. */
const OVERFLOW = 65534

export interface IdMapping {
  readonly ranges: readonly IdRange[]
  readonly squash: number | null
}

/** An id on disk, as the mount shows it. `mapped`: the mount that the layer lies on has mapped it already. */
export function shownId(rules: IdMapping, id: number, mapped = false): number {
  if (rules.squash !== null) return rules.squash
  if (mapped || rules.ranges.length === 0) return id
  for (const range of rules.ranges) {
    if (id >= range.host && id < range.host + range.length) return range.to + (id - range.host)
  }
  return OVERFLOW
}

/** An id in the mount, as the disk holds it. */
export function storedId(rules: IdMapping, id: number): number {
  if (rules.ranges.length === 0) return id
  for (const range of rules.ranges) {
    if (id >= range.to && id < range.to + range.length) return range.host + (id - range.to)
  }
  return OVERFLOW
}

/** The names under which an override may stand, the preferred one first. */
export const overrideNames = [
  'user.containers.override_stat',
  'user.fuseoverlayfs.override_stat',
  'security.fuseoverlayfs.override_stat',
] as const

export interface Override {
  uid: number
  gid: number
  /** Permission bits. */
  mode: number
  /** File type bits where the value names one, else 0. */
  type: number
  major: number
  minor: number
}

const typeBits: Record<string, number> = {
  file: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  pipe: 0o010000,
  socket: 0o140000,
  block: 0o060000,
  char: 0o020000,
}

/** Reads `uid:gid:mode[:type[-major-minor]]` (mode in octal); null where it is anything else. */
export function parseOverride(text: string): Override | null {
  const match = /^(\d+):(\d+):([0-7]+)(?::([a-z]+)(?:-(\d+)-(\d+))?)?$/.exec(text)
  if (match === null) return null
  return {
    uid: Number(match[1]),
    gid: Number(match[2]),
    mode: Number.parseInt(match[3]!, 8) & 0o7777,
    type: match[4] === undefined ? 0 : (typeBits[match[4]] ?? 0),
    major: Number(match[5] ?? 0),
    minor: Number(match[6] ?? 0),
  }
}

/** Writes an override, with the type where `type` is not 0. */
export function formatOverride(override: Override): string {
  const base = `${override.uid}:${override.gid}:${override.mode.toString(8)}`
  const name = Object.entries(typeBits).find(([, bits]) => bits === override.type)?.[0]
  if (name === undefined) return base
  const device = name === 'block' || name === 'char' ? `-${override.major}-${override.minor}` : ''
  return `${base}:${name}${device}`
}
