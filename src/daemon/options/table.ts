/**
 * Every mount option, one row each: whether it takes a value, and what it changes. The names are those of
 * fuse-overlayfs and of kernel overlayfs, so that their users need not learn new ones; options that mount(8), podman or
 * dockerd pass and that mean nothing here have a row too, so that a misspelt name is still noticed. Pure.
 */

import { MEANINGLESS } from './meaningless.js'
import { MountFlag } from './mount-settings.js'
import { engineName, imageUse, transportName } from './names.js'
import {
  dataLowers,
  flag,
  ignored,
  ignoredAloud,
  mountFlag,
  type OptionRow,
  only,
  path,
  refused,
  text,
  value,
} from './option-row.js'
import { unescapePath } from './split.js'
import {
  byteCount,
  Expectation,
  fsyncMode,
  id,
  idMapping,
  oneOf,
  onOff,
  seconds,
  verity,
  wholeNumber,
} from './values.js'

/** Rows of the change log. */
const CHANGES_KEPT = 100_000
const MOST_CHANGES = 1_000_000_000

const layers: Record<string, OptionRow> = {
  lowerdir: value(dataLowers, ({ config }, { lowers, data }) => {
    config.lowers = lowers
    config.dataLowers = data
  }),
  'lowerdir+': {
    takes: 'value',
    apply({ config }, written) {
      const lower = path(written)
      if (lower instanceof Expectation) return lower.words
      if (config.dataLowers.length > 0) return 'names a layer after a data-only one: name it before'
      config.lowers = [...config.lowers, lower]
      return undefined
    },
  },
  'datadir+': value(path, ({ config }, lower) => {
    config.dataLowers = [...config.dataLowers, lower]
  }),
  upperdir: value(path, ({ config }, upper) => {
    config.upper = upper
  }),
  workdir: value(path, ({ config }, work) => {
    config.work = work
  }),
}

const behaviour: Record<string, OptionRow> = {
  userxattr: flag(({ config }) => {
    config.userxattr = true
  }),
  redirect_dir: value(
    (given) => oneOf(given, ['on', 'off', 'follow', 'nofollow']),
    ({ config }, word) => {
      config.redirectDir = word
    },
  ),
  metacopy: value(onOff, ({ config }, on) => {
    config.metacopy = on
  }),
  xino: value(
    (given) => oneOf(given, ['on', 'off', 'auto']),
    ({ config }, word) => {
      config.xino = word
    },
  ),
  index: value(
    (given) => oneOf(given, ['on', 'off', 'immutable']),
    ({ config }, word) => {
      config.index = word
      config.checkPairing = word === 'on'
    },
  ),
  index_fill: value(
    (given) => oneOf(given, ['visited', 'background']),
    ({ config }, word) => {
      config.indexFill = word
    },
  ),
  nfs_export: only(['off'], 'the mount cannot be exported over NFS'),
  uuid: value(
    (given) => oneOf(given, ['on', 'off', 'null', 'auto']),
    () => {},
  ),
  verity: value(verity, ({ config }, word) => {
    config.verity = word === 'on'
  }),
  override_creds: ignored,
  nooverride_creds: refused('layers are always accessed with the rights of whoever mounted; leave it away'),
  volatile: flag(({ config }) => {
    config.volatile = true
    config.fsync = false
    config.strictSync = false
  }),
  fsync: value(fsyncMode, ({ config }, mode) => {
    // fuse-overlayfs's numbers do not take `volatile` back; the kernel's words do.
    if (mode !== '0' && mode !== '1') config.volatile = mode === 'volatile'
    config.fsync = mode !== '0' && !config.volatile
    config.strictSync = mode === 'strict'
  }),
  static_nlink: flag(({ config }) => {
    config.staticNlink = true
  }),
  noacl: flag(({ config }) => {
    config.acl = false
  }),
  acl: flag(({ config }) => {
    config.acl = true
  }),
  data: value(
    (given) => oneOf(given, ['auto', 'passthrough', 'cached']),
    ({ config }, word) => {
      config.data = word
    },
  ),
  writeback: value(
    (given) => wholeNumber(given, 1),
    ({ config }, number) => {
      config.writeback = number === 1
    },
  ),
  size: value(byteCount, ({ config }, size) => {
    config.limit = { size, inodes: config.limit?.inodes ?? 0 }
  }),
  changelog: value(
    (given) => wholeNumber(given, 1),
    ({ config }, on) => {
      config.changelog = on === 0 ? 0 : config.changelog || CHANGES_KEPT
    },
  ),
  changelog_size: value(
    (given) => wholeNumber(given, MOST_CHANGES),
    ({ config }, rows) => {
      config.changelog = rows
    },
  ),
  inodes: value(
    (given) => wholeNumber(given, Number.MAX_SAFE_INTEGER),
    ({ config }, inodes) => {
      config.limit = { size: config.limit?.size ?? 0, inodes }
    },
  ),
  copyup: value(
    (given) => oneOf(given, ['background', 'wait']),
    ({ config }, word) => {
      config.wholeFirst = word === 'wait'
    },
  ),
  awake: value(
    (given) => oneOf(given, ['auto', '0', '1']),
    ({ settings }, word) => {
      settings.awake = word === 'auto' ? word : word === '1' ? 'on' : 'off'
    },
  ),
  recover: value(
    (given) => oneOf(given, ['auto', 'on', 'off']),
    ({ settings }, word) => {
      settings.recover = word
    },
  ),
  host: value(
    (given) => oneOf(given, ['auto', 'off']),
    () => {
      // The launcher has gone by it: see native-bindings/src/launch-host.c.
    },
  ),
  timeout: value(seconds, ({ settings }, time) => {
    settings.timeout = time
  }),
}

