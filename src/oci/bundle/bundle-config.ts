/**
 * The config.json of an OCI bundle, in the shape that `runc spec` (and for an ordinary user `runc spec --rootless`)
 * gives it: a process with few capabilities in namespaces of its own, and the usual filesystems. Only the root, the
 * process and what an ordinary user needs differ. Pure.
 */

export interface BundleChoices {
  /** Absolute path of the mount. */
  readonly root: string
  readonly readonly: boolean
  readonly command: readonly string[]
  readonly uid: number
  readonly gid: number
  readonly terminal: boolean
  /** Who runs the container: null is root, else it gets a user namespace in which these ids are 0. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

const CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const MASKED = ['acpi', 'asound', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug', 'scsi']

const READONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger']

const inProc = (names: readonly string[]): string[] => names.map((name) => `/proc/${name}`)

/** The document; JSON.stringify makes the file of it. */
export function bundleConfig(choices: BundleChoices): Record<string, unknown> {
  return {
    ociVersion: '1.0.2',
    process: processOf(choices),
    root: { path: choices.root, readonly: choices.readonly },
    hostname: 'stratafs',
    mounts: mountsOf(choices.owner !== null),
    linux: linuxOf(choices.owner),
  }
}

function processOf({ command, uid, gid, terminal }: BundleChoices): Record<string, unknown> {
  return {
    terminal,
    user: { uid, gid },
    args: command,
    env: [`PATH=${PATH}`, 'TERM=xterm'],
    cwd: '/',
    capabilities: {
      bounding: CAPABILITIES,
      effective: CAPABILITIES,
      permitted: CAPABILITIES,
      ambient: CAPABILITIES,
    },
    rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
    noNewPrivileges: true,
  }
}

const fresh = (destination: string, type: string, source: string, ...options: string[]): Record<string, unknown> => ({
  destination,
  type,
  source,
  ...(options.length === 0 ? {} : { options }),
})

/** A user namespace with one id has no group 5, and may not mount a sysfs whose network namespace is not its own. */
function mountsOf(rootless: boolean): Record<string, unknown>[] {
  const quiet = ['nosuid', 'noexec', 'nodev']
  const terminals = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...(rootless ? [] : ['gid=5'])]
  return [
    fresh('/proc', 'proc', 'proc'),
    fresh('/dev', 'tmpfs', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    fresh('/dev/pts', 'devpts', 'devpts', ...terminals),
    fresh('/dev/shm', 'tmpfs', 'shm', ...quiet, 'mode=1777', 'size=65536k'),
    fresh('/dev/mqueue', 'mqueue', 'mqueue', ...quiet),
    rootless ? fresh('/sys', 'none', '/sys', 'rbind', ...quiet, 'ro') : fresh('/sys', 'sysfs', 'sysfs', ...quiet, 'ro'),
    fresh('/sys/fs/cgroup', 'cgroup', 'cgroup', ...quiet, 'relatime', 'ro'),
  ]
}

function linuxOf(owner: BundleChoices['owner']): Record<string, unknown> {
  const mapping = (hostID: number) => [{ containerID: 0, hostID, size: 1 }]
  const namespaces = ['pid', ...(owner === null ? ['network'] : ['user']), 'ipc', 'uts', 'mount']
  return {
    ...(owner === null
      ? { resources: { devices: [{ allow: false, access: 'rwm' }] } }
      : { uidMappings: mapping(owner.uid), gidMappings: mapping(owner.gid) }),
    namespaces: namespaces.map((type) => ({ type })),
    maskedPaths: [...inProc(MASKED), '/sys/firmware'],
    readonlyPaths: inProc(READONLY),
  }
}
