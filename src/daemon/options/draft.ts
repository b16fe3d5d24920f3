/**
 * The half-read options of one mount, which the rows of the option table fill in, and their defaults. Only the parser
 * sees a draft; it hands out finished, read-only configurations.
 */
import type { UnionConfig } from '../../union/context/config.js'
import type { MountSettings } from './mount-settings.js'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export interface Draft {
  readonly config: Writable<Omit<UnionConfig, 'lowers' | 'dataLowers'>> & { lowers: string[]; dataLowers: string[] }
  readonly settings: Writable<MountSettings>
  /** What was given and is not done, in words. */
  readonly warnings: string[]
  /** Options that were named, whatever their value. */
  readonly named: Set<string>
}

/** Nothing named yet: every option at its default. */
export function emptyDraft(): Draft {
  return { config: defaultConfig(), settings: defaultSettings(), warnings: [], named: new Set() }
}

function defaultConfig(): Draft['config'] {
  return {
    lowers: [],
    dataLowers: [],
    upper: null,
    work: null,
    readonly: false,
    userxattr: null,
    redirectDir: 'on',
    metacopy: false,
    userRedirects: 'off',
    xino: 'auto',
    volatile: false,
    fsync: true,
    strictSync: false,
    noatime: false,
    uidMapping: [],
    gidMapping: [],
    squashToRoot: false,
    squashToUid: null,
    squashToGid: null,
    xattrPermissions: 0,
    staticNlink: false,
    acl: true,
    data: 'auto',
    writeback: false,
    limit: null,
    changelog: 0,
    index: 'on',
    indexFill: 'background',
  }
}

function defaultSettings(): Draft['settings'] {
  return {
    fsname: 'stratafs',
    subtype: 'stratafs',
    flags: 0,
    allowOther: null,
    allowRoot: false,
    engine: 'auto',
    metadataImage: 'auto',
    timeout: null,
    recover: 'off',
    awake: 'auto',
    logFile: null,
    journal: false,
    trace: false,
    makeWork: false,
    transport: null,
    acceptLimits: false,
    autoUnmount: false,
  }
}