const owners: Record<string, OptionRow> = {
  uidmapping: value(idMapping, ({ config }, ranges) => {
    config.uidMapping = ranges
  }),
  gidmapping: value(idMapping, ({ config }, ranges) => {
    config.gidMapping = ranges
  }),
  squash_to_root: flag(({ config }) => {
    config.squashToRoot = true
  }),
  squash_to_uid: value(id, ({ config }, uid) => {
    config.squashToUid = uid
  }),
  squash_to_gid: value(id, ({ config }, gid) => {
    config.squashToGid = gid
  }),
  xattr_permissions: value(
    (given) => wholeNumber(given, 2),
    ({ config }, number) => {
      config.xattrPermissions = number as 0 | 1 | 2
    },
  ),
}

const mount: Record<string, OptionRow> = {
  ro: flag(({ config }) => {
    config.readonly = true
  }),
  rw: flag(({ config }) => {
    config.readonly = false
  }),
  suid: mountFlag(MountFlag.NOSUID, false),
  nosuid: mountFlag(MountFlag.NOSUID, true),
  dev: mountFlag(MountFlag.NODEV, false),
  nodev: mountFlag(MountFlag.NODEV, true),
  exec: mountFlag(MountFlag.NOEXEC, false),
  noexec: mountFlag(MountFlag.NOEXEC, true),
  sync: mountFlag(MountFlag.SYNCHRONOUS, true),
  async: mountFlag(MountFlag.SYNCHRONOUS, false),
  dirsync: mountFlag(MountFlag.DIRSYNC, true),
  nosymfollow: mountFlag(MountFlag.NOSYMFOLLOW, true),
  symfollow: mountFlag(MountFlag.NOSYMFOLLOW, false),
  lazytime: mountFlag(MountFlag.LAZYTIME, true),
  nolazytime: mountFlag(MountFlag.LAZYTIME, false),
  nodiratime: mountFlag(MountFlag.NODIRATIME, true),
  diratime: mountFlag(MountFlag.NODIRATIME, false),
  atime: flag(({ config, settings }) => {
    config.noatime = false
    settings.flags &= ~MountFlag.NOATIME
  }),
  noatime: flag(({ config, settings }) => {
    config.noatime = true
    settings.flags |= MountFlag.NOATIME
  }),
  fsname: value(text, ({ settings }, name) => {
    settings.fsname = unescapePath(name)
  }),
  subtype: value(text, ({ settings }, name) => {
    settings.subtype = name
  }),
  allow_other: flag(({ settings }) => {
    settings.allowOther = true
  }),
  allow_root: flag(({ settings }) => {
    settings.allowRoot = true
  }),
  default_permissions: ignored,
  remount: { takes: 'nothing', apply: () => 'is for a mount that stands: `mount -o remount,ro MERGED`' },
}

const daemon: Record<string, OptionRow> = {
  engine: value(engineName, ({ settings }, name) => {
    settings.engine = name
  }),
  metadata_image: value(imageUse, ({ settings }, word) => {
    settings.metadataImage = word
  }),
  transport: value(transportName, ({ settings }, name) => {
    settings.transport = name
  }),
  auto_unmount: flag(({ settings }) => {
    settings.autoUnmount = true
  }),
  accept_limits: flag(({ settings }) => {
    settings.acceptLimits = true
  }),
  log: value(path, ({ settings }, file) => {
    settings.journal = file === 'journal'
    settings.logFile = settings.journal ? null : file
  }),
  debug: flag(({ settings }) => {
    settings.trace = true
  }),
}

const LABELS = 'files show the security labels their layers gave them'
const labels = ['context', 'fscontext', 'defcontext', 'rootcontext', 'seclabel']

/** Every known option by name. */
export const optionTable: ReadonlyMap<string, OptionRow> = new Map([
  ...Object.entries({ ...layers, ...behaviour, ...owners, ...mount, ...daemon }),
  ...labels.map((name) => [name, ignoredAloud(name, LABELS)] as const),
  ...MEANINGLESS.split(' ').map((name) => [name, ignored] as const),
])

/** Options of other programs that may stand in an fstab line: `x-systemd.automount`, `X-mount.mkdir`. */
export function isForeign(name: string): boolean {
  return /^x-/i.test(name)
}
